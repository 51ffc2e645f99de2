"""Implementations that run in PyTorch on this machine's processor: transformers itself, and the expressions of others."""

import math
import types
from unittest import mock

import numpy
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from transformers.models.llama import modeling_llama
from transformers.models.llama.configuration_llama import LlamaConfig

from . import arithmetic
from .implementation import Implementation, Tensors

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}

# The order of MKL's and PyTorch's sums must not depend on how many processors there are.
torch.set_num_threads(1)


def _tensor(array, type_name="fp32"):
    return torch.from_numpy(numpy.ascontiguousarray(array)).to(TYPES[type_name])


def _array(tensor):
    return tensor.detach().float().contiguous().numpy()


def _half(tensor):
    """(…, tokens, r) with every entry twice, as half-split tables have it -> (tokens, r/2)."""
    array = _array(tensor).reshape(-1, tensor.shape[-1])
    half = array.shape[1] // 2
    assert numpy.array_equal(array[:, :half], array[:, half:], equal_nan=True)
    return array[:, :half]


def _eager_logits(query, key, scaling):
    """The library's own function, up to the argument of its softmax."""
    seen = []

    def softmax(scores, **_):
        seen.append(scores)
        return scores.float()

    groups = query.shape[1] // key.shape[1]
    module = types.SimpleNamespace(num_key_value_groups=groups, training=False)
    with mock.patch.object(torch.nn.functional, "softmax", softmax):
        modeling_llama.eager_attention_forward(module, query, key, key, None, scaling)
    return _array(seen[0][0])


def _hf_llama(q, k, positions, base, type_name, *, casts=False, logits=_eager_logits):
    size = q.shape[-1]
    config = LlamaConfig(
        hidden_size=q.shape[0] * size, num_attention_heads=q.shape[0], num_key_value_heads=k.shape[0], head_dim=size,
        max_position_embeddings=131072, rope_parameters={"rope_type": "default", "rope_theta": float(base)},
    )  # fmt: skip
    embedding = modeling_llama.LlamaRotaryEmbedding(config)
    if casts:
        embedding = embedding.to(TYPES[type_name])
    query, key = _tensor(q, type_name)[None], _tensor(k, type_name)[None]
    ids = torch.from_numpy(positions)[None]
    wide = embedding(torch.zeros(1), ids)
    cos, sin = embedding(query, ids)
    rotated = modeling_llama.apply_rotary_pos_emb(query, key, cos, sin)
    return Tensors(
        _array(embedding.inv_freq), _half(wide[0]), _half(wide[1]), _half(cos), _half(sin), _array(rotated[0][0]),
        _array(rotated[1][0]), logits(*rotated, size**-0.5) if logits else None,
    )  # fmt: skip


def _hf_model_to(*arguments):
    return _hf_llama(*arguments, casts=True)


class _Softmax(TorchDispatchMode):
    """Keeps the argument of the softmax."""

    logits = None

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if "softmax" in function.__name__:
            self.logits = args[0]
        return function(*args, **(kwargs or {}))


