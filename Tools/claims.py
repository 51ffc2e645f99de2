#!/usr/bin/env python3
"""Holds the numerical claims of a paper and of the study that disputes it against real runs, and writes Documentation/Claims.md.

    Tools/claims.py run --ropedrift PATH       captures and reports into out/claims, figures into Reports/claims
    Tools/claims.py render                     the document from those figures alone

Every number in the document is computed; verdicts are given by rules that the document states (claims/rules.py). `make claims` sets
the environment up and does both. Exit code: 0 done, 1 a failure, 64 wrong usage.
"""

import sys

from claims.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
