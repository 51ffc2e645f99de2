"""Two captures against each other: how many elements have the same bits, and how far the others are apart."""

import numpy

from . import tensor_file
from .failure import Failure


def compare(expected_path, found_path):
    """Yields a line for each tensor that both files have. Raises Failure if there is none or shapes or types differ."""
    expected, _ = tensor_file.read(expected_path)
    found, _ = tensor_file.read(found_path)
    names = sorted(set(expected) & set(found), key=lambda name: [(len(part), part) for part in name.split(".")])
    if not names:
        raise Failure(f"{expected_path} and {found_path} have no tensor in common; capture the same layers")
    yield "tensor,elements,equal_bits,equal_bits_fraction,max_difference,max_magnitude"
    for name in names:
        one, other = expected[name], found[name]
        if one.shape != other.shape or one.dtype != other.dtype:
            raise Failure(
                f"{name}: {one.dtype} {list(one.shape)} in {expected_path}, {other.dtype} {list(other.shape)} in"
                f" {found_path}; capture the same tokens in the same type"
            )
        bits = numpy.dtype(f"u{one.dtype.itemsize}")
        equal = int((one.view(bits) == other.view(bits)).sum())
        wide, other_wide = one.astype(numpy.float64), other.astype(numpy.float64)
        difference = float(numpy.abs(wide - other_wide).max()) if one.size else 0.0
        magnitude = float(numpy.abs(wide).max()) if one.size else 0.0
        fraction = equal / one.size if one.size else 1.0
        yield f"{name},{one.size},{equal},{fraction:.6f},{difference:.6g},{magnitude:.6g}"
