"""When a claim holds: every claim with its senses, each decided on figures by the rules of verdicts.py.

A claim is looked at in several senses. Each sense gives a figure for every subject and mode, and true or false, or nothing where it
cannot be decided. The verdict follows from these alone.
"""

import itertools

from .verdicts import (
    ABOVE_NULL, AMPLIFIES, FIVE_KEYS, GROWTH, REDUCES, REMOVES, RISING_PART, Claim, Decision, guarded, number, quotient,
)


def modes_of(figures, subject, recipe):
    return [mode for mode in ("isolated", "propagated") if figures.get(subject, recipe, mode, "visible_pairs") is not None]


def each(figures, subjects, recipe, function):
    """Decisions of `function(subject, mode)` -> [(sense, figure, truth, null's figure)] over trained bf16 subjects."""
    return [
        Decision(sense, subject, mode, figure, guarded(figures, subject, recipe, mode, truth), null if mode == "propagated" else "")
        for subject in subjects.trained
        for mode in modes_of(figures, subject, recipe)
        for sense, figure, truth, null in function(subject, mode)
    ]


# The claims.


def breaks(figures, subjects):
    recipe = subjects.recipe

    def of(subject, mode):
        for sense, metric in (("probabilities, D of Eq. 4", "d_weighted"), ("logits, sum", "sum_abs_logit_difference")):
            value, null = figures.get(subject, recipe, mode, metric), figures.get(subject, recipe, "null", metric)
            if mode == "isolated":
                yield sense, number(value), None if value is None else value > 0, ""
            else:
                ratio = quotient(value, null)
                yield sense, number(value), None if ratio is None else ratio >= ABOVE_NULL, number(null)

    # The noise rule is this claim's own content here, so nothing is left open by it.
    return [
        Decision(sense, subject, mode, figure, truth, null)
        for subject in subjects.trained
        for mode in modes_of(figures, subject, recipe)
        for sense, figure, truth, null in of(subject, mode)
    ]


FIRST_SENSES = (
    ("logits, mean over queries", "logit_mean"),
    ("logits, sum over queries", "logit_sum"),
    ("logits, signed mean", "logit_signed"),
    ("probabilities, weighted (Eq. 4)", "probability_mean"),
    ("probabilities, unweighted", "probability_sum"),
    ("probabilities, signed mean", "probability_signed"),
    ("probabilities, relative to the key's own", "probability_relative"),
)


def first_token(figures, subjects):
    recipe = subjects.recipe

    def text(subject, mode, name):
        rank = figures.get(subject, recipe, mode, f"first_key_rank_{name}")
        keys = figures.get(subject, recipe, mode, f"keys_{name}")
        if rank is None or keys is None:
            return None, "–"
        return rank, f"{number(figures.get(subject, recipe, mode, f'first_key_{name}'))}, rank {rank:.0f} of {keys:.0f}"

    def of(subject, mode):
        for sense, name in FIRST_SENSES:
            rank, figure = text(subject, mode, name)
            yield sense, figure, None if rank is None else rank == 1, text(subject, "null", name)[1]

    return each(figures, subjects, recipe, of)


def grows(values):
    """Whether figures by ascending length grow; None for fewer than three lengths."""
    if len(values) < 3 or None in values:
        return None
    rising = sum(b > a for a, b in zip(values, values[1:]))
    return values[-1] >= GROWTH * values[0] and rising >= RISING_PART * (len(values) - 1)


GROWTH_SENSES = (
    ("logits of the first key, D_logit of Eq. 5", lambda get: get("d_logit")),
    ("logits, mean over all pairs", lambda get: quotient(get("sum_abs_logit_difference"), get("visible_pairs"))),
    ("probabilities, D of Eq. 4", lambda get: get("d_weighted")),
    ("probabilities, D of Eq. 4 a token", lambda get: quotient(get("d_weighted"), get("length"))),
    ("probabilities, mean over all pairs", lambda get: quotient(get("d_unweighted"), get("visible_pairs"))),
)


