#!/usr/bin/env python3
"""Draws Documentation/first-token-drift.svg from the report of the shipped sample: mean |drift| per key token, in logits and
in probabilities, for four recipes.

The same report gives the same bytes: coordinates are rounded to a tenth, and nothing else is computed in floating point
than logarithms and linear maps.

Usage: Scripts/plot-sample.py [REPORT [SVG]]     (Reports/sample, Documentation/first-token-drift.svg)
Exit code: 0 written, 2 wrong usage or unreadable. Python 3.8 or later, nothing else.
"""

import csv
import json
import math
import pathlib
import sys

# Okabe and Ito's colours, which colour-blind readers can tell apart.
RECIPES = [("table-bf16", "#d55e00"), ("hf-bf16", "#0072b2"), ("hf-fp16", "#00875f"), ("fp32", "#5f5f5f")]
# What the figure says of the first token; caption_holds() checks it.
SPACES = [("logit", "logits", "the smallest of all keys"), ("probability", "probabilities", "among the largest")]
TOP_PART = 1 / 32  # of the keys: what "among the largest" means
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MARGIN = 14  # between the axis and the first key

WIDTH, HEIGHT = 920, 430
PANEL_WIDTH, PANEL_HEIGHT, TOP = 330, 290, 62
LEFT = {"logit": 62, "probability": 506}
BACKGROUND, INK, PALE = "#ffffff", "#1f2328", "#d8dee4"


def main(arguments):
    if len(arguments) > 2:
        return fail(__doc__.split("\n\n")[2])
    report = pathlib.Path(arguments[0] if arguments else "Reports/sample")
    target = pathlib.Path(arguments[1] if len(arguments) > 1 else "Documentation/first-token-drift.svg")
    try:
        drift, shifts = read(report)
        run = json.loads((report / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError) as error:
        return fail(f"'{report}' is not a report of the shipped sample: {error}")
    wrong = [recipe for recipe, _ in RECIPES if not caption_holds(drift, recipe)]
    if wrong:
        return fail(f"the figure's words do not hold for {', '.join(wrong)}; rewrite them in this script")
    target.write_bytes(figure(drift, shifts, run).encode("utf-8"))
    return 0


def caption_holds(drift, recipe):
    """Whether key 0 has the smallest mean |drift| in logits and one of the largest in probabilities."""
    logits, probabilities = drift[recipe, "logit"], drift[recipe, "probability"]
    larger = sum(value > probabilities[0] for value in probabilities)
    return logits[0] == min(logits) and larger < len(probabilities) * TOP_PART


def fail(message):
    print(message, file=sys.stderr)
    return 2


def read(report):
    """{(recipe, space): [mean |drift| of key 0, 1, …]} of the first pair of shifts, and that pair."""
    drift, shifts = {}, None
    with open(report / "tokens.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            pair = (row["shift_1"], row["shift_2"])
            shifts = shifts or pair
            if pair == shifts:
                means = drift.setdefault((row["recipe"], row["space"]), [])
                if int(row["key"]) != len(means):
                    raise ValueError(f"tokens.csv: key {row['key']} is out of order")
                means.append(float(row["mean_abs"]))
    for recipe, _ in RECIPES:
        for space, _, _ in SPACES:
            if (recipe, space) not in drift:
                raise ValueError(f"tokens.csv has no rows of {recipe} in {space} space")
    return drift, shifts


def number(value):
    rounded = f"{value:.1f}"
    return rounded[:-2] if rounded.endswith(".0") else rounded


def text(x, y, content, size=12, anchor="start", color=INK, weight="normal"):
    return (
        f'<text x="{number(x)}" y="{number(y)}" font-size="{size}" text-anchor="{anchor}" fill="{color}"'
        f' font-weight="{weight}">{content}</text>'
    )


def figure(drift, shifts, run):
    shape = run["problem"]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="Helvetica, Arial, sans-serif" role="img" aria-labelledby="title">',
        '<title id="title">Mean magnitude of drift per key token, in logits and in probabilities; a large dot marks the '
        "first token</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{BACKGROUND}"/>',
        text(24, 28, "The first token drifts least as a logit and near the most as a probability", 16, weight="bold"),
    ]
    for space, name, where in SPACES:
        lines += panel(drift, space, name, where)
    layers = " and ".join(str(layer) for layer in run["measured"]["layers"])
    lines.append(
        text(
            24, HEIGHT - 14,
            f"Shipped sample: SmolLM2-135M (Q4_1 weights, dequantised), layers {layers}, {len(run['measured']['heads'])} heads, "
            f"{shape['key_tokens']} tokens; positions shifted by {shifts[0]} against {shifts[1]}. Emulated; isolated mode.",
            11, color="#57606a",
        )
    )
    return "\n".join(lines + ["</svg>", ""])


def panel(drift, space, name, where):
    left, series = LEFT[space], [(recipe, color, drift[recipe, space]) for recipe, color in RECIPES]
    positive = [value for _, _, means in series for value in means if value > 0]
    low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    count = max(len(means) for _, _, means in series)
    span = math.log2(count)

    def x(key):
        return left + MARGIN + math.log2(key + 1) / span * (PANEL_WIDTH - MARGIN)

    def y(value):
        return TOP + (high - math.log10(value)) / (high - low) * PANEL_HEIGHT

    lines = [text(left, TOP - 12, f"mean |drift| of {name}", 13, weight="bold")]
    for power in range(low, high + 1):
        at = y(10.0**power)
        lines.append(f'<path d="M{left} {number(at)}h{PANEL_WIDTH}" stroke="{PALE}" fill="none"/>')
        lines.append(text(left - 8, at + 4, "10" + str(power).translate(SUPERSCRIPTS), 11, "end"))
    bottom = TOP + PANEL_HEIGHT
    tick = 1
    while tick <= count:
        at = x(tick - 1)
        lines.append(f'<path d="M{number(at)} {bottom}v5" stroke="{INK}" fill="none"/>')
        lines.append(text(at, bottom + 18, str(tick), 11, "middle"))
        tick *= 4 if tick < 64 else 2 if count <= 64 else 8
    lines.append(text(left + PANEL_WIDTH / 2, bottom + 36, "key token, counted from 1", 12, "middle"))
    for recipe, color, means in series:
        dots = "".join(f"M{number(x(key))} {number(y(value))}h0" for key, value in enumerate(means) if value > 0)
        lines.append(
            f'<path d="{dots}" stroke="{color}" stroke-width="2.4" stroke-linecap="round" stroke-opacity="0.55"'
            ' fill="none"/>'
        )
    for recipe, color, means in series:
        if means[0] > 0:
            lines.append(
                f'<circle cx="{number(x(0))}" cy="{number(y(means[0]))}" r="6" fill="{color}" stroke="{BACKGROUND}"'
                ' stroke-width="1.5"/>'
            )
        tail = [math.log10(value) for value in means[-64:] if value > 0]
        lines.append(
            text(left + PANEL_WIDTH + 8, y(10 ** (sum(tail) / len(tail))) + 4, recipe, 12, color=color, weight="bold")
        )
    # Above the topmost mark, or between the lowest but one and the lowest, where no dots are.
    marks = sorted(y(means[0]) for _, _, means in series)
    at = marks[0] - 10 if space == "probability" else marks[-2] + 18
    lines.append(text(x(0) - 4, at, f"first token: {where}", 11))
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
