"""The arithmetic of each stage as a second, independent description: what an implementation's later stages make of what its own
earlier stages gave, and what the recipe makes of correctly rounded functions."""

import numpy

from .numbers import fused, power32, power64, stored

# --- inverse frequency: (r/2) float32, what the angle is made from. The power is correctly rounded, or with `off` that many
# units in the last place beside it, for a library's power that is not.


def exponents(size):
    return numpy.arange(0, size, 2).astype(numpy.float32) / numpy.float32(size)


def _moved(powers, off):
    for _ in range(abs(off)):
        powers = numpy.nextafter(powers, powers.dtype.type(numpy.inf * off))
    return powers


def timescales(base, size, off=0):
    return _moved(numpy.array([power32(base, e) for e in exponents(size)], numpy.float32), off)


def power_reciprocal(base, size, off=0):
    return numpy.float32(1) / timescales(base, size, off)


def power_in_double_reciprocal(base, size, off=0):
    powers = _moved(numpy.array([power64(base, i / size) for i in range(0, size, 2)]), off)
    return numpy.float32(1) / powers.astype(numpy.float32)


def step(base, size, off=0):
    ratio = numpy.float32(-2) / numpy.float32(size)
    return _moved(numpy.full(size // 2, power32(base, ratio), numpy.float32), off)


# --- angle: (tokens, r/2) float32, from positions and the numbers above.


def product32(positions, frequency, _type):
    return positions[:, None].astype(numpy.float32) * frequency


def product_in_type(positions, frequency, type_name):
    # A product of two 16-bit numbers is exact in binary32.
    return stored(stored(positions.astype(numpy.float32), type_name)[:, None] * frequency, type_name)


def quotient32(positions, timescale, _type):
    return positions[:, None].astype(numpy.float32) / timescale


def iterated32(positions, steps, _type):
    angles = numpy.empty((len(positions), len(steps)), numpy.float32)
    angle = positions.astype(numpy.float32)
    for pair, factor in enumerate(steps):
        angles[:, pair] = angle
        angle = angle * factor
    return angles


# --- rotation: x (heads, tokens, d) float32 values of the type, cos and sin (tokens, r/2) as stored.


def channels(size, layout):
    half = size // 2
    return (slice(0, half), slice(half, size)) if layout == "half-split" else (slice(0, size, 2), slice(1, size, 2))


def _rotated(x, layout, first, second):
    a, b = channels(x.shape[-1], layout)
    out = numpy.empty_like(x)
    out[..., a] = first(x[..., a], x[..., b])
    out[..., b] = second(x[..., a], x[..., b])
    return out


def per_operation(x, cos, sin, type_name, layout):
    def r(value):
        return stored(value, type_name)

    return _rotated(
        x, layout, lambda a, b: r(r(a * cos) - r(b * sin)), lambda a, b: r(r(a * sin) + r(b * cos))
    )


def in_binary32(x, cos, sin, type_name, layout):
    return _rotated(
        x,
        layout,
        lambda a, b: stored(a * cos - b * sin, type_name),
        lambda a, b: stored(a * sin + b * cos, type_name),
    )


def first_product_fused(x, cos, sin, type_name, layout):
    def wide(value, like):
        return numpy.broadcast_to(value, like.shape)

    return _rotated(
        x,
        layout,
        lambda a, b: stored(fused(a, wide(cos, a), -(b * sin)), type_name),
        lambda a, b: stored(fused(a, wide(sin, a), b * cos), type_name),
    )


# --- sums: query (heads, m, d) and key (heads, n, d) float32 operands, (heads, m, n) float32.


def lanes(query, key, count):
    """Channel c to accumulator c mod count, halves folded; products of 16-bit operands are exact."""
    out = numpy.empty((query.shape[0], query.shape[1], key.shape[1]), numpy.float32)
    for head in range(query.shape[0]):
        for row in range(0, query.shape[1], 32):
            q, k = query[head, row : row + 32, None], key[head, None]
            sums = numpy.zeros((q.shape[0], k.shape[1], count), numpy.float32)
            for start in range(0, query.shape[2], count):
                sums += q[..., start : start + count] * k[..., start : start + count]
            while sums.shape[-1] > 1:
                half = sums.shape[-1] // 2
                sums = sums[..., :half] + sums[..., half:]
            out[head, row : row + 32] = sums[..., 0]
    return out


def sequential_fused(query, key):
    sums = numpy.zeros((query.shape[0], query.shape[1], key.shape[1]), numpy.float32)
    for channel in range(query.shape[2]):
        q = numpy.broadcast_to(query[:, :, None, channel], sums.shape)
        sums = fused(q, numpy.broadcast_to(key[:, None, :, channel], sums.shape), sums)
    return sums


def product_sum(query, key, type_name):
    """The order of PyTorch's product of matrices on a CPU, and its name in a recipe."""
    return sequential_fused(query, key) if type_name == "fp32" else lanes(query, key, 64)


def order(type_name):
    return "sequentialFused" if type_name == "fp32" else "lanes(64)"


def multiplied_after(query, key, size, type_name):
    scale = numpy.float32(size**-0.5)
    return stored(stored(product_sum(query, key, type_name), type_name) * scale, type_name)


def divided_after(query, key, size, type_name):
    root = numpy.float32(numpy.sqrt(size))
    return stored(stored(product_sum(query, key, type_name), type_name) / root, type_name)


def root_on_both(query, key, size, _type):
    root = numpy.float32((1 / numpy.sqrt(size)) ** 0.5)
    return sequential_fused(query * root, key * root)
