"""The command line of agreement: progress to stderr, the document to a file."""

import argparse
import pathlib
import sys
import tempfile

import numpy

from capture.failure import WRONG_USAGE, Failure

from . import document, emulated, explanation, orders, pytorch, transcriptions


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        print(f"agreement: {message}; see --help", file=sys.stderr)
        sys.exit(WRONG_USAGE)


def _parser():
    root = _Parser(
        prog="agreement.py",
        allow_abbrev=False,
        description="Compares `ropedrift emulate` with implementations that run on this machine and writes a document.",
        epilog="exit codes: 0 every difference is explained, 1 one is not, or a failure, 64 wrong usage, 130 interrupted",
    )
    root.add_argument("--ropedrift", required=True, metavar="FILE", help="the built command")
    root.add_argument("-o", "--output", required=True, metavar="FILE", help="the document to write; replaced if there")
    root.add_argument("--only", metavar="RECIPE", help="rows of one rotary recipe only, for trying things out")
    root.add_argument("--orders", action="store_true", help=argparse.SUPPRESS)
    return root


def _rows(emulator, root, only):
    """(implementation, type, {range: {tensor: Count}})."""
    for implementation in pytorch.IMPLEMENTATIONS + transcriptions.IMPLEMENTATIONS:
        if only and implementation.rotary != only:
            continue
        for type_name in implementation.types:
            recipe = implementation.recipe(type_name)
            if implementation.logits:
                recipe = emulator.recipe(recipe, implementation.order(type_name))
            row = {}
            for positions in emulated.ranges():
                counts = row.setdefault(positions.name, {})
                for data in emulated.inputs(root):
                    window = data.window(0 if positions.tokens == 512 else 256, positions.tokens)
                    for shift in positions.shifts:
                        ids = numpy.arange(positions.tokens) + shift
                        theirs = implementation.compute(window.q, window.k, ids, window.base, type_name)
                        ours = emulator.tensors(
                            window, recipe, implementation.layout, shift, implementation.logits is not None
                        )
                        found = explanation.compare(implementation, type_name, window, ids, theirs, ours)
                        for tensor, count in found.items():
                            counts.setdefault(tensor, explanation.Count())
                            counts[tensor] += count
            summary = {
                tensor: (sum(row[p][tensor].differing for p in row), sum(row[p][tensor].causes["unexplained"] for p in row))
                for tensor in next(iter(row.values()))
            }
            print(f"{implementation.name} {type_name}: (differing, unexplained) {summary}", file=sys.stderr, flush=True)
            yield implementation, type_name, row


def main(arguments):
    options = _parser().parse_args(arguments)
    root = pathlib.Path(__file__).resolve().parents[2]
    try:
        if options.orders:
            orders.print_found()
            return 0
        with tempfile.TemporaryDirectory() as folder:
            emulator = emulated.Emulator(pathlib.Path(options.ropedrift).resolve(), folder)
            version = emulator.version()
            rows = list(_rows(emulator, root, options.only))
        unexplained = document.write(options.output, rows, version, [] if options.only else orders.found_on_both())
        if unexplained:
            raise Failure(f"{unexplained} differences are not explained; see {options.output}")
    except Failure as failure:
        print(f"agreement: {failure}", file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:
        return 130
    print(f"written to {options.output}")
    return 0
