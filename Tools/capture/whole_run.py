"""A whole model run for comparison with another: at shifted positions, in a stated arithmetic, or as a null control.

A null control is the same run with something changed that no mathematics depends on, so that its difference is rounding noise.
"""

import dataclasses

import numpy

from . import tensor_file
from .failure import WRONG_USAGE, Failure

# What each kind of null control changes.
NULL_KINDS = {
    "order": "channels of the residual stream and of the MLPs in another order, so that every sum over them is",
    "threads": "another number of threads",
    "batch": "two equal sequences in a batch instead of one",
}
SEED_LIMIT = 1 << 63


@dataclasses.dataclass(frozen=True)
class Run:
    """What makes one run differ from another of the same model on the same tokens."""

    dtype: str
    shift: int = 0
    null: str | None = None
    null_seed: int = 1
    init_std: float | None = None
    init_seed: int = 1

    def metadata(self, arithmetic, threads=None):
        """`arithmetic`: what computed the run, in words; `threads`: on how many threads, where that is known."""
        found = {"run.shift": str(self.shift), "run.dtype": self.dtype, "run.arithmetic": arithmetic}
        if threads is not None:
            found["run.threads"] = str(threads)
        if self.init_std is not None:
            found |= {"run.init_std": repr(self.init_std), "run.init_seed": str(self.init_seed)}
        if self.null is not None:
            found["run.null"] = self.null
            if self.null == "order":
                found["run.null_seed"] = str(self.null_seed)
        return found

    @property
    def plain(self):
        """The run that this one is the null control of."""
        return dataclasses.replace(self, null=None)


def changed(tensors, plain):
    """(elements of q, k and v that differ in bits, all of them), between two runs. Raises Failure where they are of other things."""
    if not numpy.array_equal(tensors["token_ids"], plain.get("token_ids")):
        raise Failure("--null-of: the file is a capture of other tokens; name the run that this one is the control of")
    differ = count = 0
    for name, x in tensors.items():
        if not name.startswith("layers.") or name[-2:] not in (".q", ".k", ".v"):
            continue
        other = plain.get(name)
        if other is None or other.shape != x.shape or other.dtype != x.dtype:
            raise Failure(f"--null-of: the file has no {name} of the shape {list(x.shape)} and type {x.dtype}; capture both alike")
        bits = numpy.dtype(f"u{x.dtype.itemsize}")
        differ += int((numpy.ascontiguousarray(x).view(bits) != numpy.ascontiguousarray(other).view(bits)).sum())
        count += x.size
    return differ, count


def plain_of(path, run, metadata):
    """The tensors of the file that `run` is to be the null control of. Raises Failure unless it is the same run but for that."""
    tensors, found = tensor_file.read(path)
    wanted = run.plain.metadata(metadata["run.arithmetic"])
    wanted |= {key: value for key, value in metadata.items() if key.startswith("rope.") or key == "model"}
    for key, value in wanted.items():
        if found.get(key) != value:
            raise Failure(
                f"{path}: {key} is {found.get(key)}, and the null control was run with {value};"
                " name the plain run that it is the control of",
                WRONG_USAGE,
            )
    if "run.null" in found:
        raise Failure(f"{path}: a null control itself ({found['run.null']}); name the plain run", WRONG_USAGE)
    return tensors
