#!/usr/bin/env python3
"""Compares two report folders: the same files with the same bytes.

run.json may differ in the values under its top-level key "versions" (the tool's and MPFR's) and nowhere else; its keys,
their order and the spelling of its numbers must be the same. Photographs (*.png beside the files of EXPECTED) are no part of a
report. With --without-pictures, figures/*.svg are not compared, nor report.html, which holds them, and datapackage.json, which lists
them: for a machine on which no pictures could be made.

Usage: Scripts/compare-report.py [--without-pictures] EXPECTED FOUND
Exit code: 0 the same, 1 different, 2 wrong usage or unreadable. Python 3.8 or later, nothing else.
"""

import json
import pathlib
import sys

SHOWN = 5  # differences shown for each file
pictures = True  # whether pictures and the page are compared


def main(arguments):
    global pictures
    if arguments[:1] == ["--without-pictures"]:
        pictures = False
        arguments = arguments[1:]
    if len(arguments) != 2:
        sys.exit(fail(__doc__.split("\n\n")[2]))
    expected, found = map(pathlib.Path, arguments)
    for folder in (expected, found):
        if not folder.is_dir():
            sys.exit(fail(f"'{folder}' is not a folder"))
    differences = list(folder_differences(expected, found))
    for line in differences:
        print(line)
    if differences:
        print(f"{found} differs from {expected}")
        sys.exit(1)
    print(f"{found} equals {expected} ({len(files(expected))} files)")


def fail(message):
    print(message, file=sys.stderr)
    return 2


def files(folder):
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())
    return sorted(name for name in names if not name.endswith(".png") and (pictures or not is_picture(name)))


def is_picture(name):
    # datapackage.json lists the pictures.
    return name.endswith(".svg") or name in ("report.html", "datapackage.json")


def folder_differences(expected, found):
    names, found_names = files(expected), files(found)
    for name in sorted(set(names) - set(found_names)):
        yield f"{name}: missing"
    for name in sorted(set(found_names) - set(names)):
        yield f"{name}: not expected"
    for name in sorted(set(names) & set(found_names)):
        one, other = (expected / name).read_bytes(), (found / name).read_bytes()
        if one == other:
            continue
        if name == "run.json":
            yield from run_differences(name, one, other)
        else:
            yield from line_differences(name, one, other)


def line_differences(name, one, other):
    one, other = one.split(b"\n"), other.split(b"\n")
    if len(one) != len(other):
        yield f"{name}: {len(one)} lines expected, {len(other)} found"
    pairs = [(n, a, b) for n, (a, b) in enumerate(zip(one, other), 1) if a != b]
    yield f"{name}: {len(pairs)} lines differ"
    header = one[0].split(b",") if name.endswith(".csv") else []
    for number, a, b in pairs[:SHOWN]:
        cells, other_cells = a.split(b","), b.split(b",")
        if len(header) == len(cells) == len(other_cells):
            for column, x, y in zip(header, cells, other_cells):
                if x != y:
                    key = text(b",".join(cells[:4]))
                    yield f"  line {number} ({key}…), {text(column)}: expected {text(x)}, found {text(y)}"
        else:
            yield f"  line {number}: expected {text(a)}"
            yield f"  {' ' * len(f'line {number}')}  found    {text(b)}"


def text(data):
    shown = data.decode("utf-8", "backslashreplace")
    return shown if len(shown) <= 200 else shown[:200] + "…"


def run_differences(name, one, other):
    try:
        # Pairs keep the order of keys; numbers keep their spelling.
        one, other = (
            json.loads(data, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number) for data in (one, other)
        )
    except ValueError as error:
        yield f"{name}: not JSON: {error}"
        return
    differences = list(value_differences("", one, other))
    for line in differences[:SHOWN]:
        yield f"{name}: {line}"
    if len(differences) > SHOWN:
        yield f"{name}: and {len(differences) - SHOWN} differences more"


class Pairs(list):
    """The members of an object in their order."""


class Number(str):
    """A number as it is spelled."""


def value_differences(path, one, other):
    if type(one) is not type(other):
        yield f"{path or 'the whole'}: expected {shown(one)}, found {shown(other)}"
    elif isinstance(one, Pairs):
        keys, other_keys = [key for key, _ in one], [key for key, _ in other]
        if keys != other_keys:
            yield f"{path or 'the whole'}: keys {keys} expected, {other_keys} found"
            return
        for (key, a), (_, b) in zip(one, other):
            # The versions must be there, all of them, and may be any text.
            if not path and key == "versions":
                a, b = masked(a), masked(b)
            yield from value_differences(f"{path}.{key}" if path else key, a, b)
    elif isinstance(one, list):
        if len(one) != len(other):
            yield f"{path}: {len(one)} elements expected, {len(other)} found"
        for index, (a, b) in enumerate(zip(one, other)):
            yield from value_differences(f"{path}[{index}]", a, b)
    elif one != other:
        yield f"{path}: expected {shown(one)}, found {shown(other)}"


def masked(value):
    if isinstance(value, Pairs):
        return Pairs((key, masked(inner)) for key, inner in value)
    return "(version)"


def shown(value):
    if isinstance(value, Pairs):
        return "an object"
    if isinstance(value, Number):
        return str(value)
    return text(json.dumps(value, ensure_ascii=False).encode())


if __name__ == "__main__":
    main(sys.argv[1:])
