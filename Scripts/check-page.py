#!/usr/bin/env python3
"""Checks the page of a report: that report.html and every picture are well-formed and fetch nothing, that links lead somewhere, and
that every specification in figures/ holds what the report's CSV files hold, computed here a second time.

Usage: Scripts/check-page.py REPORT
Exit code: 0 all as it should be, 1 something is not, 2 wrong usage or unreadable. Python 3.8 or later, nothing else.
"""

import csv
import json
import math
import pathlib
import re
import sys
import xml.etree.ElementTree as ET

TOLERANCE = 1e-12  # relative, for sums whose order is not the same; what is copied must be equal
problems = []


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    report = pathlib.Path(arguments[0])
    try:
        page = (report / "report.html").read_text(encoding="utf-8")
        run = json.loads((report / "run.json").read_text(encoding="utf-8"))
        specifications = {
            path.name[: -len(".vl.json")]: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted((report / "figures").glob("*.vl.json"))
        }
    except (OSError, ValueError) as error:
        print(f"'{report}' holds no readable page: {error}", file=sys.stderr)
        return 2
    pictures = check_pictures(report, specifications)
    check_page(report, page, specifications, pictures)
    check_figures(report, run, specifications)
    for problem in problems[:40]:
        print(problem)
    if problems:
        print(f"{report}: {len(problems)} problems")
        return 1
    print(f"{report}: the page and {len(specifications)} specifications are right, {len(pictures)} pictures are there")
    return 0


def problem(text):
    problems.append(text)


# What is fetched and linked.

def check_pictures(report, specifications):
    pictures = {path.stem: path for path in sorted((report / "figures").glob("*.svg"))}
    if pictures and set(pictures) != set(specifications):
        problem(f"pictures {sorted(set(pictures) ^ set(specifications))} have no specification, or no picture")
    for name, path in pictures.items():
        try:
            ET.parse(path)
        except ET.ParseError as error:
            problem(f"figures/{name}.svg is not well-formed: {error}")
    for name, specification in specifications.items():
        if specification.get("$schema") != "https://vega.github.io/schema/vega-lite/v5.json":
            problem(f"figures/{name}.vl.json names no schema of Vega-Lite 5")
        if '"url"' in json.dumps(specification):
            problem(f"figures/{name}.vl.json fetches its data")
    return pictures


def check_page(report, page, specifications, pictures):
    try:
        root = ET.fromstring(page)
    except ET.ParseError as error:
        problem(f"report.html is not well-formed: {error}")
        return
    names = [element.tag.rsplit("}", 1)[-1] for element in root.iter()]
    for forbidden in ("script", "link", "img", "iframe", "object", "embed", "base", "image", "foreignObject"):
        if forbidden in names:
            problem(f"report.html holds a {forbidden} element")
    identifiers = [element.get("id") for element in root.iter() if element.get("id")]
    for identifier in {name for name in identifiers if identifiers.count(name) > 1}:
        problem(f"report.html has the id {identifier} more than once")
    for element in root.iter():
        for attribute, value in element.attrib.items():
            attribute = attribute.rsplit("}", 1)[-1]
            if attribute.startswith("on") or attribute in ("src", "srcset", "action"):
                problem(f"report.html has an attribute {attribute}")
            references = re.findall(r"url\(([^)]*)\)", value) + ([value] if attribute == "href" else [])
            for reference in references:
                if reference.startswith("#"):
                    if reference[1:] not in identifiers:
                        problem(f"report.html refers to {reference}, which is not there")
                elif not (report / reference).is_file():
                    problem(f"report.html refers to {reference}, which is no file of the report")
    style = "".join(element.text or "" for element in root.iter("style"))
    if "url(" in style or "@import" in style:
        problem("the style of report.html fetches something")
    if names.count("svg") != len(pictures):
        problem(f"report.html shows {names.count('svg')} pictures of {len(pictures)}")
    if names.count("figure") != len(specifications):
        problem(f"report.html has {names.count('figure')} figures for {len(specifications)} specifications")


# What the specifications hold, computed a second time.

