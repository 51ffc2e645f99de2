"""Roundings and correctly rounded functions, from NumPy and mpmath alone: nothing here shares code with the product."""

import functools

import ml_dtypes
import mpmath
import numpy

TYPES = {"bf16": numpy.dtype(ml_dtypes.bfloat16), "fp16": numpy.dtype("<f2"), "fp32": numpy.dtype("<f4")}
PRECISION = 200  # bits; binary32 cosines of binary32 angles are decided long before


def stored(values, type_name):
    """binary32 values rounded once, to nearest even, and widened again: (…) float32."""
    assert values.dtype == numpy.float32
    with numpy.errstate(over="ignore", invalid="ignore"):
        return _one_nan(values.astype(TYPES[type_name]).astype(numpy.float32))


def _one_nan(values):
    """Every NaN as one: positive, quiet, no payload, as the product stores it. Signs and payloads are not compared."""
    return numpy.where(numpy.isnan(values), numpy.float32(numpy.nan), values)


def encodings(values, type_name):
    """float32 values of a type as its bits; a value that the type does not have is a fault of the comparison."""
    values = _one_nan(values)
    with numpy.errstate(over="ignore"):
        narrow = values.astype(TYPES[type_name])
    wide = narrow.astype(numpy.float32)
    if not numpy.array_equal(wide.view(numpy.uint32), values.view(numpy.uint32)):
        raise ValueError(f"values that {type_name} does not have")
    return narrow.view({2: numpy.uint16, 4: numpy.uint32}[narrow.itemsize])


def fused(a, b, c):
    """RN(a·b + c) in binary32, once: the product is exact in binary64, the sum is rounded to odd there [Boldo2008]."""
    product = a.astype(numpy.float64) * b.astype(numpy.float64)
    c = c.astype(numpy.float64)
    total = product + c
    back = total - product
    rest = (product - (total - back)) + (c - back)
    bits = total.view(numpy.int64).copy() if total.flags.c_contiguous else numpy.ascontiguousarray(total).view(numpy.int64)
    inexact = (rest != 0) & numpy.isfinite(total)
    toward_zero = inexact & ((rest < 0) != (total < 0))
    bits = numpy.where(toward_zero, bits - 1, bits)
    bits = numpy.where(inexact, bits | 1, bits)
    return bits.view(numpy.float64).astype(numpy.float32)


def _binary32(value):
    with mpmath.workprec(24):
        return numpy.float32(float(+value))


@functools.lru_cache(maxsize=None)
def _function(name, argument):
    with mpmath.workprec(PRECISION):
        return getattr(mpmath, name)(mpmath.mpf(argument))


def correct(name, argument):
    """cos or sin of a binary32 number, correctly rounded to binary32; NaN of an infinity."""
    if not numpy.isfinite(argument):
        return numpy.float32(numpy.nan)
    return _binary32(_function(name, float(argument)))


def ulps(name, argument, value):
    """|value − f(argument)| in units in the last place of binary32 at f(argument); infinite where either has none."""
    if not numpy.isfinite(argument) or not numpy.isfinite(value):
        return numpy.inf
    exact = _function(name, float(argument))
    with mpmath.workprec(PRECISION):
        _, exponent = mpmath.frexp(exact)
        return float(abs(mpmath.mpf(float(value)) - exact) / mpmath.ldexp(1, max(exponent, -125) - 24))


def power32(base, exponent):
    """base^exponent of binary32 numbers, correctly rounded to binary32."""
    with mpmath.workprec(PRECISION):
        return _binary32(mpmath.mpf(float(base)) ** mpmath.mpf(float(exponent)))


def power64(base, exponent):
    """base^exponent of binary64 numbers, correctly rounded to binary64."""
    with mpmath.workprec(PRECISION):
        value = mpmath.mpf(float(base)) ** mpmath.mpf(float(exponent))
    with mpmath.workprec(53):
        return float(+value)
