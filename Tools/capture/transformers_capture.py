"""Captures from a transformers model in a local folder."""

import pathlib

import numpy

from . import attention_rows, whole_run
from .failure import WRONG_USAGE, Failure
from .selection import choose, chosen_rows, null_checked


def capture_transformers(options):
    try:
        import torch
        import transformers

        from . import transformers_model
    except ImportError as error:
        raise Failure(f"{error}; install Tools/requirements-transformers.txt into this Python's environment") from None
    if not pathlib.Path(options.model).is_dir():
        raise Failure(f"{options.model}: no such folder; name a local folder with config.json and weights")
    if options.null == "order":
        raise Failure("--null order knows models of GGUF files alone; use --null threads or batch", WRONG_USAGE)
    if options.kernel and (options.attention_rows or options.null):
        raise Failure("--kernel is for one plain run; leave out --attention-rows and --null", WRONG_USAGE)
    attention = options.attention or ("eager" if options.attention_rows else None)
    model = transformers_model.load(options.model, options.type, attention)
    config = model.config.get_text_config(decoder=True)
    ids, layers = choose(
        options,
        lambda text: transformers_model.text_ids(options.model, text, options.bos),
        config.vocab_size,
        getattr(config, "max_position_embeddings", None),
        config.num_hidden_layers,
    )
    if options.kernel:
        kernel = options.kernel_stages or transformers_model.kernel_stages.DEFAULT_STAGES
        return transformers_model.capture_with_kernel(model, ids, layers, kernel, options.scaling, shift=options.shift)
    dtype = str(model.dtype).removeprefix("torch.")
    rows = chosen_rows(options, len(ids), len(layers), config.num_attention_heads, model.dtype.itemsize)
    run = whole_run.Run(dtype, options.shift, options.null)

    def make(run):
        with transformers_model.threads_of(run):
            used = torch.get_num_threads()
            tensors, metadata, seen = transformers_model.capture_with_kernel(
                model,
                ids,
                layers,
                ("logits", "probabilities") if rows is not None else (),
                options.scaling,
                run.shift,
                rows,
                2 if run.null == "batch" else 1,
            )
        if rows is not None:
            tensors[attention_rows.ROWS_NAME] = numpy.asarray(rows, numpy.int64)
        tensors |= {name: x for name, x in seen.items() if name.startswith("layers.")}
        arithmetic = (
            f"PyTorch {torch.__version__}, transformers {transformers.__version__} {type(model).__name__}, attention"
            f" {model.config._attn_implementation}, loaded in {dtype}"
        )
        return tensors, metadata | run.metadata(arithmetic, used)

    return *null_checked(options, run, make), {}