def _math_logits(query, key, scaling):
    key = modeling_llama.repeat_kv(key, query.shape[1] // key.shape[1])
    with sdpa_kernel(SDPBackend.MATH), _Softmax() as seen, torch.no_grad():
        torch.nn.functional.scaled_dot_product_attention(query, key, key, scale=scaling)
    return _array(seen.logits.reshape(query.shape[1], query.shape[2], key.shape[2]))


def _hf_llama_math(*arguments):
    return _hf_llama(*arguments, logits=_math_logits)


def _inverse_frequency(base, size):
    return 1.0 / (base ** (torch.arange(0, size, 2).float() / size))


def _rotate_half(x):
    return torch.cat((-x[..., x.shape[-1] // 2 :], x[..., : x.shape[-1] // 2]), dim=-1)


def _divided_logits(query, key):
    key = modeling_llama.repeat_kv(key, query.shape[1] // key.shape[1])
    return _array((torch.matmul(query, key.transpose(2, 3)) / math.sqrt(query.shape[-1]))[0])


def _hf_llama_2023(q, k, positions, base, type_name, *, casts=False):
    """transformers 4.31.0, LlamaRotaryEmbedding and LlamaAttention."""
    query, key = _tensor(q, type_name)[None], _tensor(k, type_name)[None]
    frequency = _inverse_frequency(base, q.shape[-1])
    if casts:
        frequency = frequency.to(TYPES[type_name])
    t = torch.from_numpy(positions).to(frequency.dtype)
    freqs = torch.einsum("i,j->ij", t, frequency)
    emb = torch.cat((freqs, freqs), dim=-1)
    cos, sin = emb.cos().to(query.dtype), emb.sin().to(query.dtype)
    rotated = [(x * cos) + (_rotate_half(x) * sin) for x in (query, key)]
    # PyTorch takes a cosine of a 16-bit number by another function than one of the same number in binary32.
    wide = (_half(emb.cos()), _half(emb.sin())) if emb.dtype == torch.float32 else (None, None)
    return Tensors(
        _array(frequency), *wide, _half(cos), _half(sin), _array(rotated[0][0]),
        _array(rotated[1][0]), _divided_logits(*rotated),
    )  # fmt: skip


def _hf_llama_2023_cast(*arguments):
    return _hf_llama_2023(*arguments, casts=True)


def _meta_llama(q, k, positions, base, type_name):
    """meta-llama/llama, precompute_freqs_cis, apply_rotary_emb and Attention."""
    size = q.shape[-1]
    query, key = _tensor(q, type_name)[None], _tensor(k, type_name)[None]
    frequency = 1.0 / (base ** (torch.arange(0, size, 2)[: (size // 2)].float() / size))
    freqs = torch.outer(torch.from_numpy(positions), frequency).float()
    cis = torch.polar(torch.ones_like(freqs), freqs)

    def rotate(x):
        pairs = torch.view_as_complex(x.transpose(1, 2).float().reshape(1, x.shape[2], x.shape[1], -1, 2))
        return torch.view_as_real(pairs * cis[None, :, None]).flatten(3).type_as(x).transpose(1, 2)

    rotated = rotate(query), rotate(key)
    cos, sin = _array(cis.real), _array(cis.imag)
    return Tensors(
        _array(frequency), cos, sin, cos, sin, _array(rotated[0][0]), _array(rotated[1][0]), _divided_logits(*rotated)
    )


def _torchtune(q, k, positions, base, type_name):
    """pytorch/torchtune, RotaryPositionalEmbeddings."""
    size = q.shape[-1]
    theta = 1.0 / (base ** (torch.arange(0, size, 2)[: (size // 2)].float() / size))
    idx_theta = torch.einsum("i, j -> ij", torch.from_numpy(positions).to(theta.dtype), theta).float()
    cache = torch.stack([torch.cos(idx_theta), torch.sin(idx_theta)], dim=-1)

    def rotate(x):
        pairs = x.float().reshape(*x.shape[:-1], -1, 2)
        c, s = cache[..., 0], cache[..., 1]
        out = torch.stack([pairs[..., 0] * c - pairs[..., 1] * s, pairs[..., 1] * c + pairs[..., 0] * s], -1)
        return out.flatten(3).type_as(x)

    cos, sin = _array(cache[..., 0]), _array(cache[..., 1])
    vectors = [_array(rotate(_tensor(x, type_name)[None])[0]) for x in (q, k)]
    return Tensors(_array(theta), cos, sin, cos, sin, *vectors)


def _neox(q, k, positions, base, type_name):
    """EleutherAI/gpt-neox before 3bfedf47, RotaryEmbedding and apply_rotary_pos_emb_torch."""
    frequency = _inverse_frequency(base, q.shape[-1]).to(TYPES[type_name])
    t = torch.from_numpy(positions).type_as(frequency)
    freqs = torch.einsum("i,j->ij", t, frequency)
    emb = torch.cat((freqs, freqs), dim=-1)
    if type_name == "bf16":
        emb = emb.float()
    cos, sin = emb.cos().to(TYPES[type_name]), emb.sin().to(TYPES[type_name])
    rotated = [(x * cos) + (_rotate_half(x) * sin) for x in (_tensor(q, type_name), _tensor(k, type_name))]
    wide = (_half(emb.cos()), _half(emb.sin())) if emb.dtype == torch.float32 else (None, None)
    return Tensors(_array(frequency), *wide, _half(cos), _half(sin), *map(_array, rotated))


ALL = ("bf16", "fp16", "fp32")
LIBRARY = "the library: LlamaRotaryEmbedding, apply_rotary_pos_emb"
EXPRESSIONS = "its expressions in PyTorch"

IMPLEMENTATIONS = [
    Implementation(
        "transformers", LIBRARY + ", eager_attention_forward", "hf-llama", "torch-cpu", ALL, _hf_llama,
        logits=arithmetic.multiplied_after,
    ),
    Implementation(
        "transformers, model.to(type)", LIBRARY + ", eager_attention_forward", "hf-model-to", "torch-cpu",
        ("bf16", "fp16"), _hf_model_to, casts_frequency=True, logits=arithmetic.multiplied_after,
    ),
    Implementation(
        "transformers, SDPA math", LIBRARY + ", sdpa_kernel(MATH)", "hf-llama", "sdpa-math", ALL, _hf_llama_math,
        logits=arithmetic.root_on_both, order=lambda _: "sequentialFused",
    ),
    Implementation(
        "transformers 4.31.0", EXPRESSIONS, "hf-llama-2023", "hf-eager-2023", ALL, _hf_llama_2023,
        logits=arithmetic.divided_after,
    ),
    Implementation(
        "transformers 4.31.0, cast", EXPRESSIONS, "hf-llama-2023-cast", "hf-eager-2023", ALL, _hf_llama_2023_cast,
        casts_frequency=True, angle=arithmetic.product_in_type, logits=arithmetic.divided_after,
    ),
    Implementation(
        "meta-llama", EXPRESSIONS, "meta-llama-cpu", "meta", ALL, _meta_llama, layout="interleaved", table_type="fp32",
        rotation=arithmetic.in_binary32, logits=arithmetic.divided_after,
    ),
    Implementation(
        "torchtune", EXPRESSIONS, "torchtune", None, ALL, _torchtune, layout="interleaved", table_type="fp32",
        rotation=arithmetic.in_binary32,
    ),
    Implementation(
        "gpt-neox, issue 1003", EXPRESSIONS, "neox-1003", None, ALL, _neox, casts_frequency=True,
        angle=arithmetic.product_in_type,
    ),
]  # fmt: skip
