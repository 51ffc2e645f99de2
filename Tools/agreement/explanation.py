"""Element by element: where an implementation and its recipe differ in an encoding, and the cause, checked.

An implementation's stages are held to the second description of the arithmetic in `arithmetic`, each stage on what the
implementation's own earlier stages gave. If all of them agree, a difference from the emulated tensors can only come from the
functions that are not correctly rounded, and it is checked that the emulated value is the one that correctly rounded
functions give.
"""

import collections
import dataclasses

import numpy

from . import numbers
from .arithmetic import channels

CAUSES = ("frequency", "cos, sin", "both", "inherited", "unexplained")
# Every so many-th element of a table that does not differ is held to correctly rounded functions all the same.
SPOT_CHECKS = 211


@dataclasses.dataclass
class Count:
    """Of one tensor."""

    elements: int = 0
    differing: int = 0
    causes: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    # Largest error of the implementation's binary32 function among the differences, in units in the last place.
    ulps: float = 0.0

    def __iadd__(self, other):
        self.elements += other.elements
        self.differing += other.differing
        self.causes.update(other.causes)
        self.ulps = max(self.ulps, other.ulps)
        return self


def _different(a, b, type_name):
    return numbers.encodings(a, type_name) != numbers.encodings(b, type_name)


def _candidate(function, angle, got, stored_type, bound):
    """The binary32 number nearest to the function's value that is stored as `got`; NaN if it is not within the bound."""
    correct = numbers.correct(function, angle)
    neighbours = [correct, *(numpy.nextafter(correct, numpy.float32(x)) for x in (-2, 2))]
    fitting = [
        (numbers.ulps(function, angle, value), value)
        for value in neighbours
        if not _different(numbers.stored(numpy.array([value]), stored_type), got, stored_type)[0]
    ]
    error, value = min(fitting, default=(numpy.inf, numpy.float32(numpy.nan)))
    return value if error < bound else numpy.float32(numpy.nan)


def _frequency(implementation, type_name, data, off):
    frequency = implementation.frequency(data.base, data.q.shape[-1], off)
    return numbers.stored(frequency, type_name) if implementation.casts_frequency else frequency


def table(implementation, type_name, data, positions, theirs, ours):
    """Counts of cos and sin, and where (tokens, pairs) either differs."""
    stored_type = implementation.table(type_name)
    frequency, *beside = (_frequency(implementation, type_name, data, off) for off in (0, -1, 1))
    angles = implementation.angle(positions, frequency, type_name)
    their_angles = implementation.angle(positions, theirs.frequency, type_name)
    same_frequency = frequency == theirs.frequency
    # The same formula on a power that is off by one unit, or another formula?
    known_frequency = same_frequency | (theirs.frequency == beside[0]) | (theirs.frequency == beside[1])
    count, anywhere = Count(), numpy.zeros(angles.shape, bool)
    for function in ("cos", "sin"):
        got, want = getattr(theirs, function), ours[function]
        wide = getattr(theirs, function + "32")
        differs = _different(got, want, stored_type)
        anywhere |= differs
        count.elements += differs.size
        count.differing += int(differs.sum())
        # What they store must be their function's value, stored; where it is not to be seen, a value within the bound.
        seen = wide is not None
        loose = _different(numbers.stored(wide, stored_type), got, stored_type) if seen else numpy.zeros_like(differs)
        count.causes["unexplained"] += int(loose.sum())
        checks = differs.copy()
        checks.ravel()[::SPOT_CHECKS] = True
        for token, pair in numpy.argwhere(checks):
            exact = numbers.correct(function, angles[token, pair])
            rounded = numbers.stored(numpy.array([exact]), stored_type)
            is_ours_correct = not _different(rounded, want[token, pair : pair + 1], stored_type)[0]
            if not differs[token, pair]:
                count.causes["unexplained"] += not is_ours_correct
                continue
            if loose[token, pair]:
                continue
            their_angle = their_angles[token, pair]
            value = wide[token, pair] if seen else _candidate(
                function, their_angle, got[token, pair : pair + 1], stored_type, implementation.ulps
            )
            error = numbers.ulps(function, their_angle, value)
            is_function_correct = numbers.correct(function, their_angle) == value
            if not is_ours_correct or not known_frequency[pair] or error >= implementation.ulps or (same_frequency[pair] and is_function_correct):
                cause = "unexplained"
            elif same_frequency[pair]:
                cause = "cos, sin"
            else:
                cause = "frequency" if is_function_correct else "both"
            count.ulps = max(count.ulps, error)
            count.causes[cause] += 1
    return count, anywhere


def vectors(implementation, type_name, data, theirs, ours, table_differs):
    """Counts of the rotated vectors, and where (heads, tokens) of q and of k some channel differs."""
    count, rows = Count(), []
    for x in "qk":
        given = numbers.stored(getattr(data, x), type_name)
        got, want = getattr(theirs, "rotated_" + x), ours["rotated_" + x]
        modelled = implementation.rotation(given, theirs.cos, theirs.sin, type_name, implementation.layout)
        differs = _different(got, want, type_name)
        loose = _different(modelled, got, type_name)
        follows = numpy.zeros(differs.shape, bool)
        for part in channels(differs.shape[-1], implementation.layout):
            follows[..., part] = table_differs
        unexplained = loose | (differs & ~follows)
        count += Count(
            differs.size, int(differs.sum()),
            collections.Counter(inherited=int((differs & ~unexplained).sum()), unexplained=int(unexplained.sum())),
        )  # fmt: skip
        rows.append(differs.any(-1))
    return count, rows


def logits(implementation, type_name, theirs, ours, rows):
    """Counts of the logits that a causal mask leaves."""
    got, want = theirs.logits, ours["logits"]
    heads, tokens = got.shape[:2]
    visible = numpy.broadcast_to(numpy.tril(numpy.ones((tokens, tokens), bool)), got.shape)
    group = heads // theirs.rotated_k.shape[0]
    keys = numpy.repeat(theirs.rotated_k, group, 0)
    size = theirs.rotated_q.shape[-1]
    modelled = implementation.logits(theirs.rotated_q, keys, size, type_name)
    stored_type = "fp32" if implementation.attention == "sdpa-math" else type_name
    differs = _different(got, numpy.where(visible, want, got), stored_type)
    loose = _different(modelled, got, stored_type)
    follows = rows[0][:, :, None] | numpy.repeat(rows[1], group, 0)[:, None, :]
    unexplained = (loose | (differs & ~follows)) & visible
    masked = int((want[~visible] != -numpy.inf).sum())
    return Count(
        int(visible.sum()), int(differs.sum()),
        collections.Counter(inherited=int((differs & ~unexplained).sum()), unexplained=int(unexplained.sum()) + masked),
    )  # fmt: skip


def compare(implementation, type_name, data, positions, theirs, ours):
    """{tensor: Count} of one run."""
    tables, table_differs = table(implementation, type_name, data, positions, theirs, ours)
    rotated, rows = vectors(implementation, type_name, data, theirs, ours, table_differs)
    counts = {"cos, sin": tables, "rotated q, k": rotated}
    if implementation.logits:
        counts["logits"] = logits(implementation, type_name, theirs, ours, rows)
    return counts
