#!/usr/bin/env python3
"""Captures queries, keys and values of a language model before rotation, as the safetensors file that ropedrift reads.

Drift depends on what real models compute; this is how a user measures it on a model and a text of their own.

Usage: Tools/capture.py transformers|gguf|compare --help
Exit code: 0 done, 1 unreadable or invalid input or a failure, 64 wrong usage, 130 interrupted. Python 3.11 or later;
Tools/requirements.txt for gguf and compare, Tools/requirements-transformers.txt for transformers. `make capture` sets both
the environment and a first model up.
"""

import sys

from capture.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
