"""Documentation/Agreement.md from counts."""

import pathlib
import platform

import ml_dtypes
import mpmath
import numpy
import torch
import transformers

from . import emulated, explanation

HEAD = """# Agreement with implementations

Recipes claim to compute what an implementation computes, bit for bit. This page is the check: every element's encoding that
`ropedrift emulate` writes, against what the implementation gives on this machine for the same q, k and positions.
`make agreement` runs it and writes this page; it fails if a difference has no cause that was checked.

What ran: {versions}; {processor}, {system}.
PyTorch is held to one thread and to its AVX2 kernels (`ATEN_CPU_CAPABILITY=avx2`, `ONEDNN_MAX_CPU_ISA=AVX2`), because its
order of summation depends on them (below). NaNs are one value: signs and payloads are not compared.

Inputs: layer 7 of the shipped sample (9 and 3 heads, d = 64, base 100000), and seeded normal numbers of 24 bits (2 and 1
heads, d = 128, base 1000000), each rounded to the type. Positions: 0 … 511; 32 windows of 32 tokens at seeded shifts below
131072; 130560 … 131071. Logits: all pairs that a causal mask leaves.

## Elements that differ

**Differing**: elements whose encodings are not the same, at the three ranges of positions in turn. Causes, each checked for
each element with mpmath and a second description of the arithmetic in NumPy:

- **frequency**: the implementation's power is not correctly rounded but one unit in the last place beside that (the rest of its
  formula is the recipe's), and its cos or sin is correctly rounded, of the angle that results;
- **cos, sin**: its cos or sin is not correctly rounded, in binary32, but within a unit in the last place (1.5 for NumPy's); the
  column **ulp** has the largest error found;
- **both**: both of these;
- **inherited**: the rotated vector (the logit) is what the recipe's arithmetic makes of the implementation's own table (vectors),
  and there the table (a vector) differs.

In each of the first three the emulated value is the one that correctly rounded functions give, by mpmath at {precision} bits.

"""

ORDERS = """
## The order of PyTorch's sums on a CPU

256 dot products a line that cancel, so that the result is what the roundings left; the orders named give every bit of all of
them. With d = 64 `lanes(32)` and `lanes(64)` are one order.

| kernels | type | queries at a time | d | orders that give every bit |
| --- | --- | --- | --- | --- |
"""


def _processor():
    path = pathlib.Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _system():
    return f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver()).strip() or 'unknown C library'}"


def write(path, rows, version, orders):
    """Writes the page; how many differences are not explained."""
    versions = ", ".join(
        [version, f"torch {torch.__version__}", f"transformers {transformers.__version__}", f"numpy {numpy.__version__}",
         f"ml_dtypes {ml_dtypes.__version__}", f"mpmath {mpmath.__version__}", f"Python {platform.python_version()}"]
    )  # fmt: skip
    text = HEAD.format(
        versions=versions, processor=_processor(), system=_system(), precision=explanation.numbers.PRECISION
    )
    ranges = [r.name for r in emulated.ranges()]
    text += "| implementation | recipe | type | tensor | elements | " + " | ".join(f"differing, {r}" for r in ranges)
    text += " | " + " | ".join(explanation.CAUSES) + " | ulp |\n" + "| --- " * (5 + len(ranges) + len(explanation.CAUSES) + 1)
    text += "|\n"
    unexplained = 0
    for implementation, type_name, row in rows:
        for tensor in row[ranges[0]]:
            total = explanation.Count()
            for name in ranges:
                total += row[name][tensor]
            unexplained += total.causes["unexplained"]
            cells = [
                implementation.name, f"`{implementation.rotary}`", type_name, tensor, total.elements,
                *(row[name][tensor].differing for name in ranges),
                *(total.causes[cause] for cause in explanation.CAUSES), f"{total.ulps:.2f}" if total.ulps else "",
            ]  # fmt: skip
            text += "| " + " | ".join(str(cell) for cell in cells) + " |\n"
    text += "\nWhat ran, by row:\n\n"
    for implementation in dict.fromkeys(implementation for implementation, _, _ in rows):
        logits = f"; logits by attention half `{implementation.attention}`" if implementation.logits else ""
        text += f"- {implementation.name}: {implementation.runs}{logits}.\n"
    text += (
        "\nLogits are compared with the recipe's order of additions replaced by that of PyTorch on a CPU, where it states another"
        " (`lanes(64)` for 16-bit types, `sequentialFused` in fp32): a recipe file with one word changed.\n"
    )
    if orders:
        text += ORDERS
        for kernels, found in orders:
            for type_name, count, size, names in found:
                cells = [kernels, type_name, count, size, ", ".join(f"`{n}`" for n in names) or "none of those tried"]
                text += "| " + " | ".join(str(cell) for cell in cells) + " |\n"
    pathlib.Path(path).write_text(text)
    return unexplained
