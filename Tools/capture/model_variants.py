"""The same shape with other weights, and the same function in another order of summation.

Both change what a GGUFModel gives out weight by weight, so that every backend that runs the model sees them.
"""

import zlib

import numpy

from .failure import Failure

# Tensors by which of their axes is the residual stream (P) and which the inner width of the MLP (R); None is left alone.
_ORDERS = {
    "token_embd": (None, "P"),
    "output": (None, "P"),
    "output_norm": ("P",),
    "attn_norm": ("P",),
    "ffn_norm": ("P",),
    "attn_q": (None, "P"),
    "attn_k": (None, "P"),
    "attn_v": (None, "P"),
    "attn_output": ("P", None),
    "ffn_gate": ("R", "P"),
    "ffn_up": ("R", "P"),
    "ffn_down": ("P", "R"),
}


def _generator(seed, name):
    """Random numbers of one tensor: a function of seed and name, whatever else is drawn."""
    return numpy.random.Generator(numpy.random.Philox(key=[seed, zlib.crc32(name.encode())]))


def randomised(std, seed):
    """A change of weights: matrices normal with mean 0 and standard deviation `std`, norms 1, biases 0."""

    def change(name, weight):
        if name.endswith(".bias"):
            return numpy.zeros_like(weight)
        if weight.ndim == 1:
            return numpy.ones_like(weight)
        numbers = _generator(seed, name).standard_normal(weight.shape, dtype=numpy.float32)
        return numbers * numpy.float32(std)

    return change


def reordered(width, inner, seed):
    """A change of weights that puts the channels of the residual stream and of each MLP in another order.

    The model computes the same function: every sum over those channels runs in another order, and nothing else changes.
    Queries, keys and values keep their channels.
    """
    orders = {
        "P": _generator(seed, "residual stream").permutation(width),
        "R": _generator(seed, "inner width").permutation(inner),
    }

    def change(name, weight):
        kind = name.removesuffix(".weight").removesuffix(".bias").rsplit(".", 1)[-1]
        axes = _ORDERS.get(kind)
        if axes is None:
            raise Failure(f"{name}: its channels cannot be put in another order; use another --null")
        if name.endswith(".bias"):
            axes = axes[:1]
        for axis, order in enumerate(axes):
            if order is not None:
                weight = numpy.take(weight, orders[order], axis=axis)
        return numpy.ascontiguousarray(weight)

    return change


def then(first, second):
    """Both changes, in this order; either may be None."""
    if first is None or second is None:
        return first or second
    return lambda name, weight: second(name, first(name, weight))
