"""The comparison must be able to fail: one wrong encoding on either side, at any stage, is counted as unexplained."""

import dataclasses
import fractions

import numpy
import pytest

from agreement import arithmetic, explanation, numbers
from agreement.emulated import Input
from agreement.implementation import Implementation, Tensors

TYPE = "bf16"
BASE, SIZE = 10000, 64
POSITIONS = numpy.arange(5) + 1000


@pytest.fixture
def run():
    """An implementation with correctly rounded functions, and emulated tensors that agree with it in every bit."""
    generator = numpy.random.default_rng(3)
    data = Input("test", *(generator.standard_normal((2, 5, SIZE)).astype(numpy.float32) for _ in "qk"), BASE)
    implementation = Implementation("test", "", "hf-llama", None, (TYPE,), None, logits=arithmetic.multiplied_after)
    frequency = arithmetic.power_reciprocal(BASE, SIZE)
    angles = arithmetic.product32(POSITIONS, frequency, TYPE)
    wide = [
        numpy.array([numbers.correct(f, x) for x in angles.ravel()], numpy.float32).reshape(angles.shape)
        for f in ("cos", "sin")
    ]
    cos, sin = (numbers.stored(x, TYPE) for x in wide)
    q, k = (
        arithmetic.per_operation(numbers.stored(x, TYPE), cos, sin, TYPE, "half-split") for x in (data.q, data.k)
    )
    logits = arithmetic.multiplied_after(q, k, SIZE, TYPE)
    theirs = Tensors(frequency, *wide, cos, sin, q, k, logits)
    visible = numpy.tril(numpy.ones((5, 5), bool))
    ours = {"cos": cos, "sin": sin, "rotated_q": q, "rotated_k": k, "logits": numpy.where(visible, logits, -numpy.inf)}
    return implementation, data, theirs, {name: array.copy() for name, array in ours.items()}


def compare(run):
    implementation, data, theirs, ours = run
    return explanation.compare(implementation, TYPE, data, POSITIONS, theirs, ours)


def unexplained(counts):
    return {tensor: count.causes["unexplained"] for tensor, count in counts.items()}


def next_bf16(value):
    return (value.view(numpy.uint32) + numpy.uint32(1 << 16)).view(numpy.float32)


def test_equal_tensors_do_not_differ(run):
    counts = compare(run)
    assert {tensor: count.differing for tensor, count in counts.items()} == {"cos, sin": 0, "rotated q, k": 0, "logits": 0}
    assert counts["logits"].elements == 2 * 15
    assert not any(unexplained(counts).values())


@pytest.mark.parametrize(
    "name, place, tensor",
    [("cos", (3, 2), "cos, sin"), ("sin", (1, 0), "cos, sin"), ("rotated_q", (1, 4, 7), "rotated q, k"),
     ("rotated_k", (0, 0, 0), "rotated q, k"), ("logits", (1, 4, 2), "logits")],
)  # fmt: skip
@pytest.mark.parametrize("is_ours", [True, False])
def test_one_wrong_bit_is_unexplained(run, name, place, tensor, is_ours):
    implementation, data, theirs, ours = run
    array = ours[name] if is_ours else getattr(theirs, name).copy()
    array[place] = next_bf16(array[place])
    if not is_ours:
        theirs = dataclasses.replace(theirs, **{name: array})
    counts = compare((implementation, data, theirs, ours))
    assert counts[tensor].differing >= 1
    assert unexplained(counts)[tensor] >= 1


def test_a_masked_logit_that_is_not_minus_infinity_is_unexplained(run):
    run[3]["logits"][0, 1, 3] = 0
    assert unexplained(compare(run)) == {"cos, sin": 0, "rotated q, k": 0, "logits": 1}


def test_a_cosine_off_by_less_than_a_unit_is_explained_and_inherited(run):
    implementation, data, theirs, ours = run
    # In binary32 the table is the function's value itself.
    implementation = dataclasses.replace(implementation, table_type="fp32", rotation=arithmetic.in_binary32)
    cos, sin = theirs.cos32.copy(), theirs.sin32
    ours |= {"cos": theirs.cos32, "sin": sin}
    cos[2, 1] = numpy.nextafter(cos[2, 1], numpy.float32(2))
    if numbers.ulps("cos", arithmetic.product32(POSITIONS, theirs.frequency, TYPE)[2, 1], cos[2, 1]) >= 1:
        cos[2, 1] = numpy.nextafter(theirs.cos32[2, 1], numpy.float32(-2))

    def rotate(x, c):
        return arithmetic.in_binary32(numbers.stored(x, TYPE), c, sin, TYPE, "half-split")

    ours |= {"rotated_q": rotate(data.q, ours["cos"]), "rotated_k": rotate(data.k, ours["cos"])}
    theirs = dataclasses.replace(
        theirs, cos32=cos, cos=cos, sin=sin, rotated_q=rotate(data.q, cos), rotated_k=rotate(data.k, cos), logits=None
    )
    implementation = dataclasses.replace(implementation, logits=None)
    counts = compare((implementation, data, theirs, ours))
    assert counts["cos, sin"].differing == counts["cos, sin"].causes["cos, sin"] == 1
    assert not any(unexplained(counts).values())


def test_another_formula_of_the_frequency_is_unexplained(run):
    implementation, data, theirs, ours = run
    # Four units beside the correctly rounded power: no library is so far off, another formula is.
    frequency = arithmetic.power_reciprocal(BASE, SIZE, 4)
    angles = arithmetic.product32(POSITIONS, frequency, TYPE)
    wide = [
        numpy.array([numbers.correct(f, x) for x in angles.ravel()], numpy.float32).reshape(angles.shape)
        for f in ("cos", "sin")
    ]
    cos, sin = (numbers.stored(x, TYPE) for x in wide)
    theirs = dataclasses.replace(theirs, frequency=frequency, cos32=wide[0], sin32=wide[1], cos=cos, sin=sin)
    count = compare((implementation, data, theirs, ours))["cos, sin"]
    assert count.differing > 0
    assert count.causes["unexplained"] == count.differing


def test_a_fused_product_sum_is_rounded_once():
    generator = numpy.random.default_rng(5)
    a, b = (generator.standard_normal(4000).astype(numpy.float32) for _ in "ab")
    # Near −a·b, so that all of the product's bits matter; and far from it, where ties come up.
    for c in (-(a * b), generator.standard_normal(4000).astype(numpy.float32) * numpy.float32(2**20)):
        got = numbers.fused(a, b, c)
        for x, y, z, value in zip(a, b, c, got):
            exact = fractions.Fraction(float(x)) * fractions.Fraction(float(y)) + fractions.Fraction(float(z))
            error = abs(fractions.Fraction(float(value)) - exact)
            for neighbour in (numpy.nextafter(value, numpy.float32(s)) for s in (-numpy.inf, numpy.inf)):
                assert error <= abs(fractions.Fraction(float(neighbour)) - exact)