def rows(report, name):
    with open(report / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def bin_of(number):
    """Numbers 0 to 14 alone, then eight bins to each doubling of number + 1."""
    if number < 15:
        return number, number
    octave = 1
    while octave * 2 <= number + 1:
        octave *= 2
    width = octave // 8
    start = (number + 1 - octave) // width * width + octave - 1
    return start, start + width - 1


def binned(entries):
    """Lists of (number, …) that share a bin, in ascending order."""
    bins = {}
    for entry in sorted(entries):
        bins.setdefault(bin_of(entry[0]), []).append(entry)
    return list(bins.values())


def close(a, b):
    return a == b or math.isclose(a, b, rel_tol=TOLERANCE)


def compare(name, expected, found):
    """Two dictionaries from places to tuples of numbers."""
    for place in sorted(set(expected) | set(found), key=str):
        if place not in expected or place not in found:
            problem(f"{name}: {place} is {'not expected' if place in found else 'missing'}")
        elif len(expected[place]) != len(found[place]) or not all(map(close, expected[place], found[place])):
            problem(f"{name}: {place} holds {found[place]}, expected {expected[place]}")


def number(text):
    return float(text) if text else None


def values(specification):
    return specification["data"]["values"] if "data" in specification else specification["vconcat"][0]["data"]["values"]


def check_figures(report, run, specifications):
    shifts = [tuple(map(str, pair)) for pair in run["measured"]["shifts"]]
    for name, specification in specifications.items():
        parts = name.split("-")
        comparison = shifts[int(parts[-1]) - 1] if parts[-1].isdigit() and parts[0] != "stages" else shifts[0]

        def own(row):
            return (row["shift_1"], row["shift_2"]) == comparison

        space = next((part for part in parts if part in ("logit", "probability")), None)
        metric = "d_logit" if space == "logit" else "d_weighted"
        data = values(specification)
        if parts[0] == "tokens":
            expected = {}
            panels = {}
            for row in rows(report, "tokens"):
                if own(row) and row["space"] == space and row["share"]:
                    panels.setdefault(row["recipe"], []).append(
                        (int(row["key"]), float(row["share"]), float(row["uniform_share"])))
            for recipe, keys in panels.items():
                if not any(share > 0 for _, share, _ in keys):
                    continue
                for group in binned(keys):
                    part = [share for _, share, _ in group]
                    expected[recipe, group[0][0], group[-1][0]] = (
                        min(part), math.fsum(part) / len(part), max(part), min(key for key, share, _ in group if share == max(part)),
                        math.fsum(uniform for _, _, uniform in group) / len(group))
            compare(name, expected, {
                (row["panel"], row["first_key"], row["last_key"]): (
                    row["least"], row["mean"], row["greatest"], row["greatest_key"], row["uniform"])
                for row in data})
        elif parts[0] in ("drift", "error"):
            question = parts[0]
            recipes = {}
            for row in rows(report, "distances"):
                count = int(row["count"]) - int(row["nonfinite_count" if question == "drift" else "error_nonfinite_count"])
                if own(row) and row["space"] == space and count:
                    total = float(row["sum_abs"]) if question == "drift" else float(row["error_mean_abs"]) * count
                    recipes.setdefault(row["recipe"], []).append((int(row["distance"]), total, count))
            expected = {}
            for recipe, distances in recipes.items():
                for group in binned(distances):
                    mean = math.fsum(total for _, total, _ in group) / sum(count for _, _, count in group)
                    if mean > 0:
                        expected[recipe, (group[0][0] + group[-1][0]) / 2 + 1] = (mean,)
            compare(name, expected, {(row["series"], row["distance_plus_1"]): (row[f"mean_{question}"],) for row in data})
        elif parts[0] == "shifts":
            sweep = run["measured"]["sweep"]
            expected = {}
            for row in rows(report, "shifts"):
                value = number(row[metric])
                if value and (not sweep or row["shift_2"] == str(sweep[0][1])):
                    label = row["shift_1"] if sweep else f"{row['shift_1']},{row['shift_2']}"
                    expected[row["recipe"], label] = (value,)
            compare(name, expected, {(row["series"], row["shift"]): (row[metric],) for row in data})
        elif parts[0] == "lengths":
            expected = {
                (row["recipe"], int(row["length"])): (float(row["d_logit"]),)
                for row in rows(report, "lengths") if own(row) and number(row["d_logit"])}
            compare(name, expected, {(row["series"], row["tokens"]): (row["d_logit"],) for row in data})
        elif parts[0] == "ladder":
            expected = {
                (row["recipe"], f"{row['shift_1']} against {row['shift_2']}"): (float(row[metric]),)
                for row in rows(report, "summary")
                if row["layer"] == "all" and number(row[metric]) and (row["shift_1"], row["shift_2"]) in shifts[:4]}
            compare(name, expected, {(row["recipe"], row["shifts"]): (row[metric],) for row in data})
        elif parts[0] == "heads":
            column, field = ("logit_drift_mean_abs", "mean_drift") if space == "logit" else (metric, metric)
            found = {(row["panel"], row["layer"], row["head"]): (row[field], row["part"]) for row in data if field in row}
            heads = [row for row in rows(report, "summary") if own(row) and row["head"] != "all" and row[column]]
            greatest = {}
            for row in heads:
                greatest[row["recipe"]] = max(greatest.get(row["recipe"], 0), float(row[column]))
            shown = {row["panel"] for row in data}
            expected = {
                (row["recipe"], int(row["layer"]), int(row["head"])): (float(row[column]), float(row[column]) / greatest[row["recipe"]])
                for row in heads if row["recipe"] in shown}
            compare(name, expected, found)
        elif parts[0] == "stages":
            index = int(parts[-1]) - 1 if parts[-1].isdigit() else 0
            recipe = [entry for entry in run["page"]["attribution"] if "stages" in entry][index]["recipe"]
            column = f"{space}_drift_rms"
            expected = {
                row["stage"]: (float(row[column]),) for row in rows(report, "attribution")
                if (row["recipe"], row["variant"], row["layer"], row["key"]) == (recipe, "only", "all", "all") and number(row[column])}
            compare(name, expected, {row["stage"]: (row["rms"],) for row in data if "rms" in row})
        elif parts[0] == "angles":
            groups = {entry["recipes"][0]: entry for entry in run["page"]["angles"]}
            pairs = {row["panel"] for row in data}
            expected = {}
            for row in rows(report, "angles"):
                value = number(row["max_abs_angle_error"])
                if row["recipe"] in groups and value and f"pair {row['pair']}" in pairs:
                    expected[f"pair {row['pair']}", row["recipe"], int(row["last_position"]) + 1] = (value,)
            compare(name, expected, {
                (row["panel"], row["series"].split(" (also")[0], row["position_plus_1"]): (row["max_error"],) for row in data})
        else:
            problem(f"figures/{name}.vl.json is unknown to this script; teach it what the picture shows")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
