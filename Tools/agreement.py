#!/usr/bin/env python3
"""Compares what `ropedrift emulate` writes with what implementations compute on this machine, every element's encoding.

Writes Documentation/Agreement.md. Every difference is put down to a cause that is checked element by element; what cannot be
is counted as unexplained, and then the exit code is 1.

Usage: Tools/agreement.py --help; `make agreement` sets the environment up (Tools/agreement-requirements.txt).
"""

import os
import sys

# Before PyTorch is loaded: which of its kernels run would otherwise depend on the processor, and the order of sums with it.
os.environ["ATEN_CPU_CAPABILITY"] = "avx2"
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"

from agreement.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
