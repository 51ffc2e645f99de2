"""Implementations that are no Python: their expressions written down in NumPy, with the functions of the C library that they
call. What is compared is the arithmetic that was read in their source, on this machine's libm, not their compiled code."""

import ctypes
import ctypes.util

import numpy

from . import arithmetic
from .implementation import Implementation, Tensors
from .numbers import TYPES, stored

_LIBM = ctypes.CDLL(ctypes.util.find_library("m"))


def _libm(name, kind, arguments):
    function = getattr(_LIBM, name)
    function.restype, function.argtypes = kind, [kind] * arguments
    return function


_cosf, _sinf = (_libm(name, ctypes.c_float, 1) for name in ("cosf", "sinf"))
_powf, _pow = _libm("powf", ctypes.c_float, 2), _libm("pow", ctypes.c_double, 2)


def _each(function, array):
    return numpy.array([function(float(x)) for x in array.ravel()], numpy.float32).reshape(array.shape)


def _typed(x, type_name):
    with numpy.errstate(over="ignore"):
        return x.astype(TYPES[type_name])


def _wide(x):
    return x.astype(numpy.float32)


def _halves(x):
    half = x.shape[-1] // 2
    return x[..., :half], x[..., half:]


def _ggml(q, k, positions, base, type_name):
    """ggml, ggml_rope_cache_init and rotate_pairs of src/ggml-cpu/ops.cpp, contracted as gcc does: the first product exact."""
    pairs = q.shape[-1] // 2
    scale = numpy.float32(_powf(base, numpy.float32(-2.0) / numpy.float32(q.shape[-1])))
    theta, angles = positions.astype(numpy.float32), []
    for _ in range(pairs):
        angles.append(theta)
        theta = theta * scale
    angles = numpy.stack(angles, -1)
    cos, sin = _each(_cosf, angles), _each(_sinf, angles)
    vectors = [
        arithmetic.first_product_fused(stored(x, type_name), cos, sin, type_name, "half-split") for x in (q, k)
    ]
    return Tensors(numpy.full(pairs, scale), cos, sin, cos, sin, *vectors)


def _candle(q, k, positions, base, type_name):
    """candle, RotaryEmbedding::new of models/qwen2.rs, and rotary_emb::rope."""
    size = q.shape[-1]
    frequency = [numpy.float32(1) / numpy.float32(_pow(float(base), i / size)) for i in range(0, size, 2)]
    frequency = _typed(numpy.array(frequency, numpy.float32), type_name)
    t = _typed(positions.astype(numpy.uint32).astype(numpy.float32), type_name)
    freqs = _typed(_wide(t)[:, None] * _wide(frequency), type_name)
    cos32, sin32 = _each(_cosf, _wide(freqs)), _each(_sinf, _wide(freqs))
    cos, sin = _typed(cos32, type_name), _typed(sin32, type_name)

    def rotate(x):
        first, second = _halves(_typed(x, type_name))
        return _wide(numpy.concatenate((first * cos - second * sin, first * sin + second * cos), -1))

    return Tensors(_wide(frequency), cos32, sin32, _wide(cos), _wide(sin), rotate(q), rotate(k))


def _gemma(q, k, positions, base, type_name):
    """gemma, apply_rope of gm/math/_positional_embeddings.py, in NumPy."""
    size = q.shape[-1]
    fraction = numpy.float32(2) * numpy.arange(0, size // 2, dtype=numpy.float32) / numpy.float32(size)
    timescale = numpy.float32(base) ** fraction
    sinusoid = positions[:, None].astype(numpy.float32) / timescale
    sin, cos = numpy.sin(sinusoid), numpy.cos(sinusoid)

    def rotate(x):
        first, second = _halves(_wide(_typed(x, type_name)))
        out = numpy.concatenate((first * cos - second * sin, second * cos + first * sin), -1)
        return _wide(_typed(out, type_name))

    return Tensors(timescale, cos, sin, cos, sin, rotate(q), rotate(k))


def _maxtext(q, k, positions, base, type_name):
    """maxtext, RotaryEmbedding of layers/embeddings.py with cast_as_fprop_dtype, in NumPy."""
    size = q.shape[-1]
    fraction = numpy.float32(2) * numpy.arange(0, size // 2, dtype=numpy.float32) / numpy.float32(size)
    timescale = numpy.float32(1) * (numpy.float32(base) / numpy.float32(1)) ** fraction
    sinusoid = positions[:, None].astype(numpy.float32) / timescale
    sin32, cos32 = numpy.sin(sinusoid), numpy.cos(sinusoid)
    sin, cos = _typed(sin32, type_name), _typed(cos32, type_name)

    def rotate(x):
        first, second = _halves(_typed(x, type_name))
        return _wide(numpy.concatenate((first * cos - second * sin, second * cos + first * sin), -1))

    return Tensors(timescale, cos32, sin32, _wide(cos), _wide(sin), rotate(q), rotate(k))


C_LIBRARY = "transcribed to NumPy, with the C library's functions"
# NumPy's own binary32 cos and sin are allowed this much; the document gives the largest error that occurred.
NUMPY_ULPS = 1.5
NUMPY = "transcribed to NumPy, with NumPy's functions"

IMPLEMENTATIONS = [
    Implementation(
        "ggml, CPU", C_LIBRARY, "ggml-cpu", None, ("fp16", "fp32"), _ggml, table_type="fp32",
        frequency=arithmetic.step, angle=arithmetic.iterated32, rotation=arithmetic.first_product_fused,
    ),
    Implementation(
        "candle, qwen2", C_LIBRARY, "candle-qwen2", None, ("bf16", "fp16", "fp32"), _candle,
        frequency=arithmetic.power_in_double_reciprocal, casts_frequency=True, angle=arithmetic.product_in_type,
    ),
    Implementation(
        "gemma", NUMPY, "gemma-jax", None, ("bf16", "fp32"), _gemma, table_type="fp32",
        frequency=arithmetic.timescales, angle=arithmetic.quotient32, rotation=arithmetic.in_binary32, ulps=NUMPY_ULPS,
    ),
    Implementation(
        "maxtext", NUMPY, "maxtext", None, ("bf16", "fp32"), _maxtext,
        frequency=arithmetic.timescales, angle=arithmetic.quotient32, ulps=NUMPY_ULPS,
    ),
]  # fmt: skip
