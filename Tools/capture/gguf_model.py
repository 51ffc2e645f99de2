"""A GGUF file of the Llama architecture as a model to run and capture.

GGUF stores the rows of the query and key projections of this architecture permuted, so that ggml's interleaved rotation
gives what half-split rotation gives with the original rows. `permuted_rows_undone` restores them, and `prove_row_order`
shows that it does: the other order makes the model's perplexity worse.
"""

import dataclasses
import importlib.util
import pathlib
import struct

import numpy

from . import rotary
from .failure import Failure
from .llama_forward import perplexity

BLOCK_NAMES = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down")
BIASED_NAMES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
# llama3 scaling comes as divisors of each frequency; these are the published parameters that they are recognised from.
LLAMA3_FACTORS = (8, 32)


def permuted_rows_undone(rows, heads):
    """Rows of a projection [heads·d, …] from the interleaved order (2i, 2i + 1) to half-split (i, i + d/2)."""
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, half, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


@dataclasses.dataclass
class Linear:
    """x [tokens, in] → [tokens, out]."""

    weight: numpy.ndarray  # [out, in]
    bias: numpy.ndarray | None = None

    def __call__(self, x):
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias


@dataclasses.dataclass
class Layer:
    attention_norm: numpy.ndarray
    mlp_norm: numpy.ndarray
    q: Linear
    k: Linear
    v: Linear
    output: Linear
    gate: Linear
    up: Linear
    down: Linear


