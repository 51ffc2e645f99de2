"""Queries, keys and values of a transformers causal language model, before rotation and after any query/key norm.

Two names in the model's own Python module are replaced while it runs: its rotary function, which gets queries and keys
before rotation, and its table of attention functions, which get them after rotation with values and the layer. A layer is
kept only if what attention sees is, bit for bit, what the rotary function returned; and layout, rotary size, base and
scaling are held against what that function does with the model's own cosines and sines. So a model that does something else
is refused and never captured wrongly.
"""

import contextlib
import inspect
import math
import sys

import ml_dtypes
import numpy
import torch

from . import kernel_stages, rotary
from .failure import Failure

ROTARY_FUNCTION = "apply_rotary_pos_emb"
ATTENTION_TABLE = "ALL_ATTENTION_FUNCTIONS"
CHECKED_POSITIONS = 16


class _Done(Exception):
    """Ends the forward pass after the last wanted layer."""


class _Call:
    """One tensor [batch, heads, tokens, channels] through the rotary function, with the means to repeat the call."""

    def __init__(self, function, bound, name, before, after):
        self.function, self.bound, self.name = function, bound, name
        self.before, self.after = before, after
        self.heads_axis = 2 if bound.arguments.get("unsqueeze_dim", 1) == 2 else 1

    def heads_first(self, x):
        return x.transpose(1, 2) if self.heads_axis == 2 else x

    def repeat(self, x, change=lambda name, table: table):
        """The rotary function on x in place of this call's tensor, with changed cosines and sines."""
        arguments = dict(self.bound.arguments)
        for name in ("cos", "sin"):
            arguments[name] = change(name, arguments[name])
        for name in self.tensor_names(self.bound):
            arguments[name] = x
        result = self.function(**arguments)
        return self.heads_first(result[0] if isinstance(result, tuple) else result)

    @staticmethod
    def tensor_names(bound):
        """The parameters that are rotated: those before cosines and sines."""
        names = list(bound.arguments)
        return names[: min(names.index("cos"), names.index("sin"))]


class _Recorder:
    """What the replaced names report, layer by layer. `kernel`: the stages of ``kernel_stages`` that are kept beside."""

    def __init__(self, layers, kernel=(), rows=None):
        self.wanted, self.calls = set(layers), []
        self.kernel = kernel_stages.KernelStages(kernel, rows)
        self.kept, self.scales, self.rotaries, self.seen = {}, {}, {}, set()

    def rotary_function(self, original):
        signature = inspect.signature(original)

        def record(*positional, **named):
            bound = signature.bind(*positional, **named)
            bound.apply_defaults()
            result = original(*positional, **named)
            names = _Call.tensor_names(bound)
            for name, after in zip(names, result if isinstance(result, tuple) else (result,)):
                self.calls.append(_Call(original, bound, name, bound.arguments[name], after))
            return result

        return record

    def attention_function(self, original):
        def record(module, query, key, value, *positional, **named):
            self.take(module, query, key, value, named.get("scaling"))
            layer = getattr(module, "layer_idx", None)
            if layer in self.wanted and self.kernel.wants_attention:
                result = self.kernel.watch(layer, lambda: original(module, query, key, value, *positional, **named))
            elif self.wanted <= self.seen:
                raise _Done
            else:
                return original(module, query, key, value, *positional, **named)
            if self.wanted <= self.seen:
                raise _Done
            return result

        return record

    def take(self, module, query, key, value, scale):
        layer, calls = getattr(module, "layer_idx", None), self.calls
        self.calls = []
        self.seen.add(layer)
        if layer in self.wanted:
            where = f"layer {layer} ({type(module).__name__})"
            if not calls:
                raise Failure(f"{where} applies no rotary embedding; leave it out of --layers")
            if value.shape != key.shape:
                raise Failure(
                    f"{where}: values have the shape {list(value.shape)} and keys {list(key.shape)};"
                    " attention with different head sizes is not supported"
                )
            (q, call), (k, _) = (_before(name, x, calls, where) for name, x in (("queries", query), ("keys", key)))
            self.kept[layer] = tuple(x.detach()[0].to("cpu", copy=True) for x in (q, k, value))
            self.scales[layer] = scale if scale is not None else query.shape[-1] ** -0.5
            self.rotaries[layer] = call
            self.kernel.take_vectors(layer, call.bound.arguments["cos"], call.bound.arguments["sin"], query, key)