def growth(figures, subjects):
    recipe = subjects.recipe

    def of(subject, mode):
        def series(mode, formula):
            def at(length):
                return lambda metric: length if metric == "length" else figures.get(subject, recipe, mode, metric, length)

            return [formula(at(length)) for length in figures.lengths(subject, recipe, mode)]

        for sense, formula in GROWTH_SENSES:
            values = series(mode, formula)
            yield sense, " → ".join(map(number, values)), grows(values), " → ".join(map(number, series("null", formula)))

    return each(figures, subjects, recipe, of)


SIZES = (
    ("probabilities, D of Eq. 4", "d_weighted"),
    ("probabilities, unweighted", "d_unweighted"),
    ("probabilities, signed", "d_signed"),
    ("logits of the first key, D_logit of Eq. 5", "d_logit"),
    ("logits, sum over all pairs", "sum_abs_logit_difference"),
)


def amplified(figures, subjects):
    recipe, trained = subjects.recipe, subjects.main
    found = []
    for untrained, mode, (sense, metric) in itertools.product(subjects.untrained, ("isolated", "propagated"), SIZES):
        ratio = quotient(figures.get(trained, recipe, mode, metric), figures.get(untrained, recipe, mode, metric))
        null = quotient(figures.get(trained, recipe, "null", metric), figures.get(untrained, recipe, "null", metric))
        truth = None if ratio is None else ratio >= AMPLIFIES
        for subject in (trained, untrained):
            truth = guarded(figures, subject, recipe, mode, truth)
        figure = "–" if ratio is None else f"{number(ratio)} times"
        found.append(
            Decision(
                sense, f"trained over {untrained}", mode, figure, truth,
                f"{number(null)} times" if mode == "propagated" and null is not None else "",
            )
        )
    return found


def removed(figures, subjects):
    recipe = subjects.recipe
    found = []
    for sense, metric in SIZES:
        for subject in subjects.trained:
            ratio = quotient(
                figures.get(subject, "fp32", "isolated", metric), figures.get(subject, recipe, "isolated", metric)
            )
            found.append(
                Decision(sense, subject, "isolated", number(ratio), None if ratio is None else ratio <= REMOVES)
            )
        wide, narrow = subjects.main_fp32, subjects.main
        ratio, null = (
            quotient(figures.get(wide, "fp32", mode, metric), figures.get(narrow, recipe, mode, metric))
            for mode in ("propagated", "null")
        )
        truth = None if ratio is None else ratio <= REMOVES
        truth = guarded(figures, narrow, recipe, "propagated", truth)
        found.append(Decision(sense, f"{wide} over {narrow}", "propagated", number(ratio), truth, number(null)))
    return found


def pair_means(get):
    """What does not change because fewer pairs are visible."""
    return {
        "probabilities, D of Eq. 4": get("d_weighted"),
        "probabilities, mean over visible pairs": quotient(get("d_unweighted"), get("visible_pairs")),
        "logits, sum over visible pairs": get("sum_abs_logit_difference"),
        "logits, mean over visible pairs": quotient(get("sum_abs_logit_difference"), get("visible_pairs")),
        "logits of the first key, D_logit of Eq. 5": get("d_logit"),
    }


def pattern_ratio(pattern, other):
    def decide(figures, subjects):
        found = []
        for subject in subjects.trained:
            for recipe in subjects.pattern_recipes:

                def at(name):
                    return pair_means(lambda metric: figures.get(subject, recipe, "isolated", metric, pattern=name))

                ours, theirs = at(pattern), at(other)
                for sense in ours:
                    # Without an anchor later documents do not see the first key: another set of queries. And a reset changes nothing in the
                    # first document, which alone sees it.
                    if "D_logit" in sense and "intra" in (pattern, other):
                        continue
                    ratio = quotient(ours[sense], theirs[sense])
                    found.append(
                        Decision(
                            sense, f"{subject}, {recipe}", "isolated", number(ratio),
                            None if ratio is None else ratio <= REDUCES,
                        )
                    )
        return found

    return decide


