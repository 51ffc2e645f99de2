#!/usr/bin/env python3
"""Checks the page of a report or of patterns: that report.html (or patterns.html) and every picture are well-formed and fetch nothing, that
links lead somewhere, and that every specification in figures/ holds what the folder's CSV files hold, computed here a second time.

Usage: Scripts/check-page.py FOLDER
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
page_name = "report.html"


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    report = pathlib.Path(arguments[0])
    global page_name
    if not (report / page_name).is_file() and (report / "patterns.html").is_file():
        page_name = "patterns.html"
    try:
        page = (report / page_name).read_text(encoding="utf-8")
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
    if page_name == "patterns.html":
        check_pattern_figures(report, run, specifications)
    else:
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
        problem(f"{page_name} is not well-formed: {error}")
        return
    names = [element.tag.rsplit("}", 1)[-1] for element in root.iter()]
    for forbidden in ("script", "link", "img", "iframe", "object", "embed", "base", "image", "foreignObject"):
        if forbidden in names:
            problem(f"{page_name} holds a {forbidden} element")
    identifiers = [element.get("id") for element in root.iter() if element.get("id")]
    for identifier in {name for name in identifiers if identifiers.count(name) > 1}:
        problem(f"{page_name} has the id {identifier} more than once")
    for element in root.iter():
        for attribute, value in element.attrib.items():
            attribute = attribute.rsplit("}", 1)[-1]
            if attribute.startswith("on") or attribute in ("src", "srcset", "action"):
                problem(f"{page_name} has an attribute {attribute}")
            references = re.findall(r"url\(([^)]*)\)", value) + ([value] if attribute == "href" else [])
            for reference in references:
                if reference.startswith("#"):
                    if reference[1:] not in identifiers:
                        problem(f"{page_name} refers to {reference}, which is not there")
                elif not (report / reference).is_file():
                    problem(f"{page_name} refers to {reference}, which is no file of the report")
    style = "".join(element.text or "" for element in root.iter("style"))
    if "url(" in style or "@import" in style:
        problem(f"the style of {page_name} fetches something")
    if names.count("svg") != len(pictures):
        problem(f"{page_name} shows {names.count('svg')} pictures of {len(pictures)}")
    if names.count("figure") != len(specifications):
        problem(f"{page_name} has {names.count('figure')} figures for {len(specifications)} specifications")


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


def compare_shares(name, data, panels_and_rows):
    """Shares per key: rows of a table of tokens with the panels that they belong to."""
    panels = {}
    for panel, row in panels_and_rows:
        if row["share"]:
            panels.setdefault(panel, []).append((int(row["key"]), float(row["share"]), float(row["uniform_share"])))
    expected = {}
    for panel, keys in panels.items():
        if not any(share > 0 for _, share, _ in keys):
            continue
        for group in binned(keys):
            part = [share for _, share, _ in group]
            expected[panel, group[0][0], group[-1][0]] = (
                min(part), math.fsum(part) / len(part), max(part), min(key for key, share, _ in group if share == max(part)),
                math.fsum(uniform for _, _, uniform in group) / len(group))
    compare(name, expected, {
        (row["panel"], row["first_key"], row["last_key"]): (
            row["least"], row["mean"], row["greatest"], row["greatest_key"], row["uniform"])
        for row in data})


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
            compare_shares(name, data, [
                (row["recipe"], row) for row in rows(report, "tokens") if own(row) and row["space"] == space])
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


# The pictures of patterns.

def quotient(a, b):
    return float(a) / float(b) if a and b and float(b) else None


# Bars: the name of the bar and of the tick in the data, and how a row of patterns.csv gives them.
BARS = {
    "patterns-drift-probability": {"d_weighted": lambda row: number(row["d_weighted"])},
    "patterns-drift-logit": {"d_logit": lambda row: number(row["d_logit"])},
    **{f"patterns-first-token-{space}": {
        f"first_key_{space}_share": lambda row, space=space: number(row[f"first_key_{space}_share"]),
        "first_key_uniform_share": lambda row: number(row["first_key_uniform_share"])} for space in ("logit", "probability")},
    "patterns-error-logit": {"logit_error_mean_abs": lambda row: number(row["logit_error_mean_abs"])},
    "patterns-error-output": {"output_error_rms": lambda row: number(row["output_error_rms"])},
    "patterns-mass": {name: lambda row, name=name: number(row[name]) for name in ("anchor_mass_reference", "anchor_mass_emulated")},
    "patterns-flips": {
        "part_flipped_from_reference": lambda row: quotient(row["top_key_flips_reference"], row["top_key_queries"]),
        "part_flipped_between_shifts": lambda row: quotient(row["top_key_flips_shifts"], row["top_key_queries"])},
}


def sees(mask, document, query, key):
    """Whether a mask, as its name spells it, lets a query see a key; document: of every token."""
    visible = key <= query
    for part in mask.split("+"):
        if part.startswith("window:"):
            near = key > query - int(part[len("window:"):])
            visible = visible and (near or mask.startswith("anchor") and key == 0)
        elif part in ("anchor", "anchor-copy"):
            visible = visible and (document[query] == document[key] or key == 0)
        elif part == "intra":
            visible = visible and document[query] == document[key]
        elif part != "full":
            problem(f"'{mask}' is a mask unknown to this script")
    return visible


def check_visibility(name, data, run):
    packing = run["measured"]["packing"]
    chunks = packing.get("chunks") or list(enumerate(packing["document_lengths"]))
    document = [index for index, length in chunks for _ in range(length)]
    tokens = len(document)
    first_query = tokens - run["problem"]["query_tokens"]
    size = -(-tokens // 24)
    expected = {}
    for entry in run["measured"]["patterns"]:
        for start in range(first_query, tokens, size):
            queries = range(start, min(start + size, tokens))
            for first in range(0, tokens, size):
                keys = range(first, min(first + size, tokens))
                pairs = sum(sees(entry["mask"], document, query, key) for query in queries for key in keys)
                causal = sum(key <= query for query in queries for key in keys)
                if pairs:
                    expected[entry["name"], queries.start, queries.stop, keys.start, keys.stop] = (pairs, pairs / causal)
    compare(name, expected, {
        (row["panel"], row["first_query"], row["end_of_queries"], row["first_key"], row["end_of_keys"]): (row["pairs"], row["part"])
        for row in data})


def check_pattern_figures(report, run, specifications):
    recipes = [recipe["name"] for recipe in run["recipes"]]
    totals = [row for row in rows(report, "patterns") if row["layer"] == "all"]
    problem_of_run = run["problem"]
    queries, keys = problem_of_run["query_tokens"], problem_of_run["key_tokens"]
    heads = len(run["measured"]["layers"]) * len(run["measured"]["heads"])
    full = queries * keys - queries * (queries - 1) / 2
    for name, specification in specifications.items():
        parts = name.split("-")
        space = next((part for part in parts if part in ("logit", "probability")), None)
        data = values(specification)

        def bars(expected, fields):
            shown = {row["panel"] for row in data}
            for panel in {panel for panel, _ in expected} - shown:
                if any(value for (own, _), figures in expected.items() if own == panel for value in figures):
                    problem(f"{name}: '{panel}' has no panel")
            compare(name, {
                place: tuple(value for value in figures if value is not None)
                for place, figures in expected.items() if place[0] in shown
            }, {(row["panel"], row["pattern"]): tuple(row[field] for field in fields if field in row) for row in data})

        if name in BARS:
            bars({(row["recipe"], row["pattern"]): tuple(figure(row) for figure in BARS[name].values()) for row in totals}, BARS[name])
        elif name == "cost-pairs":
            bars({
                ("one head", row["pattern"]): (
                    int(row["visible_pairs"]) / heads / full,
                    float(row["block_attention_flops"]) / heads / (4 * problem_of_run["head_size"]) / full) for row in totals
            }, ("part_of_full_pairs", "part_of_full_pairs_in_visited_blocks"))
        elif name == "cost-positions":
            bars({
                ("without a shift", row["pattern"]): (float(row["position_range_mean"]), float(row["position_range_max"]))
                for row in totals
            }, ("position_range_mean", "position_range_max"))
        elif name == "visibility":
            check_visibility(name, data, run)
        elif parts[0] == "tokens":
            recipe = recipes[int(parts[-1]) - 1 if parts[-1].isdigit() else 0]
            compare_shares(name, data, [
                (row["pattern"], row) for row in rows(report, "pattern_tokens") if (row["recipe"], row["space"]) == (recipe, space)])
        elif parts[0] == "documents":
            lines = {}
            for row in rows(report, "pattern_documents"):
                share, uniform = (number(row[f"first_token_{space}_{what}share"]) for what in ("", "uniform_"))
                if share is not None and uniform:
                    lines.setdefault((row["pattern"], row["recipe"]), []).append((int(row["first_token"]), share, uniform))
            expected = {}
            for line, tokens in lines.items():
                for group in binned(tokens):
                    share = math.fsum(share for _, share, _ in group)
                    if share > 0:
                        expected[line + (group[0][0], group[-1][0])] = (len(group), share / math.fsum(uniform for _, _, uniform in group))
            compare(name, expected, {
                (row["panel"], row["series"], row["first_token"], row["last_token"]): (row["documents"], row["factor"]) for row in data})
        else:
            problem(f"figures/{name}.vl.json is unknown to this script; teach it what the picture shows")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
