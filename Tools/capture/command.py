"""The command line of capture: data goes to files and stdout, progress and remarks to stderr."""

import os
import pathlib
import sys

from . import arguments, gguf_capture, tensor_file, transformers_capture
from .failure import FAILED, WRONG_USAGE, Failure
from .progress import say


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


def main(words):
    try:
        options = arguments.parser().parse_args(words)
        if options.command == "compare":
            from .comparison import compare

            for line in compare(options.expected, options.found):
                print(line)
        else:
            capture(options, gguf_capture.capture_gguf if options.command == "gguf" else transformers_capture.capture_transformers)
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
