"""Verdicts on figures worked out by hand: each rule at its limit, noise, and the document from nothing but figures."""

import csv
import json
import pathlib

import pytest

from claims import command, document, figures, rules, verdicts
from claims.verdicts import Claim, Decision

KEYS = ("recipe", "shift_1", "shift_2", "mode", "layer", "head")


def decision(sense="s", truth=True, subject="a", mode="isolated"):
    return Decision(sense, subject, mode, "1", truth)


@pytest.mark.parametrize(
    "truths, expected",
    [
        ([], (verdicts.NOT_COMPUTABLE, [])),
        ([("s", None), ("t", None)], (verdicts.NOT_COMPUTABLE, [])),
        ([("s", True), ("t", None)], (verdicts.HOLDS, [])),
        ([("s", False), ("t", None), ("s", False)], (verdicts.FAILS, [])),
        ([("t", True), ("s", False), ("s", True), ("t", True)], (verdicts.IN_THIS_SENSE, ["t"])),
    ],
)
def test_verdict(truths, expected):
    assert verdicts.verdict([decision(sense, truth) for sense, truth in truths]) == expected


@pytest.mark.parametrize(
    "places, expected",
    [
        # (sense, subject, mode, truth): no sense is true throughout.
        ([("s", "a", "isolated", True), ("t", "a", "isolated", True), ("s", "a", "propagated", False), ("t", "a", "propagated", False)],
         ["mode isolated"]),
        ([("s", "a", "isolated", True), ("s", "b", "isolated", True), ("t", "a", "isolated", False), ("s", "a", "propagated", False)],
         ["s (isolated)"]),
        ([("s", "a", "isolated", True), ("s", "b", "isolated", False)], ["s (a, isolated)"]),
    ],
)
def test_where_a_claim_holds(places, expected):
    found = [decision(sense, truth, subject, mode) for sense, subject, mode, truth in places]
    assert verdicts.verdict(found) == (verdicts.IN_THIS_SENSE, expected)
    assert verdicts.decided_in(found) == sorted({mode for _, _, mode, _ in places})
    assert verdicts.decided_in([decision(truth=None)]) == []


@pytest.mark.parametrize(
    "values, expected",
    [
        ([1, 1.25], None),
        ([1, None, 2], None),
        ([1, 1.1, 1.25], True),
        ([1, 1.1, 1.2499], False),
        ([1, 2, 3, 2.5, 4], True),  # three of four doublings
        ([1, 2, 1.5, 1.2, 4], False),  # two of four
        ([4, 3, 2], False),
    ],
)
def test_growth(values, expected):
    assert rules.grows(values) is expected


@pytest.mark.parametrize(
    "values, expected",
    [(["-3", "2", "", "3"], 1), (["-3", "-4", "", "3.5"], 3), (["", "1"], None), ([], None), (["0.0", "0.0"], 1)],
)
def test_rank_of_the_first_key(values, expected):
    assert figures.rank_of_first(values) == expected


def runs(**values):
    """Figures of one subject `trained-bfloat16`: {metric: (isolated, propagated, null)}."""
    found = figures.Figures()
    values = dict(visible_pairs=(10, 10, 10)) | values
    for metric, row in values.items():
        for mode, value in zip(("isolated", "propagated", "null"), row):
            if value is not None:
                found.add("trained-bfloat16", "hf-bf16", mode, "full", 0, metric, value)
    return found


SUBJECTS = command.Subjects(
    {
        name: dict(
            model="m", init_std=std, dtype=dtype, run_in=dtype, tokens="8", layers="0, 1", shifts="0 and 16", null_changed="", arithmetic="by hand",
            recipes="hf-bf16",
        )
        for name, std, dtype in (
            ("trained-bfloat16", "", "bfloat16"), ("trained-float32", "", "float32"), ("untrained-0.02-bfloat16", "0.02", "bfloat16"),
        )
    }
)


def truths(claim, found):
    return {(d.sense, d.mode): d.truth for d in claim(found, SUBJECTS)}


