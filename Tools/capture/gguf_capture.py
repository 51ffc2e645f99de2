"""Captures from a GGUF file: by the forward pass here, or in PyTorch."""

import pathlib

import numpy

from . import attention_rows, tensor_file, token_ids, whole_run
from .arguments import GGUF_TYPES, RUN_TYPES
from .failure import WRONG_USAGE, Failure
from .progress import Progress, say
from .selection import choose, chosen_rows, null_checked


def capture_gguf(options):
    from . import gguf_model, model_variants

    path = options.model or gguf_model.packaged_model(options.package)
    is_run = options.dtype is not None or options.shift != 0 or options.null or options.random_init is not None
    run = whole_run.Run(
        options.dtype or "float32",
        options.shift,
        options.null,
        1 if options.null_seed is None else options.null_seed,
        options.random_init,
        1 if options.seed is None else options.seed,
    )
    random = model_variants.randomised(run.init_std, run.init_seed) if run.init_std is not None else None
    model = gguf_model.GGUFModel(path, change=random)
    ids, layers = choose(
        options,
        lambda text: token_ids.gguf_text_ids(model.fields, text, options.bos, path),
        model.vocabulary,
        model.context,
        model.layer_count,
    )
    stored = tensor_file.TYPES[GGUF_TYPES[options.type or (RUN_TYPES[run.dtype] if is_run else "bf16")]]
    rows = chosen_rows(options, len(ids), len(layers), model.heads, stored.itemsize)
    proof = ids[: options.proof_tokens]
    if random is None and len(proof) > 1:
        progress = Progress("proving the row order", 2 * model.layer_count)
        right, wrong = gguf_model.prove_row_order(model, proof, progress)
        say(
            f"perplexity of {len(proof)} tokens: {right:.4f} with the row permutation of q and k undone,"
            f" {wrong:.4f} with the rows as stored"
        )
    elif random is None:
        say("note: the row order of q and k is not proved (--proof-tokens)")

    def make(run):
        change = random
        if run.null == "order":
            inner = model.layer(0).gate.weight.shape[0]
            change = model_variants.then(random, model_variants.reordered(model.width, inner, run.null_seed))
        variant = model if change is random else gguf_model.GGUFModel(path, change=change)
        found, *how = (gguf_in_torch if options.dtype else gguf_in_numpy)(options, run, variant, ids, layers, rows)
        tensors = {"token_ids": token_ids.as_tensor(ids)}
        if rows is not None:
            tensors[attention_rows.ROWS_NAME] = numpy.asarray(rows, numpy.int64)
        for name, x in found.items():
            with numpy.errstate(over="ignore"):  # infinities are counted by who reads them
                tensors[name] = x.astype(stored)
        name = model.fields.get("general.name", pathlib.Path(path).stem)
        description = f"{name} (GGUF, dequantised)"
        if run.init_std is not None:
            description = f"{name} (untrained: normal weights of standard deviation {run.init_std!r}, seed {run.init_seed})"
        metadata = model.rotary.metadata() | {"model": description}
        return tensors, metadata | (run.metadata(*how) if is_run else {})

    return *null_checked(options, run, make), {}


def gguf_in_numpy(options, run, model, ids, layers, rows):
    """({tensor name: array}, the arithmetic in words) of the forward pass here."""
    from . import llama_forward

    if run.null not in (None, "order"):
        raise Failure(f"--null {run.null} needs a run in PyTorch; add --dtype float32, or use --null order", WRONG_USAGE)
    kept_rows = attention_rows.AttentionRows(rows, model.heads, len(ids)) if rows is not None else None
    progress = Progress("capturing", layers[-1] + 1)
    kept, _ = llama_forward.forward(
        model, ids, keep=layers, last_layer=layers[-1], progress=progress, shift=run.shift, rows=kept_rows
    )
    found = {f"layers.{layer}.{name}": x for layer, arrays in kept.items() for name, x in zip("qkv", arrays)}
    return found | (kept_rows.found if kept_rows else {}), (
        f"NumPy {numpy.__version__}, binary32 throughout; angles in binary64, cosines and sines rounded once to binary32"
    )


def gguf_in_torch(options, run, model, ids, layers, rows):
    """({tensor name: array}, the arithmetic in words, threads) of transformers' LlamaForCausalLM."""
    try:
        import torch
        import transformers

        from . import torch_llama, transformers_model
    except ImportError as error:
        raise Failure(f"{error}; install Tools/requirements-transformers.txt into this Python's environment") from None
    attention = options.implementation or ("eager" if rows is not None else "sdpa")
    loaded = torch_llama.load(model, run.dtype, attention)
    say(f"running {model.layer_count} layers in {run.dtype} at shift {run.shift}" + (f", null control '{run.null}'" if run.null else ""))
    with transformers_model.threads_of(run):
        used = torch.get_num_threads()
        tensors, _, seen = transformers_model.capture_with_kernel(
            loaded,
            ids,
            layers,
            ("logits", "probabilities") if rows is not None else (),
            shift=run.shift,
            rows=rows,
            batch=2 if run.null == "batch" else 1,
        )
    found = {name: x for name, x in (tensors | seen).items() if name.startswith("layers.")}
    return found, (
        f"PyTorch {torch.__version__} on a CPU, transformers {transformers.__version__} LlamaForCausalLM, attention {attention};"
        f" weights, residual stream, projections and the table of cosines and sines in {run.dtype}, frequencies and angles in float32,"
        " norms computed in float32"
    ), used