def five_keys(figures, subjects):
    recipe = subjects.recipe

    def of(subject, mode):
        for sense, metric in (("logits", "five_key_fraction_logit"), ("probabilities", "five_key_fraction_probability")):
            value = figures.get(subject, recipe, mode, metric)
            null = figures.get(subject, recipe, "null", metric)
            truth = None if value is None else FIVE_KEYS[0] <= value <= FIVE_KEYS[1]
            yield sense, number(value), truth, number(null)

    return each(figures, subjects, recipe, of)


PAPER = "[Wang2024]"
FOLLOW_UP = "the follow-up study (SinkCast), as quoted"

CLAIMS = [
    Claim(
        "BF16 breaks the relative position", PAPER, "Under bfloat16 attention scores depend on absolute positions.",
        "Attention difference D between two shifts, Eq. 4.", breaks,
        "That the isolated figure is above 0 is a fact of the arithmetic. Whether a whole model shows it is another question: two runs at"
        " two shifts have to differ more than two runs at one.",
    ),
    Claim(
        "The first token dominates", PAPER, "The first token contributes most to the difference.",
        "Per-token difference of attention; key 0 against all others.", first_token,
        "Rank 1 means that no key has a greater figure. Which figure is taken decides the answer: a key that draws attention has large"
        " differences of probability, whatever its logits do.",
    ),
    Claim(
        "It grows with the length", PAPER, "The difference accumulates as the context grows.",
        "D_logit of the first key over the sequence length, Eq. 5.", growth,
        "Lengths are prefixes, 64 and its doublings. D of Eq. 4 sums over keys and so has more terms at every length; the mean a token and"
        " the mean over pairs have not.",
    ),
    Claim(
        "Pretraining amplifies it", PAPER, "The difference is greater in a pretrained model than in one with random weights.",
        "D of the trained model over D of the untrained one.", amplified,
        "The standard deviation of the random weights decides: it sets the size of q and k, and so of the logits.",
    ),
    Claim(
        "fp32 removes it", PAPER, "In fp32 the difference is negligible.", "D in fp32 over D in bfloat16.", removed,
        "Isolated: the same q and k under the recipes fp32 and bf16. Propagated: the run in float32 over the run in bfloat16, each"
        " with its own recipe and its own noise.",
    ),
    Claim(
        "The anchor reduces it", PAPER, "One shared first token, documents apart from each other, lessens the difference.",
        "D with the anchor's mask over D with the full mask.", pattern_ratio("anchor", "full"),
        "Four equal documents, on q and k of runs with full attention: no model was trained or run with the mask. Fewer visible pairs lessen"
        " the sum over logits; a mean over visible pairs shows whether those that are left drift less. D of Eq. 4 adds up means over the queries"
        " that see a key, which fewer queries do not lessen, and probabilities are greater in shorter rows.",
    ),
    Claim(
        "The anchor reduces it against intra-document attention", PAPER,
        "The anchor is better than documents apart from each other, with positions that go on.",
        "D with the anchor's mask over D with the intra-document mask.", pattern_ratio("anchor", "intra"),
    ),
    Claim(
        "Resetting positions helps", PAPER, "Positions that begin anew in every document do better than positions that go on.",
        "D of intra-document attention with reset positions over D with continuous ones.", pattern_ratio("intra-reset", "intra"),
        "The same pairs are visible with both, at the same distances.",
    ),
    Claim(
        "5–8 % of the shift error falls on the sink", FOLLOW_UP, "Among keys 0, 1, 2, 8 and 64 the first has 5–8 % of the difference.",
        "Key 0's mean |difference| over the sum of the means of the five.", five_keys,
        "An even share would be 20 %. The study's model, Llama 3.1 8B, is not run here.",
    ),
]