def test_noise_leaves_the_propagated_mode_open():
    for null, expected in ((0.5, True), (0.51, None)):
        found = runs(d_weighted=(1, 2, 2 * null), sum_abs_logit_difference=(1, 2, 0.1), five_key_fraction_logit=(0.05, 0.08, 0.3))
        assert truths(rules.five_keys, found)[("logits", "isolated")] is True
        assert truths(rules.five_keys, found)[("logits", "propagated")] is expected
    found = runs(d_weighted=(1, 2, None), sum_abs_logit_difference=(1, 2, 0.1), five_key_fraction_logit=(0.049, 0.08, 0.3))
    assert truths(rules.five_keys, found) == {
        ("logits", "isolated"): False, ("logits", "propagated"): None, ("probabilities", "isolated"): None,
        ("probabilities", "propagated"): None,
    }


def test_positions_break_only_where_two_shifts_differ_more_than_one():
    found = runs(d_weighted=(0.1, 2, 1), sum_abs_logit_difference=(0, 1.99, 1))
    assert truths(rules.breaks, found) == {
        ("probabilities, D of Eq. 4", "isolated"): True, ("logits, sum", "isolated"): False,
        ("probabilities, D of Eq. 4", "propagated"): True, ("logits, sum", "propagated"): False,
    }


def test_the_first_token_is_first_where_no_key_has_more():
    found = runs(first_key_rank_logit_mean=(2, None, None), keys_logit_mean=(8, None, None), first_key_logit_mean=(0.5, None, None))
    decisions = rules.first_token(found, SUBJECTS)
    assert decisions[0].figure == "0.5, rank 2 of 8" and decisions[0].truth is False
    assert all(d.truth is None and d.figure == "–" for d in decisions[1:])


def test_amplification_needs_both_models_free_of_noise():
    found = runs(d_weighted=(4, 4, 1), sum_abs_logit_difference=(4, 4, 1))
    other = "untrained-0.02-bfloat16"
    for mode, value in (("isolated", 2), ("propagated", 2.01), ("null", 1.5)):
        for metric in ("d_weighted", "sum_abs_logit_difference"):
            found.add(other, "hf-bf16", mode, "full", 0, metric, value)
    of = truths(rules.amplified, found)
    assert of[("probabilities, D of Eq. 4", "isolated")] is True
    # 1.5 of 2.01 is noise in the untrained model.
    assert of[("probabilities, D of Eq. 4", "propagated")] is None
    assert of[("probabilities, signed", "isolated")] is None


def test_removal_compares_recipes_and_runs():
    found = runs(d_weighted=(1, 10, 1), sum_abs_logit_difference=(1, 10, 1))
    found.add("trained-bfloat16", "fp32", "isolated", "full", 0, "d_weighted", 0.01)
    found.add("trained-float32", "fp32", "propagated", "full", 0, "d_weighted", 0.11)
    found.add("trained-float32", "fp32", "null", "full", 0, "d_weighted", 0.02)
    decisions = {(d.sense, d.mode): d for d in rules.removed(found, SUBJECTS)}
    d = decisions[("probabilities, D of Eq. 4", "isolated")]
    assert (d.figure, d.truth) == ("0.01", True)
    d = decisions[("probabilities, D of Eq. 4", "propagated")]
    assert (d.figure, d.null, d.truth) == ("0.011", "0.02", False)


def test_patterns_are_ratios_of_sums_and_of_means():
    found = figures.Figures()
    for pattern, values in (("full", (4, 8, 100, 10)), ("anchor", (2, 7.2, 40, 5)), ("intra", (2, 8, 40, 4))):
        for metric, value in zip(("d_weighted", "d_unweighted", "sum_abs_logit_difference", "visible_pairs"), values):
            found.add("trained-bfloat16", "hf-bf16", "isolated", pattern, 0, metric, value)
    of = {d.sense: (d.figure, d.truth) for d in rules.pattern_ratio("anchor", "full")(found, SUBJECTS) if d.subject.endswith("hf-bf16")}
    assert of["probabilities, D of Eq. 4"] == ("0.5", True)
    assert of["probabilities, mean over visible pairs"] == ("1.8", False)
    assert of["logits, mean over visible pairs"] == ("0.8", True)
    assert of["logits of the first key, D_logit of Eq. 5"] == ("–", None)
    senses = [d.sense for d in rules.pattern_ratio("anchor", "intra")(found, SUBJECTS)]
    assert not any("D_logit" in sense for sense in senses)


