"""What is compared: an implementation that runs here, the recipe that claims to be it, and the description of its stages."""

import dataclasses
from collections.abc import Callable

import numpy

from . import arithmetic


@dataclasses.dataclass
class Tensors:
    """What an implementation gave, as float32 arrays; cos, sin (tokens, r/2), vectors (heads, tokens, d)."""

    frequency: numpy.ndarray  # (r/2): what its angles are made from: frequencies, timescales or steps
    # Cosines and sines in binary32, before they are stored in the type of the table; none where the implementation takes them of
    # numbers of a narrower type and no binary32 number is to be seen.
    cos32: numpy.ndarray | None
    sin32: numpy.ndarray | None
    cos: numpy.ndarray
    sin: numpy.ndarray
    rotated_q: numpy.ndarray
    rotated_k: numpy.ndarray
    logits: numpy.ndarray | None = None  # (heads, queries, keys), of all pairs


@dataclasses.dataclass(frozen=True)
class Implementation:
    """One implementation in some types."""

    name: str
    runs: str  # what ran, for the document
    rotary: str
    attention: str | None  # nil: no logits
    types: tuple[str, ...]
    # (q, k, positions, base, type) -> Tensors
    compute: Callable
    layout: str = "half-split"
    # Type of the table where it is not the type of the model.
    table_type: str | None = None
    frequency: Callable = arithmetic.power_reciprocal
    # Whether frequencies are rounded to the type of the model.
    casts_frequency: bool = False
    angle: Callable = arithmetic.product32
    rotation: Callable = arithmetic.per_operation
    logits: Callable | None = None
    # The order in which its products of matrices add, by type.
    order: Callable = arithmetic.order
    # The bound, in units in the last place of binary32, that its cos and sin keep.
    ulps: float = 1.0

    def recipe(self, type_name):
        if not self.attention:
            return f"{self.rotary}-{type_name}"
        # PyTorch's order in fp32 has a name of its own.
        order = "-fp32" if (self.attention, type_name) == ("torch-cpu", "fp32") else ""
        return f"{self.rotary}/{self.attention}{order}/{type_name}"

    def table(self, type_name):
        return self.table_type or type_name
