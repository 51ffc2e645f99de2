"""Figures from the CSV tables of reports, as one small table that the document is made from."""

import csv
import json
import math

COLUMNS = ("subject", "recipe", "mode", "pattern", "length", "metric", "value")
TOTALS = (
    "visible_pairs d_weighted d_unweighted d_signed sum_abs_logit_difference d_logit first_key_logit_share"
    " first_key_probability_share first_key_uniform_share first_key_logit_ratio first_key_probability_ratio"
    " first_key_relative_change five_key_fraction_logit five_key_fraction_probability"
    " top_key_rows top_key_flips"
).split()
BY_LAYER = ("d_weighted", "sum_abs_logit_difference")
LENGTHS = "visible_pairs d_weighted d_unweighted sum_abs_logit_difference d_logit".split()
# How keys are ordered: name of the rank, space, column of the token table, whether by magnitude.
RANKS = (
    ("logit_mean", "logit", "mean_abs"),
    ("logit_sum", "logit", "sum_abs"),
    ("logit_signed", "logit", "signed_mean"),
    ("probability_mean", "probability", "mean_abs"),
    ("probability_sum", "probability", "sum_abs"),
    ("probability_signed", "probability", "signed_mean"),
    ("probability_relative", "probability", "relative_change"),
)


class Figures:
    """Values by (subject, recipe, mode, pattern, length, metric); a length of 0 means all tokens."""

    def __init__(self, rows=()):
        self.values = {}
        for row in rows:
            self.add(*row)

    def add(self, subject, recipe, mode, pattern, length, metric, value):
        key = (subject, recipe, mode, pattern, int(length), metric)
        if key in self.values:
            raise ValueError(f"two values of {key}")
        self.values[key] = float(value)

    def get(self, subject, recipe, mode, metric, length=0, pattern="full"):
        """The value; None where there is none or it is not finite."""
        value = self.values.get((subject, recipe, mode, pattern, length, metric))
        return value if value is not None and math.isfinite(value) else None

    def lengths(self, subject, recipe, mode):
        """Prefix lengths of a subject, ascending."""
        return sorted(
            {key[4] for key in self.values if key[:4] == (subject, recipe, mode, "full") and key[4] > 0}
        )

    def write(self, path):
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for key in sorted(self.values):
                writer.writerow([*key, repr(self.values[key])])

    @classmethod
    def read(cls, path):
        with open(path, newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            if tuple(next(rows)) != COLUMNS:
                raise ValueError(f"{path}: expected the columns {', '.join(COLUMNS)}")
            return cls(rows)


def _rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def rank_of_first(values):
    """1 + how many keys have a greater magnitude than the first; None where the first has none. `values`: text by key, in order."""
    if not values or values[0] == "":
        return None
    first = abs(float(values[0]))
    return 1 + sum(1 for value in values[1:] if value != "" and abs(float(value)) > first)


def _add_tokens(figures, path, subject, pattern, chosen, mode_of):
    """Ranks of the first key among all keys and its own figures; `chosen` filters rows."""
    columns = {}
    for row in _rows(path):
        if chosen(row):
            for name, space, column in RANKS:
                if row["space"] == space:
                    columns.setdefault((row["recipe"], mode_of(row), name), []).append(row[column])
    for (recipe, mode, name), values in columns.items():
        rank = rank_of_first(values)
        if rank is not None:
            figures.add(subject, recipe, mode, pattern, 0, f"first_key_rank_{name}", rank)
            figures.add(subject, recipe, mode, pattern, 0, f"first_key_{name}", values[0])
        figures.add(subject, recipe, mode, pattern, 0, f"keys_{name}", sum(1 for value in values if value != ""))


def add_comparison(figures, subject, report):
    """A report of whole runs; returns what run.json says of them. Single layers stand as patterns `layer N`."""
    for row in _rows(report / "propagated.csv"):
        if row["head"] != "all":
            continue
        whole = row["layer"] == "all"
        for metric in TOTALS if whole else BY_LAYER:
            if row[metric] != "":
                pattern = "full" if whole else f"layer {row['layer']}"
                figures.add(subject, row["recipe"], row["mode"], pattern, 0, metric, row[metric])
    for row in _rows(report / "propagated_lengths.csv"):
        for metric in LENGTHS:
            if row[metric] != "":
                figures.add(subject, row["recipe"], row["mode"], "full", row["length"], metric, row[metric])
    _add_tokens(
        figures, report / "propagated_tokens.csv", subject, "full", lambda row: row["layer"] == "all", lambda row: row["mode"]
    )
    return json.loads((report / "run.json").read_text(encoding="utf-8"))


def add_report(figures, subject, report, pattern, recipes, shifts, with_lengths=False):
    """An ordinary report, isolated, at one pair of shifts."""

    def chosen(row):
        return row["recipe"] in recipes and (row["shift_1"], row["shift_2"]) == tuple(map(str, shifts))

    for row in _rows(report / "summary.csv"):
        if chosen(row) and row["layer"] == row["head"] == "all":
            for metric in TOTALS:
                if row.get(metric, "") != "":
                    figures.add(subject, row["recipe"], "isolated", pattern, 0, metric, row[metric])
    if with_lengths:
        for row in _rows(report / "lengths.csv"):
            if chosen(row):
                for metric in LENGTHS:
                    if row[metric] != "":
                        figures.add(subject, row["recipe"], "isolated", pattern, row["length"], metric, row[metric])
    _add_tokens(figures, report / "tokens.csv", subject, pattern, chosen, lambda row: "isolated")
    return json.loads((report / "run.json").read_text(encoding="utf-8"))
