"""The code blocks of a page of documentation, and what it takes to run them.

* ``python``: runs, in one namespace for the whole page, in a folder that is empty at first. One that defines tests is
  a file of tests: pytest runs it, and all of them pass.
* ``pycon``: a session, held against what it shows, as doctest does.
* ``console``: lines that begin with ``$`` are commands for bash; one that ends in ``&`` runs until the page ends.
* ``text`` after the line ``<!-- output -->``: what the block before it printed. The lines after a command in a
  ``console`` block are its output in the same way; a line ``...`` stands for any lines.

A block with ``title="path"`` shows that file of the repository, which is run by tests of its own; it is the whole file.

``localhost:9092`` is where a live ``kstore serve`` listens. What differs from run to run (times, ports, folders, random
ids, which broker it is) is compared by its shape alone.
"""

from __future__ import annotations

import re
from pathlib import Path

from kstore.named import NamedTuple

FENCE = re.compile(r"^( *)```(\w*)([^\n]*)\n(.*?)^\1```\s*$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r'title="([^"]+)"')
OUTPUT_MARK = re.compile(r"<!-- output -->\s*\Z")
TEST = re.compile(r"^def test_\w+", re.MULTILINE)
RUN = ("python", "pycon", "console")
SHOWN = ("text", "json", "toml", "yaml", "xml", "ini", "html", "mermaid", "java")

SHAPES = [
    (re.compile(r"\b\d+(?:[.,]\d+)* ?(ms|us|µs|s|sec|seconds|milliseconds)\b"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\d(?:\.\d+)?"), "CLOCK"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DATE"),
    (re.compile(r"\b1[67]\d{11}\b"), "TIMESTAMP"),
    (re.compile(r"(127\.0\.0\.1|localhost):\d+"), "ADDRESS"),
    (re.compile(r"/tmp/[\w./-]+"), "PATH"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\bbroker([- ])\d+"), r"broker\1N"),
    (re.compile(r"[ ]{2,}"), "  "),
    (re.compile(r"[─━-]{3,}"), "---"),
]


class Block(NamedTuple):
    """One code block: its language, its text, the line it begins at, what it is said to print (None: nothing), and
    the file that it shows (None: none).
    """

    language: str
    text: str
    line: int
    output: str | None = None
    file: str | None = None


class Command(NamedTuple):
    """A command of a ``console`` block, and the lines that it is said to print; none: it isn't said."""

    text: str
    output: list[str]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, each with its output if that follows it."""
    text = page.read_text()
    found: list[Block] = []
    for match in FENCE.finditer(text):
        indent, language, words, body = match.groups()
        body = "".join(line.removeprefix(indent) for line in body.splitlines(keepends=True))
        if OUTPUT_MARK.search(text, 0, match.start()):
            found[-1] = found[-1]._replace(output=body)
        else:
            shown = FILE.search(words)
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(language, body, line, file=shown[1] if shown else None))
    return found


def commands(block: Block) -> list[Command]:
    """The commands of a ``console`` block."""
    found: list[Command] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:], []))
        elif line.startswith("> ") and found and found[-1].text.endswith("\\") and not found[-1].output:
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line[2:]}")
        elif found:
            found[-1].output.append(line)
        else:
            raise ValueError(f"line {block.line}: a console block begins with a command, not with {line!r}")
    return found


def code_of(block: Block) -> list[str]:
    """The lines of a block that its reader types, without what they print."""
    if block.language == "console":
        return [line for command in commands(block) for line in command.text.splitlines()]
    if block.language == "pycon":
        return [line for line in block.text.splitlines() if line.startswith((">>> ", "... "))]
    return block.text.splitlines()


def shape(text: str) -> list[str]:
    """The lines of an output, without what differs from run to run."""
    for pattern, name in SHAPES:
        text = pattern.sub(name, text)
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def difference(said: str, printed: str) -> str | None:
    """Where an output isn't what the page says; None if it is. A line ``...`` stands for any lines."""
    wanted, found = shape(said), shape(printed)
    pattern = "\n".join("(?:.*\n?)*?" if line.strip() == "..." else re.escape(line) for line in wanted)
    pattern = pattern.replace("(?:.*\n?)*?\n", "(?:.*\n)*?")
    if re.fullmatch(pattern, "\n".join(found)):
        return None
    return "the page says:\n  " + "\n  ".join(wanted) + "\nbut it is:\n  " + "\n  ".join(found)
