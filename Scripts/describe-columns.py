#!/usr/bin/env python3
"""Writes Documentation/Columns.md: every table and column of a report, from the report's datapackage.json.

Usage: Scripts/describe-columns.py [REPORT [MARKDOWN]]     (Reports/sample, Documentation/Columns.md)
Exit code: 0 written, 2 wrong usage or unreadable. Python 3.8 or later, nothing else.
"""

import json
import pathlib
import sys

HEADER = """# Columns of a report

Written by `Scripts/describe-columns.py` from `datapackage.json`; do not edit. [Report.md](Report.md) says how to read the tables.
A description that ends with "Empty where …" says when a cell may be empty. Numbers may be `NaN`, `INF` or `-INF`.
"""


def main(arguments):
    if len(arguments) > 2:
        return fail(__doc__.split("\n\n")[1])
    report = pathlib.Path(arguments[0] if arguments else "Reports/sample")
    target = pathlib.Path(arguments[1] if len(arguments) > 1 else "Documentation/Columns.md")
    try:
        package = json.loads((report / "datapackage.json").read_text(encoding="utf-8"))
        text = HEADER + "".join(map(table, package["resources"]))
    except (OSError, ValueError, KeyError) as error:
        return fail(f"'{report}' has no readable datapackage.json: {error}")
    target.write_bytes(text.encode("utf-8"))
    return 0


def fail(message):
    print(message, file=sys.stderr)
    return 2


def table(resource):
    schema = resource["schema"]
    key = ", ".join(f"`{name}`" for name in schema["primaryKey"])
    lines = [
        "", f"## {resource['path']}: {resource['title']}", "", resource["description"], "", f"One row for each {key}.", "",
        "| column | type | unit | meaning |", "| --- | --- | --- | --- |",
    ]
    for field in schema["fields"]:
        cells = [f"`{field['name']}`", field["type"], field.get("unit", ""), field["description"]]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
