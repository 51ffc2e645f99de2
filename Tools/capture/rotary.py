"""What the rotary embedding of a model is, spelled as the product's metadata and `--scaling` spell it.

The same spelling is read back here and turned into frequencies, so that a capture can hold its own metadata against what
the model computes.
"""

import dataclasses
import math

import numpy

from .failure import Failure

HALF_SPLIT, INTERLEAVED = "half-split", "interleaved"


@dataclasses.dataclass(frozen=True)
class Rotary:
    """Pairing of channels, base b, rotated channels r of a head, and scaling in the syntax of `--scaling`."""

    layout: str
    base: float
    rotary_size: int
    scaling: str = "none"

    def metadata(self):
        return {
            "rope.layout": self.layout,
            "rope.base": number(self.base),
            "rope.rotary_size": str(self.rotary_size),
            "rope.scaling": self.scaling,
            "stage": "pre-rope",
        }


def number(value):
    """A number as the product reads it: the shortest decimal that reads back, integers without a point."""
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)


def spell(name, **parameters):
    """`name:key=value,…`; parameters that are None are left out."""
    given = {key: value for key, value in parameters.items() if value is not None}
    text = {key: _spelled(value) for key, value in given.items()}
    return ":".join([name] + ([",".join(f"{key}={value}" for key, value in text.items())] if text else []))


def _spelled(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ";".join(map(number, value))
    return number(value)


def frequencies(base, rotary_size, scaling):
    """(inverse frequencies [rotary_size / 2] in binary64, attention factor) of a spelling that `spell` gives.

    Raises ValueError for any other spelling.
    """
    name, _, rest = scaling.partition(":")
    given = dict(item.split("=") for item in rest.split(",")) if rest else {}
    truncates = given.pop("truncate", "true") == "true"
    lists = {key: numpy.array([float(x) for x in given.pop(key).split(";")]) for key in ("short", "long") if key in given}
    values = {key: float(text) for key, text in given.items()}

    def of(b):
        return 1 / b ** (numpy.arange(0, rotary_size, 2) / rotary_size)

    plain = of(base)
    if name in ("none", "default"):
        return plain, 1.0
    if name == "proportional":
        rotates = numpy.arange(rotary_size // 2) < values["fraction"] * rotary_size // 2
        return numpy.where(rotates, plain / values.get("factor", 1.0), 0), 1.0
    if name not in ("linear", "ntk", "dynamic", "llama3", "yarn", "longrope"):
        raise ValueError(f"no frequencies for scaling '{scaling}'")
    factor = values["factor"]
    if name == "longrope":
        ratio = 1 + math.log(factor) / math.log(values["original"]) if factor > 1 else 1.0
        chosen = lists["long" if values["length"] > values["original"] else "short"]
        return plain / chosen, values.get("attention_factor", math.sqrt(ratio))
    if name == "linear":
        return plain / factor, 1.0
    exponent = rotary_size / (rotary_size - 2) if rotary_size > 2 else 1.0
    if name == "ntk":
        return of(base * factor**exponent), 1.0
    if name == "dynamic":
        longest = values["max"]
        return of(base * (factor * max(values["length"], longest) / longest - (factor - 1)) ** exponent), 1.0
    if name == "llama3":
        original, low, high = values["original"], values["low"], values["high"]
        wavelengths = 2 * math.pi / plain
        blend = ((original / wavelengths) - low) / (high - low)
        middle = (1 - blend) * plain / factor + blend * plain
        scaled = numpy.where(wavelengths > original / low, plain / factor, middle)
        return numpy.where(wavelengths < original / high, plain, scaled), 1.0
    return _yarn(base, rotary_size, plain, values, truncates)


def _yarn(base, rotary_size, plain, values, truncates):
    factor = values["factor"]

    def pair(rotations):
        return rotary_size * math.log(values["original"] / (rotations * 2 * math.pi)) / (2 * math.log(base))

    def magnitude(weight):
        return 0.1 * weight * math.log(factor) + 1 if factor > 1 else 1.0

    low, high = pair(values["beta_fast"]), pair(values["beta_slow"])
    if truncates:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, rotary_size - 1)
    ramp = numpy.clip((numpy.arange(rotary_size // 2) - low) / (high - low or 0.001), 0, 1)
    attention = values.get("attention_factor")
    if attention is None:
        attention = magnitude(1)
        if "mscale" in values and "mscale_all_dim" in values:
            attention = magnitude(values["mscale"]) / magnitude(values["mscale_all_dim"])
    return (1 - ramp) * plain + ramp * plain / factor, attention


def scaling_of_parameters(parameters, tokens, max_positions):
    """The spelling of a transformers `rope_parameters` object for a sequence of so many tokens."""
    kind = parameters.get("rope_type") or parameters.get("type") or "default"
    original = parameters.get("original_max_position_embeddings")
    if kind == "default":
        return "none"
    if kind == "linear":
        return spell("linear", factor=parameters["factor"])
    if kind == "dynamic":
        return spell("dynamic", factor=parameters["factor"], length=tokens, max=max_positions)
    if kind == "llama3":
        return spell(
            "llama3",
            factor=parameters["factor"],
            low=parameters["low_freq_factor"],
            high=parameters["high_freq_factor"],
            original=original,
        )
    if kind == "yarn":
        return spell(
            "yarn",
            factor=parameters["factor"] if parameters["factor"] is not None else max_positions / original,
            original=original,
            beta_fast=parameters.get("beta_fast") or 32,
            beta_slow=parameters.get("beta_slow") or 1,
            attention_factor=parameters.get("attention_factor"),
            # Zero stands for absent there.
            mscale=parameters.get("mscale") or None,
            mscale_all_dim=parameters.get("mscale_all_dim") or None,
            truncate=False if parameters.get("truncate") is False else None,
        )
    if kind == "longrope":
        factor = parameters.get("factor")
        return spell(
            "longrope",
            original=original,
            factor=factor if factor is not None else max_positions / original,
            length=tokens,
            short=parameters["short_factor"],
            long=parameters["long_factor"],
            attention_factor=parameters.get("attention_factor"),
        )
    if kind == "proportional":
        factor = parameters.get("factor")
        return spell(
            "proportional",
            fraction=parameters.get("partial_rotary_factor", 1.0),
            factor=None if factor == 1 else factor,
        )
    raise Failure(
        f"the model's rope scaling '{kind}' has no spelling known here;"
        " give the one to store, as --scaling 'name:key=value', or --scaling none"
    )