class GGUFModel:
    """Weights and hyperparameters of a file; weights are dequantised to binary32 when they are asked for.

    Raises Failure for whatever the forward pass here does not compute.
    """

    def __init__(self, path, undoes_permutation=True, change=None):
        """`change`: what every weight goes through, as change(name, array), after it was dequantised (model_variants)."""
        import gguf

        self.path, self.undoes_permutation, self.change = path, undoes_permutation, change
        self._dequantize = gguf.quants.dequantize
        if not pathlib.Path(path).is_file():
            raise Failure(f"{path}: no such file; name a GGUF file")
        try:
            reader = gguf.GGUFReader(path)
            self.fields = {name: field.contents() for name, field in reader.fields.items()}
        except (ValueError, KeyError, IndexError, OSError, OverflowError, struct.error) as error:
            raise Failure(f"{path}: not a GGUF file that can be read ({error}); copy or download it again") from None
        self._tensors = {tensor.name: tensor for tensor in reader.tensors}
        architecture = self.fields.get("general.architecture")
        if architecture != "llama":
            raise Failure(
                f"{path}: architecture '{architecture}' is not supported, only 'llama' is;"
                " capture the original model with `capture.py transformers`"
            )
        self.layer_count = self._field("block_count")
        self.width = self._field("embedding_length")
        self.heads = self._field("attention.head_count")
        self.kv_heads = self._field("attention.head_count_kv", self.heads)
        self.epsilon = self._field("attention.layer_norm_rms_epsilon")
        self.head_size = self._field("attention.key_length", self.width // self.heads)
        self.context = self._field("context_length", None)
        self._check()
        self.rotary = rotary.Rotary(
            rotary.HALF_SPLIT, self._field("rope.freq_base", 10000.0), self.head_size, self._scaling()
        )
        self.frequencies, _ = rotary.frequencies(self.rotary.base, self.head_size, self.rotary.scaling)
        self.embedding_rows = self._tensors["token_embd.weight"].data
        self.vocabulary = self.embedding_rows.shape[0]
        self.output_norm = self._weight("output_norm.weight")
        self._head = self._embeddings = None

    def _field(self, name, *default):
        value = self.fields.get(f"llama.{name}", *default)
        if value is None and not default:
            raise Failure(f"{self.path}: llama.{name} is missing; convert the model to GGUF again")
        return value

    def _check(self):
        def refuse(what):
            raise Failure(f"{self.path}: {what}; capture the original model with `capture.py transformers`")

        if self._field("expert_count", 0):
            refuse("mixtures of experts are not supported")
        if isinstance(self.heads, list) or isinstance(self.kv_heads, list):
            refuse("layers with different numbers of heads are not supported")
        if self._field("attention.value_length", self.head_size) != self.head_size:
            refuse("values of another head size than keys are not supported")
        if self._field("rope.dimension_count", self.head_size) != self.head_size:
            refuse("partial rotation is not supported for GGUF")
        known = {"token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"}
        needed = {"token_embd.weight", "output_norm.weight"}
        for layer in range(self.layer_count):
            names = {f"blk.{layer}.{name}.weight" for name in BLOCK_NAMES}
            needed |= names
            known |= names | {f"blk.{layer}.{name}.bias" for name in BIASED_NAMES}
        unknown, missing = sorted(set(self._tensors) - known), sorted(needed - set(self._tensors))
        if missing:
            raise Failure(f"{self.path}: tensor {missing[0]} is missing; name the first file of a whole model")
        if unknown:
            refuse(f"tensor {unknown[0]} is not part of the plain Llama forward pass, which is all that is computed here")

    def _scaling(self):
        kind = self._field("rope.scaling.type", "none")
        base = self._field("rope.freq_base", 10000.0)
        if "rope_freqs.weight" in self._tensors:
            divisors = self._weight("rope_freqs.weight").astype(numpy.float64)
            plain, _ = rotary.frequencies(base, self.head_size, "none")
            for factor in LLAMA3_FACTORS:
                scaling = rotary.spell("llama3", factor=factor, low=1, high=4, original=8192)
                scaled, _ = rotary.frequencies(base, self.head_size, scaling)
                if divisors.shape == plain.shape and numpy.allclose(plain / divisors, scaled, rtol=1e-5, atol=0):
                    return scaling
            raise Failure(
                f"{self.path}: rope_freqs.weight is no llama3 scaling that is known here (factors"
                f" {', '.join(map(str, LLAMA3_FACTORS))}, low 1, high 4, original 8192);"
                " capture the original model with `capture.py transformers`"
            )
        if kind == "none":
            return "none"
        if kind == "linear":
            return rotary.spell("linear", factor=self._field("rope.scaling.factor"))
        raise Failure(
            f"{self.path}: rope scaling '{kind}' is not supported for GGUF;"
            " capture the original model with `capture.py transformers`"
        )

    def _weight(self, name):
        tensor = self._tensors[name]
        try:
            weight = self._dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32, copy=False)
        except NotImplementedError as error:
            raise Failure(f"{self.path}: {name}: {error}; convert the model to another quantisation") from None
        # Divisors of frequencies are no weights.
        return weight if self.change is None or name == "rope_freqs.weight" else self.change(name, weight)

    def _linear(self, name, permuted_heads=None):
        weight = self._weight(f"{name}.weight")
        bias = self._weight(f"{name}.bias") if f"{name}.bias" in self._tensors else None
        if permuted_heads and self.undoes_permutation:
            weight = permuted_rows_undone(weight, permuted_heads)
            bias = None if bias is None else permuted_rows_undone(bias, permuted_heads)
        return Linear(weight, bias)

    def layer(self, index):
        block = f"blk.{index}"
        return Layer(
            attention_norm=self._weight(f"{block}.attn_norm.weight"),
            mlp_norm=self._weight(f"{block}.ffn_norm.weight"),
            q=self._linear(f"{block}.attn_q", self.heads),
            k=self._linear(f"{block}.attn_k", self.kv_heads),
            v=self._linear(f"{block}.attn_v"),
            output=self._linear(f"{block}.attn_output"),
            gate=self._linear(f"{block}.ffn_gate"),
            up=self._linear(f"{block}.ffn_up"),
            down=self._linear(f"{block}.ffn_down"),
        )

    def all_embeddings(self):
        return self._weight("token_embd.weight")

    def embeddings(self, ids):
        if self.change is not None:
            if self._embeddings is None:
                self._embeddings = self.all_embeddings()
            return self._embeddings[ids]
        tensor = self._tensors["token_embd.weight"]
        return self._dequantize(self.embedding_rows[ids], tensor.tensor_type).astype(numpy.float32, copy=False)

    def logits(self, hidden):
        if self._head is None:
            self._head = self._weight("output.weight" if "output.weight" in self._tensors else "token_embd.weight")
        return hidden @ self._head.T


def packaged_model(package):
    """The one GGUF file that an installed Python package carries. The package is not imported."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = sorted(str(path) for folder in folders for path in pathlib.Path(folder).rglob("*.gguf"))
    if len(found) != 1:
        raise Failure(f"package '{package}' carries {len(found)} GGUF files here; install it, or name the file itself")
    return found[0]


def prove_row_order(model, ids, progress=lambda layer: None):
    """(perplexity with the permutation undone, perplexity with the rows as stored). Raises Failure unless the first is lower."""
    right = perplexity(model, ids, progress)
    model.undoes_permutation = False
    try:
        wrong = perplexity(model, ids, progress)
    finally:
        model.undoes_permutation = True
    if not right < wrong:
        raise Failure(
            f"{model.path}: perplexity is {right:.4g} with the row permutation undone and {wrong:.4g} without, so the order"
            " of its query and key rows is in doubt; prove it on ordinary text and more tokens (--proof-tokens)"
        )
    return right, wrong
