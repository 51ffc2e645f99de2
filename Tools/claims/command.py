"""The command line: run what claims are held against, and write the document."""

import argparse
import csv
import dataclasses
import pathlib
import subprocess
import sys

from . import document, figures as figures_module, rules, subjects as runs, verdicts

FIELDS = ("subject", "model", "init_std", "dtype", "run_in", "tokens", "layers", "shifts", "null_changed", "arithmetic", "recipes")


@dataclasses.dataclass
class Subjects:
    """Which subjects there are, and what is known of them."""

    records: dict  # {name: {field: text}}
    recipe: str = "hf-bf16"
    main: str = runs.TRAINED
    main_fp32: str = "trained-float32"
    pattern_recipes: tuple = tuple(runs.PATTERN_RECIPES)

    @property
    def trained(self):
        """Trained models in bfloat16: what most claims are about."""
        return [name for name, record in self.records.items() if not record["init_std"] and record["dtype"] == "bfloat16"]

    @property
    def untrained(self):
        return [name for name, record in self.records.items() if record["init_std"] and record["dtype"] == "bfloat16"]

    def recipes_of(self, name):
        return self.records[name]["recipes"].split()

    def write(self, path):
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(FIELDS)
            for name, record in self.records.items():
                writer.writerow([name, *(record[field] for field in FIELDS[1:])])

    @classmethod
    def read(cls, path):
        with open(path, newline="", encoding="utf-8") as file:
            return cls({row["subject"]: row for row in csv.DictReader(file)})


def record(run, recipes):
    """What is kept of a run.json."""
    isolated = "input" in run
    metadata = run["input"]["metadata"] if isolated else run["runs"]["first"]["metadata"]
    null = {} if isolated else run["runs"].get("null", {}).get("metadata", {})
    shifts = run["measured"]["shifts"][0] if isolated else run["measured"]["shifts"]
    return {
        "model": metadata.get("model", "unnamed"),
        "init_std": metadata.get("run.init_std", ""),
        # The shipped sample is of a forward pass in binary32 and stored in bf16.
        "dtype": metadata.get("run.dtype", "bfloat16"),
        "run_in": metadata.get("run.dtype", "float32, stored in bfloat16"),
        "tokens": str(run["problem"]["key_tokens"]),
        "layers": ", ".join(map(str, run["measured"]["layers"])),
        "shifts": " and ".join(map(str, shifts)),
        "null_changed": null.get("run.null_changed", ""),
        "arithmetic": metadata.get("run.arithmetic", "forward pass in binary32, q and k stored in bf16"),
        "recipes": " ".join(recipes),
    }


def run(options):
    folder, target = pathlib.Path(options.work), pathlib.Path(options.figures)
    folder.mkdir(parents=True, exist_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    found, records = figures_module.Figures(), {}
    sample = figures_module.add_report(
        found, runs.SAMPLE, pathlib.Path("Reports/sample"), "full", ("hf-bf16", "fa2-bf16", "fp32"), runs.SHIFTS, with_lengths=True
    )
    records[runs.SAMPLE] = record(sample, ["hf-bf16", "fa2-bf16", "fp32"]) | {"shifts": " and ".join(map(str, runs.SHIFTS))}
    captured = {}
    for subject in runs.SUBJECTS:
        paths = runs.capture(options.python, subject, options.text, options.tokens, folder, options.reuse)
        report = runs.compare(options.ropedrift, subject, paths, folder, options.reuse)
        records[subject.name] = record(figures_module.add_comparison(found, subject.name, report), subject.recipes)
        captured[subject.name] = paths["first"]
    for name, source in ((runs.SAMPLE, None), (runs.TRAINED, captured[runs.TRAINED])):
        tokens = int(records[name]["tokens"])
        for pattern, report in runs.patterns(options.ropedrift, name, source, tokens, folder, options.reuse).items():
            figures_module.add_report(found, name, report, pattern, runs.PATTERN_RECIPES, runs.SHIFTS)
    found.write(target / "figures.csv")
    Subjects(records).write(target / "subjects.csv")
    return 0


def render(options):
    source = pathlib.Path(options.figures)
    found = figures_module.Figures.read(source / "figures.csv")
    subjects = Subjects.read(source / "subjects.csv")
    pathlib.Path(options.output).write_text(document.text(found, subjects), encoding="utf-8")
    for claim in rules.CLAIMS:
        print(f"{verdicts.verdict(claim.decide(found, subjects))[0]}: {claim.name}")
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"claims: {message}; see --help", file=sys.stderr)
        sys.exit(64)


def parser():
    root = _Parser(prog="claims.py", allow_abbrev=False, description="Holds published claims against real runs.")
    commands = root.add_subparsers(dest="command", required=True)
    making = commands.add_parser("run", allow_abbrev=False, help="capture, report, collect figures")
    making.add_argument("--ropedrift", required=True, help="the command")
    making.add_argument("--python", default=sys.executable, help="a Python with Tools/requirements-transformers.txt")
    making.add_argument("--text", default="LICENSE", help="the text to run on")
    making.add_argument("--tokens", type=int, default=2048)
    making.add_argument("--work", default="out/claims", help="folder of captures and reports")
    making.add_argument("--reuse", action="store_true", help="take captures and reports that are there already, whatever made them")
    making.set_defaults(function=run)
    drawing = commands.add_parser("render", allow_abbrev=False, help="write the document")
    drawing.add_argument("-o", "--output", default="Documentation/Claims.md")
    drawing.set_defaults(function=render)
    for command in (making, drawing):
        command.add_argument("--figures", default="Reports/claims", help="folder of figures.csv and subjects.csv")
    return root


def main(arguments):
    options = parser().parse_args(arguments)
    try:
        return options.function(options)
    except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as error:
        print(f"claims: {error}", file=sys.stderr)
        return 1
