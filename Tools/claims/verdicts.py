"""From decisions to a verdict: limits, the rules in words, noise, and what a claim and a decision are."""

import dataclasses

HOLDS = "holds"
IN_THIS_SENSE = "holds in this sense only"
FAILS = "does not hold here"
NOT_COMPUTABLE = "not computable here"

# A null control above this part of the propagated difference leaves no conclusion about positions.
NOISE_LIMIT = 0.5
# Two runs at two shifts differ for a reason if they differ so many times as much as two runs at one.
ABOVE_NULL = 2
GROWTH = 1.25
RISING_PART = 0.75
AMPLIFIES = 2
REMOVES = 0.01
REDUCES = 0.9
FIVE_KEYS = (0.05, 0.08)

RULES = f"""- **Subjects and modes.** A sense is decided for each subject of a trained model in bfloat16 and for each of two modes: isolated (the
  same q and k, only positions shifted) and propagated (two whole runs).
- **Noise.** In mode propagated a sense is not decided where the null control has more than {NOISE_LIMIT:.0%} of the difference, in
  `d_weighted` or in the sum of |logit difference|: what two runs at *one* shift differ by says nothing about positions. Its figures are
  printed all the same. The first claim is the one exception: it asks in this mode whether the difference stands out from the noise at all.
- **Verdict.** *{HOLDS}*: decided at least once and true wherever it is decided. *{FAILS}*: false wherever it is decided.
  *{IN_THIS_SENSE}*: otherwise, with the senses that are true wherever they are decided; if there is none, with the modes in which all are
  true, or else with the places where one is.
  *{NOT_COMPUTABLE}*: decided nowhere.
- **First**: true where no other key has a greater figure; signed figures by their magnitude.
- **Grows**: the figure at the greatest length is at least {GROWTH} times that at the least, and it rises in at least
  {RISING_PART:.0%} of the doublings between.
- **Amplifies**: the trained model's figure is at least {AMPLIFIES} times the untrained one's. **Removes**: fp32's is at most
  {REMOVES} of bf16's. **Reduces**: the pattern's is at most {REDUCES} of the other's.
- **Above the null control**: propagated is at least {ABOVE_NULL} times the null control."""


@dataclasses.dataclass(frozen=True)
class Decision:
    """One sense on one subject in one mode."""

    sense: str
    subject: str
    mode: str
    figure: str  # what is printed
    truth: bool | None  # None: not decided
    null: str = ""  # the null control's figure, where there is one


@dataclasses.dataclass(frozen=True)
class Claim:
    name: str
    source: str
    says: str
    metric: str
    decide: object  # (figures, subjects) -> [Decision]
    remark: str = ""


def number(value):
    """Four significant digits, as people read them."""
    if value is None:
        return "–"
    return f"{value:.4g}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.3e}"


def quotient(a, b):
    return None if a is None or b is None or b == 0 else a / b


def noise(figures, subject, recipe):
    """The greater of the null control's parts of the propagated difference; None where there is no propagated difference."""
    parts = [
        quotient(figures.get(subject, recipe, "null", metric), figures.get(subject, recipe, "propagated", metric))
        for metric in ("d_weighted", "sum_abs_logit_difference")
    ]
    return None if None in parts else max(parts)


def guarded(figures, subject, recipe, mode, truth):
    """`truth`, or None where noise leaves it open."""
    if mode != "propagated" or truth is None:
        return truth
    part = noise(figures, subject, recipe)
    return None if part is None or part > NOISE_LIMIT else truth


def verdict(decisions):
    """(verdict, [where it holds]) of all decisions of a claim."""
    decided = [decision for decision in decisions if decision.truth is not None]
    if not decided:
        return NOT_COMPUTABLE, []
    if all(decision.truth for decision in decided):
        return HOLDS, []
    if not any(decision.truth for decision in decided):
        return FAILS, []
    for key in (
        lambda d: d.sense,
        lambda d: f"mode {d.mode}",
        lambda d: f"{d.sense} ({d.mode})",
        lambda d: f"{d.sense} ({d.subject}, {d.mode})",
    ):
        groups = {}
        for each in decided:
            groups.setdefault(key(each), []).append(each.truth)
        whole = [name for name, truths in groups.items() if all(truths)]
        if whole:
            return IN_THIS_SENSE, whole
    raise AssertionError("a decision of its own is a group of its own")


def decided_in(decisions):
    """The modes in which something is decided."""
    return [mode for mode in ("isolated", "propagated") if any(d.mode == mode and d.truth is not None for d in decisions)]
