"""Documentation/Claims.md from figures: nothing in it is typed but words."""

from . import rules, verdicts
from .verdicts import number, quotient

HEAD = """# Claims

Numerical claims of [Wang2024](../References.md) and of the study that disputes it, each in its authors' metric and in the others that the
words allow, held against one small model. Written by `make claims` from `Reports/claims` (`Tools/claims.py render` alone writes it
again); every number is computed, and verdicts follow from the rules below. They are about **these runs**: {model}, {layer_count} of
its layers, {tokens} tokens, shifts {shifts}, on a CPU; no figure here is one of a GPU, of a long context or of a model's quality.
"""

MODES = """## What is compared

- **isolated**: the same q and k, only positions shifted: what the rotary embedding and the attention scores of one layer do.
- **propagated**: two whole model runs, one at each shift, whose hidden states differ too.
- **null**: two whole runs at the *same* shift, the second with the channels of the residual stream and of the MLPs in another order.
  The model is the same function; only the order of its sums differs. What this gives is rounding noise and says nothing about positions.

Logits and probabilities of captured q and k are emulated under a recipe, `{recipe}` unless another is named: rotation and scores as the
run's own implementation computes them ([agreement](Agreement.md)); the run's attention itself is PyTorch's fused one. Whole runs are
compared by `ropedrift report --against --null`; [how to do it and what its tables hold](WholeRuns.md).
"""


def cells(row):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"


def table(header, rows):
    return "\n".join([cells(header), cells(["---"] * len(header)), *map(cells, rows)]) + "\n"


def truth(decision):
    return {True: "yes", False: "no", None: "open"}[decision.truth]


def runs(subjects):
    """What ran, one row a subject."""
    rows = []
    for name, record in subjects.records.items():
        rows.append(
            [
                f"`{name}`", record["model"], record["init_std"] or "trained", record["run_in"], record["tokens"], record["layers"],
                record["null_changed"] or "–",
            ]
        )
    return table(
        ["subject", "model", "standard deviation of weights", "run in", "tokens", "layers", "elements that the null control changes"], rows
    )


def noise(figures, subjects):
    """The three modes beside each other for every subject and recipe that has them."""
    rows = []
    for name in subjects.records:
        for recipe in subjects.recipes_of(name):
            values = {
                mode: [figures.get(name, recipe, mode, metric) for metric in ("d_weighted", "sum_abs_logit_difference")]
                for mode in ("isolated", "propagated", "null")
            }
            if values["propagated"][0] is None:
                continue
            rows.append(
                [f"`{name}`", f"`{recipe}`"]
                + [number(value) for space in (0, 1) for value in (values[mode][space] for mode in values)]
                + [
                    "–" if part is None else f"{100 * part:.3g} %"
                    for part in (quotient(values["null"][space], values["propagated"][space]) for space in (0, 1))
                ]
            )
    spaces = ["D", "Σ|Δlogit|"]
    header = ["subject", "recipe"] + [f"{space}, {mode}" for space in spaces for mode in ("isolated", "propagated", "null")]
    return table([*header, "null of propagated: D", "Σ|Δlogit|"], rows)


def noise_by_layer(figures, subjects):
    """The null control's and the isolated part of the propagated difference in each layer of the trained model."""
    recipe, rows = subjects.recipe, []
    for name in subjects.records:
        if recipe not in subjects.recipes_of(name):
            continue
        for layer in subjects.records[name]["layers"].split(", "):
            values = {
                mode: [figures.get(name, recipe, mode, metric, pattern=f"layer {layer}") for metric in ("d_weighted", "sum_abs_logit_difference")]
                for mode in ("isolated", "propagated", "null")
            }
            if values["propagated"][0] is None:
                continue
            parts = [
                quotient(values[mode][space], values["propagated"][space]) for space in (0, 1) for mode in ("null", "isolated")
            ]
            rows.append([f"`{name}`", layer, number(values["propagated"][0])] + ["–" if p is None else f"{100 * p:.3g} %" for p in parts])
    return table(
        ["subject", "layer", "D, propagated", "null of it", "isolated of it", "Σ|Δlogit|: null", "isolated"], rows
    )


def claim_section(index, claim, decisions):
    verdict, senses = verdicts.verdict(decisions)
    text = f"## {index}. {claim.name}: {verdict}\n\n"
    text += f"**Claim** ({claim.source}): {claim.says} **Metric**: {claim.metric}\n\n"
    if senses:
        text += f"**{verdict[0].upper()}{verdict[1:]}**: {'; '.join(senses)}.\n\n"
    if claim.remark:
        text += f"{claim.remark}\n\n"
    if not decisions:
        return text + "Nothing was run that it could be held against.\n"
    rows = [
        [d.sense, f"`{d.subject}`", d.mode, d.figure, d.null or "–", truth(d)] for d in decisions
    ]
    return text + table(["sense", "subject", "mode", "figure", "null control", "true"], rows)


def text(figures, subjects):
    decisions = [claim.decide(figures, subjects) for claim in rules.CLAIMS]
    main = subjects.records[subjects.main]
    layers = main["layers"].split(", ")
    parts = [
        HEAD.format(model=main["model"], layer_count=len(layers), tokens=main["tokens"], shifts=main["shifts"]),
        "## Verdicts\n\n"
        + table(
            ["claim", "source", "verdict", "in which sense", "decided in mode"],
            [
                [f"[{claim.name}](#{anchor(index, claim, found)})", claim.source, verdicts.verdict(found)[0], "; ".join(verdicts.verdict(found)[1]) or "–", ", ".join(verdicts.decided_in(found)) or "–"]
                for index, (claim, found) in enumerate(zip(rules.CLAIMS, decisions), 1)
            ],
        ),
        MODES.format(recipe=subjects.recipe),
        "### What ran\n\n" + runs(subjects) + f"\nArithmetic of `{subjects.main}`: {main['arithmetic']}.\n",
        "### How much of a difference is noise\n\n" + noise(figures, subjects),
        "### The same by layer\n\nNothing before the first attention knows positions: in layer 0 q and k are the same in both runs, bit for bit, and"
        f" the whole difference is the isolated one. Noise comes with depth. Recipe `{subjects.recipe}`.\n\n"
        + noise_by_layer(figures, subjects),
        "## Rules\n\n" + verdicts.RULES + "\n",
        *(claim_section(index, claim, found) for index, (claim, found) in enumerate(zip(rules.CLAIMS, decisions), 1)),
    ]
    return "\n".join(parts)


def anchor(index, claim, decisions):
    """The anchor that renderers give the claim's heading."""
    heading = f"{index}. {claim.name}: {verdicts.verdict(decisions)[0]}".lower()
    return "".join(c for c in heading.replace(" ", "-") if c.isalnum() or c in "-_")
