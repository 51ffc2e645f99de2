"""Logits and probabilities of chosen queries, as a run computed them, beside the capture.

They take memory with tokens times rows, and with the square of the tokens where all rows are wanted; so there is a limit.
"""

import numpy

from . import token_ids
from .failure import WRONG_USAGE, Failure

LIMIT = 1 << 30  # bytes in a file
ROWS_NAME = "attention.rows"


def chosen(text, tokens):
    """Query tokens of a list with ranges such as 0,100-120, or all; ascending."""
    try:
        return token_ids.chosen_layers(text, tokens)
    except Failure:
        raise Failure(
            f"--attention-rows '{text}': expected a list of query tokens below {tokens} such as 0,100-120, or all", WRONG_USAGE
        ) from None


def check_size(rows, layers, heads, tokens, element_bytes):
    """Raises Failure where the rows would take more than LIMIT bytes in a file."""
    size = 2 * len(rows) * layers * heads * tokens * element_bytes
    if size > LIMIT:
        most = LIMIT // (2 * layers * heads * tokens * element_bytes)
        raise Failure(
            f"--attention-rows: logits and probabilities of {len(rows)} queries in {layers} layers would take {size} bytes, and"
            f" {LIMIT} is the most; name at most {most} queries, or fewer layers",
            WRONG_USAGE,
        )


class AttentionRows:
    """Rows of the forward pass in NumPy. A key that a query does not see has the logit -inf and the probability 0."""

    def __init__(self, rows, heads, tokens):
        self.rows, self.shape = numpy.asarray(rows, numpy.int64), (heads, len(rows), tokens)
        self.found = {}

    def watch(self, layer):
        def see(name, head, start, block):
            key = f"layers.{layer}.{name}"
            if key not in self.found:
                empty = -numpy.inf if name == "logits" else 0
                self.found[key] = numpy.full(self.shape, empty, numpy.float32)
            places = numpy.flatnonzero((self.rows >= start) & (self.rows < start + block.shape[0]))
            self.found[key][head, places, : block.shape[1]] = block[self.rows[places] - start]

        return see