def _before(name, seen, calls, where):
    """The tensor whose rotation attention sees [batch, heads, tokens, d], with channels that never rotate, and its call."""
    for call in reversed(calls):
        after, before = call.heads_first(call.after), call.heads_first(call.before)
        size = after.shape[-1]
        if after.shape[:-1] == seen.shape[:-1] and size <= seen.shape[-1] and torch.equal(after, seen[..., :size]):
            if before.shape != after.shape:
                break
            return torch.cat([before, seen[..., size:].to(before.dtype)], dim=-1), call
    raise Failure(
        f"{where}: the {name} that attention sees are not what {ROTARY_FUNCTION} returned, so something happens between"
        " rotation and attention (a norm, a scale, shared keys); such models are not supported"
    )


class _Table:
    """A table of attention functions that hands out recording ones."""

    def __init__(self, table, recorder):
        self._table, self._recorder = table, recorder

    def get_interface(self, *arguments, **named):
        return self._recorder.attention_function(self._table.get_interface(*arguments, **named))

    def __getitem__(self, name):
        return self._recorder.attention_function(self._table[name])

    def __getattr__(self, name):
        return getattr(self._table, name)


@contextlib.contextmanager
def _recording(modules, recorder):
    saved = [(module, name, getattr(module, name)) for module in modules for name in (ROTARY_FUNCTION, ATTENTION_TABLE)]
    try:
        for module, name, original in saved:
            if name == ROTARY_FUNCTION:
                setattr(module, name, recorder.rotary_function(original))
            else:
                setattr(module, name, _Table(original, recorder))
        yield
    finally:
        for module, name, original in saved:
            setattr(module, name, original)


def _attention_modules(model):
    """The Python modules that define the model's attention layers. Raises Failure for what is not supported, by name."""
    config = model.config.get_text_config(decoder=True)
    family = f"{type(model).__name__} (model type '{config.model_type}')"
    parameters = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    per_layer = [value for value in parameters.values() if isinstance(value, dict)]
    if any("mrope_section" in value for value in [parameters, *per_layer]):
        raise Failure(f"{family} uses M-RoPE (mrope_section), positions in several dimensions, which is not supported")
    if getattr(config, "kv_lora_rank", None):
        raise Failure(f"{family} uses multi-head latent attention (MLA, kv_lora_rank), which is not supported")
    layers = [
        module
        for module in model.modules()
        if isinstance(getattr(module, "layer_idx", None), int) and "Attention" in type(module).__name__
    ]
    if not layers:
        raise Failure(f"{family} has no attention layers with a layer_idx; it is not supported")
    found = {}
    for layer in layers:
        module = sys.modules[type(layer).__module__]
        function = getattr(module, ROTARY_FUNCTION, None)
        if function is None:
            raise Failure(
                f"{family}: {type(layer).__name__} has no {ROTARY_FUNCTION} beside it; models that rotate in another way"
                " or not at all are not supported"
            )
        if not {"cos", "sin"} <= set(inspect.signature(function).parameters) or not hasattr(module, ATTENTION_TABLE):
            raise Failure(
                f"{family}: {type(layer).__name__} calls attention in a way of its own; only models that go through"
                f" {ATTENTION_TABLE} are supported"
            )
        found[module.__name__] = module
    return list(found.values()), config


def _layer_parameters(config, layer):
    parameters = getattr(config, "rope_parameters", None) or {}
    kinds = getattr(config, "layer_types", None)
    if kinds and isinstance(parameters.get(kinds[layer]), dict):
        return parameters[kinds[layer]]
    return parameters