def write(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_figures_come_from_the_rows_over_all_layers_and_heads(tmp_path):
    blank = {metric: "" for metric in figures.TOTALS}
    key = dict(recipe="hf-bf16", shift_1="0", shift_2="16", mode="isolated")
    write(
        tmp_path / "propagated.csv",
        [
            key | dict(layer="all", head="all") | blank | dict(d_weighted="0.25"),
            key | dict(layer="3", head="all") | blank | dict(d_weighted="7"),
        ],
    )
    lengths = {metric: "1.0" for metric in figures.LENGTHS}
    write(tmp_path / "propagated_lengths.csv", [key | dict(length="64") | lengths, key | dict(length="128") | lengths])
    columns = dict(sum_abs="", signed_mean="", relative_change="")
    write(
        tmp_path / "propagated_tokens.csv",
        [
            key | dict(layer=layer, space=space, key=str(token), mean_abs=mean) | columns
            for layer in ("3", "all")
            for space, means in (("logit", "123"), ("probability", "321"))
            for token, mean in enumerate(means)
        ],
    )
    (tmp_path / "run.json").write_text(json.dumps({"x": 1}))
    found = figures.Figures()
    assert figures.add_comparison(found, "a", tmp_path) == {"x": 1}
    assert found.get("a", "hf-bf16", "isolated", "d_weighted") == 0.25
    assert found.get("a", "hf-bf16", "isolated", "d_logit") is None
    assert found.get("a", "hf-bf16", "isolated", "d_weighted", pattern="layer 3") == 7
    assert found.lengths("a", "hf-bf16", "isolated") == [64, 128]
    assert found.get("a", "hf-bf16", "isolated", "first_key_rank_logit_mean") == 3
    assert found.get("a", "hf-bf16", "isolated", "first_key_rank_probability_mean") == 1
    assert found.get("a", "hf-bf16", "isolated", "keys_logit_sum") == 0
    # Written and read, they are the same.
    found.write(tmp_path / "figures.csv")
    assert figures.Figures.read(tmp_path / "figures.csv").values == found.values
    with pytest.raises(ValueError, match="two values"):
        found.add("a", "hf-bf16", "isolated", "full", 64, "d_logit", 1)


def test_document_states_verdicts_and_rules():
    found = runs(d_weighted=(0.1, 2, 1.9), sum_abs_logit_difference=(0.3, 3, 2.7))
    text = document.text(found, SUBJECTS)
    for part in ("# Claims", verdicts.RULES, "95 %", "90 %", "| open |", verdicts.NOT_COMPUTABLE, verdicts.IN_THIS_SENSE):
        assert part in text, part
    for index, claim in enumerate(rules.CLAIMS, 1):
        assert f"## {index}. {claim.name}: " in text
        assert f"](#{document.anchor(index, claim, claim.decide(found, SUBJECTS))})" in text


def test_the_committed_document_is_what_the_committed_figures_give(tmp_path, monkeypatch):
    root = pathlib.Path(__file__).resolve().parents[2]
    monkeypatch.chdir(root)
    assert command.main(["render", "-o", str(tmp_path / "Claims.md")]) == 0
    assert (tmp_path / "Claims.md").read_text() == (root / "Documentation/Claims.md").read_text()


def test_wrong_usage_and_missing_figures(tmp_path, capsys):
    assert command.main(["render", "--figures", str(tmp_path), "-o", str(tmp_path / "x")]) == 1
    assert "figures.csv" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        command.main(["run"])
    assert end.value.code == 64
    assert isinstance(rules.CLAIMS[0], Claim)
