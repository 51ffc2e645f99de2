#!/usr/bin/env python3
"""Runs the commands that the documents show and compares what they print.

A document shows a command in a block fenced as ```console, as a line that begins with "$ "; what follows, to the next such
line or the fence, is its output. A block whose fence names a file, as ```json recipe.json, is written to that file first.
Commands run in one empty folder a document, in bash, with `ropedrift` from the PATH; exit codes do not matter.

Usage: Scripts/check-documents.py [--update] [DOCUMENT…]     (README.md and Documentation/*.md)
With --update the outputs in the documents are replaced by what the commands print.
Exit code: 0 all outputs are right or were replaced, 1 some differ, 2 wrong usage or unreadable. Python 3.8 or later.
"""

import difflib
import pathlib
import shutil
import subprocess
import sys
import tempfile

FENCE = "```"


def main(arguments):
    update = "--update" in arguments
    names = [name for name in arguments if name != "--update"]
    if any(name.startswith("-") for name in names):
        return fail(__doc__.split("\n\n")[2])
    if not shutil.which("ropedrift"):
        return fail("there is no ropedrift on the PATH; put the folder of the built command there")
    documents = [pathlib.Path(name) for name in names] or [
        pathlib.Path("README.md"), *sorted(pathlib.Path("Documentation").glob("*.md")),
    ]
    different = commands = 0
    for document in documents:
        try:
            lines = document.read_text(encoding="utf-8").split("\n")
        except OSError as error:
            return fail(f"'{document}' cannot be read: {error}")
        found, count = run(lines)
        commands += count
        if found == lines:
            continue
        different += 1
        if update:
            document.write_bytes("\n".join(found).encode("utf-8"))
            print(f"{document}: outputs replaced")
        else:
            print("\n".join(difflib.unified_diff(lines, found, str(document), "what the commands print", lineterm="", n=2)))
    if not commands:
        return fail("no document shows a command, which cannot be; are the blocks fenced as ```console?")
    print(f"{commands} commands in {len(documents)} documents, {different} documents {'changed' if update else 'differ'}")
    return 1 if different and not update else 0


def fail(message):
    print(message, file=sys.stderr)
    return 2


def run(lines):
    """The lines with every output as the commands print it, and the number of commands."""
    result, count, index = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        while index < len(lines):
            fence = lines[index]
            result.append(fence)
            index += 1
            if not fence.startswith(FENCE):
                continue
            end = next(at for at in range(index, len(lines)) if lines[at] == FENCE)
            body = lines[index:end]
            words = fence[len(FENCE):].split()
            if words[:1] == ["console"]:
                commands = [line[2:] for line in body if line.startswith("$ ")]
                count += len(commands)
                body = [line for command in commands for line in ["$ " + command, *output(command, folder)]]
            elif len(words) == 2:
                (pathlib.Path(folder) / words[1]).write_text("\n".join(body) + "\n", encoding="utf-8")
            result += body + [FENCE]
            index = end + 1
    return result, count


def output(command, folder):
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    # Talk on stderr is shown where the command does not send it elsewhere; trailing blanks would not survive editors.
    return [line.rstrip() for line in done.stdout.decode("utf-8").split("\n")][:-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
