"""Inputs, positions, and runs of `ropedrift emulate`."""

import dataclasses
import json
import pathlib
import subprocess

import numpy

from capture import tensor_file
from capture.failure import Failure

SEED = 20240817
LAYER = 0
SAMPLE = "Sources/TensorIO/Resources/smollm2-135m-layers-7-22.safetensors"


@dataclasses.dataclass(frozen=True)
class Input:
    """q (heads, tokens, d), k (key heads, tokens, d), before rotation."""

    name: str
    q: numpy.ndarray
    k: numpy.ndarray
    base: int

    def window(self, first, count):
        return dataclasses.replace(self, q=self.q[:, first : first + count], k=self.k[:, first : first + count])


def inputs(root):
    """The shipped sample's layer 7, and normal numbers of 24 bits."""
    tensors, metadata = tensor_file.read(root / SAMPLE)
    generator = numpy.random.default_rng(SEED)
    return [
        Input("sample", *(tensors[f"layers.7.{x}"].astype(numpy.float32) for x in "qk"), int(metadata["rope.base"])),
        Input(
            "random", generator.standard_normal((2, 512, 128)).astype(numpy.float32),
            generator.standard_normal((1, 512, 128)).astype(numpy.float32), 1000000,
        ),
    ]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Range:
    """Shifts at which windows of consecutive tokens are computed."""

    name: str
    tokens: int
    shifts: tuple[int, ...]


def ranges():
    generator = numpy.random.default_rng(SEED + 1)
    windows = tuple(int(x) for x in generator.integers(0, 131072 - 32, 32))
    return [
        Range("0 … 511", 512, (0,)), Range("1024 drawn below 131072", 32, windows),
        Range("130560 … 131071", 512, (130560,)),
    ]  # fmt: skip


class Emulator:
    """Runs the command in a folder of its own."""

    def __init__(self, command, folder):
        self.command = str(command)
        self.folder = pathlib.Path(folder)

    def _run(self, *arguments):
        done = subprocess.run([self.command, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"{self.command} {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def version(self):
        return self._run("--version").strip()

    def recipe(self, name, order):
        """The recipe with an order of additions: its own name, or a file of it with that one word changed."""
        text = self._run("recipes", name, "--json")
        recipe = json.loads(text)
        if recipe["dot"]["order"] == order:
            return name
        recipe["dot"]["order"] = order
        recipe["name"] = name.replace("/", "-") + "-with-the-order-of-a-cpu"
        path = self.folder / (recipe["name"] + ".json")
        path.write_text(json.dumps(recipe))
        return str(path)

    def tensors(self, data, recipe, layout, shift, logits):
        """The emulated tensors by the names of `Tensors`, float32, and their element types."""
        file, out = self.folder / "input.safetensors", self.folder / "emulated.safetensors"
        metadata = {"rope.base": str(data.base), "rope.layout": layout}
        tensor_file.write(file, {f"layers.{LAYER}.{x}": getattr(data, x) for x in "qk"}, metadata)
        names = ["cos", "sin", "rotated_q", "rotated_k"] + (["logits"] if logits else [])
        self._run(
            "emulate", str(file), "--recipe", recipe, f"--shift={shift}", "--tensors", ",".join(names), "-o", str(out),
            "--force",
        )  # fmt: skip
        tensors, metadata = tensor_file.read(out)
        assert metadata["shift"] == str(shift)
        assert (tensors["positions"] == numpy.arange(data.k.shape[1]) + shift).all()
        return {name: tensors[f"layers.{LAYER}.{name}"].astype(numpy.float32) for name in names}