def _probe(call):
    """(layout, rotary size) of what the rotary function does, found by calling it."""
    shape = call.before.shape
    single = torch.zeros(shape, dtype=call.before.dtype, device=call.before.device)
    ones = torch.ones_like(single)

    def constant(cosine, sine):
        return lambda name, table: torch.full_like(table, cosine if name == "cos" else sine)

    rotated = call.repeat(ones, constant(0, 0))[0, 0, 0] == 0
    size = int(rotated.sum())
    if size == 0 or size % 2 or not bool(rotated[:size].all()):
        raise Failure(f"{ROTARY_FUNCTION} rotates channels {rotated.nonzero().flatten().tolist()}; only the first ones may be")
    single[..., 0] = 1
    partner = call.repeat(single, constant(0, 1))[0, 0, 0].nonzero().flatten().tolist()
    for layout, expected in ((rotary.HALF_SPLIT, size // 2), (rotary.INTERLEAVED, 1)):
        if partner == [expected]:
            return layout, size
    raise Failure(f"{ROTARY_FUNCTION} pairs channel 0 with {partner} of {size}; only half-split and interleaved pairs are known")


def _check_table(call, found, shift):
    """Raises Failure unless the model's cosines and sines are those of `found`, at the first positions from `shift` on.

    The allowance is that of rounded tables and of frequencies rounded to the model's type, as model.to(…) leaves them.
    """
    tokens = min(call.heads_first(call.before).shape[2], CHECKED_POSITIONS)
    firsts = torch.zeros(call.before.shape, dtype=call.before.dtype, device=call.before.device)
    pairs = numpy.arange(found.rotary_size // 2)
    first = pairs if found.layout == rotary.HALF_SPLIT else 2 * pairs
    second = first + (found.rotary_size // 2 if found.layout == rotary.HALF_SPLIT else 1)
    firsts[..., first.tolist()] = 1
    out = call.repeat(firsts)[0, 0, :tokens].double().cpu().numpy()
    frequencies, factor = rotary.frequencies(found.base, found.rotary_size, found.scaling)
    angles = numpy.arange(shift, shift + tokens)[:, None] * frequencies
    unit = torch.finfo(call.before.dtype).eps
    for name, got, expected in (("cos", out[:, first], numpy.cos(angles)), ("sin", out[:, second], numpy.sin(angles))):
        allowed = 2 * unit * numpy.abs(factor * expected) + 2 * max(unit, 2.0**-21) * factor * angles + 1e-12
        far = numpy.argwhere(~(numpy.abs(got - factor * expected) <= allowed))
        if len(far):
            position, pair = far[0]
            raise Failure(
                f"the model's {name} at position {shift + position}, pair {pair} is {got[position, pair]:.9g}, and base"
                f" {rotary.number(found.base)} with scaling '{found.scaling}' gives {factor * expected[position, pair]:.9g};"
                " state the scaling that the model applies with --scaling"
            )


def _rotary(config, layer, call, tokens, scaling, shift):
    layout, size = _probe(call)
    parameters = _layer_parameters(config, layer)
    base = parameters.get("rope_theta") or getattr(config, "rope_theta", None)
    if base is None:
        raise Failure("the model's configuration names no rope_theta, the base; models without one are not supported")
    spelled = scaling or rotary.scaling_of_parameters(parameters, tokens, getattr(config, "max_position_embeddings", None))
    if shift and spelled.startswith(("dynamic", "longrope")):
        raise Failure(
            f"the model's frequencies depend on the greatest position (scaling '{spelled}'), so that a run at shift {shift} is another"
            " function and no comparison of arithmetic; capture it without --shift"
        )
    found = rotary.Rotary(layout, float(base), size, spelled)
    if scaling is None:
        _check_table(call, found, shift)
    return found


def _array(x):
    x = x.contiguous()
    if x.dtype == torch.bfloat16:
        return x.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    if x.dtype not in (torch.float16, torch.float32, torch.float64):
        raise Failure(f"the model computes in {x.dtype}; load it in float32, float16 or bfloat16 (--type)")
    return x.numpy()


@contextlib.contextmanager
def threads_of(run):
    """PyTorch's threads while a run is made: another number than usual for the null control of that kind."""
    usual = torch.get_num_threads()
    try:
        if run.null == "threads":
            torch.set_num_threads(1 if usual > 1 else 2)
        yield
    finally:
        torch.set_num_threads(usual)


def capture(model, ids, layers, scaling=None):
    """What ``capture_with_kernel`` captures without stages after rotation."""
    tensors, metadata, _ = capture_with_kernel(model, ids, layers, (), scaling)
    return tensors, metadata


def capture_with_kernel(model, ids, layers, kernel, scaling=None, shift=0, rows=None, batch=1):
    """Captures `layers` of a loaded model on token ids, as one sequence from position `shift` on.

    `rows`: the queries whose logits and probabilities `kernel` keeps; all if None. `batch`: equal sequences that run at once, of which
    the first is captured.

    Returns ({tensor name: array}, {metadata key: string}, {tensor name: array}): layers.{n}.q [heads, tokens, head_dim], .k and .v [kv_heads,
    tokens, head_dim] in the type in which the model computes them, and token_ids; last the stages that `kernel` names, of
    kernel_stages.STAGES, as `ropedrift check --against` reads them. `scaling` replaces what the configuration says and is then
    taken on trust. Raises Failure for models that are not supported and for layers whose rotation differs.
    """
    modules, config = _attention_modules(model)
    recorder = _Recorder(layers, kernel, rows)
    trained = model.training
    model.eval()
    try:
        with _recording(modules, recorder), torch.no_grad():
            tokens = torch.tensor([list(ids)] * batch, device=model.device)
            positions = {}
            if shift:
                # Models take position ids from 0 where none are given; some take no position_ids at all.
                if "position_ids" not in inspect.signature(model.forward).parameters:
                    raise Failure(f"{type(model).__name__} takes no position_ids, so its positions cannot be shifted")
                positions["position_ids"] = torch.arange(shift, shift + len(ids), device=model.device)[None].expand(batch, -1)
            model(input_ids=tokens, use_cache=False, **positions)
    except _Done:
        pass
    finally:
        model.train(trained)
    missing = sorted(set(layers) - set(recorder.kept))
    if missing:
        raise Failure(f"layers {missing} went through no attention function; the model is not supported")
    described = {layer: _rotary(config, layer, recorder.rotaries[layer], len(ids), scaling, shift) for layer in layers}
    for what, values in (("rotary embedding", described), ("attention scale", recorder.scales)):
        groups = {}
        for layer in layers:
            groups.setdefault(values[layer], []).append(layer)
        if len(groups) > 1:
            lists = " and ".join(",".join(map(str, group)) for group in groups.values())
            raise Failure(f"layers differ in {what}, and a file states one; capture them apart: --layers {lists}")
    tensors = {"token_ids": numpy.asarray(ids, numpy.int32)}
    for layer, arrays in recorder.kept.items():
        for name, x in zip("qkv", arrays):
            tensors[f"layers.{layer}.{name}"] = _array(x)
    scale, size = float(recorder.scales[layers[0]]), recorder.kept[layers[0]][0].shape[-1]
    metadata = described[layers[0]].metadata() | {"model": f"{type(model).__name__} ({config.model_type})"}
    if not math.isclose(scale, size**-0.5, rel_tol=1e-6):
        metadata["attention.scale"] = rotary.number(scale)
    stages = {name: _array(x) for name, x in recorder.kernel.tensors(described[layers[0]].rotary_size).items()}
    if stages:
        stages["positions"] = numpy.arange(shift, shift + len(ids), dtype=numpy.int64)
    return tensors, metadata, stages


def load(path, dtype, attention):
    """The model in a local folder; nothing is downloaded."""
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_pretrained(
            path, dtype=dtype, attn_implementation=attention, local_files_only=True
        )
    except (OSError, ValueError, ImportError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise Failure(
            f"{path}: no causal language model that transformers can load ({reason});"
            " name a local folder with config.json and weights"
        ) from None


def text_ids(path, text, bos):
    """Ids of text by the tokenizer in the model's folder. `bos`: yes, no, or auto for what the tokenizer does by itself."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError, ImportError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise Failure(f"{path}: no tokenizer that transformers can load ({reason}); give ids with --token-ids") from None
    ids = list(tokenizer(text, add_special_tokens=bos != "no")["input_ids"])
    if bos == "yes" and ids[:1] != [tokenizer.bos_token_id]:
        if tokenizer.bos_token_id is None:
            raise Failure(f"{path}: the tokenizer names no first token; capture with --bos auto")
        ids = [tokenizer.bos_token_id] + ids
    return ids
