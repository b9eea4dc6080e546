"""Holds what is to be alike in every file, where ruff and mypy can't: they know no Cython, and no rule of ours.

The other tools have the rest: pyproject.toml says which rules of ruff's hold, what is banned, and what mypy reads.
"""

import re
import tomllib

from tidy.sources import ROOT, assert_none, code, prose

LINE_LENGTH = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["line-length"]
SINGLE_BACKTICKS = re.compile(r"(?<![`\\])`(?!`)[^`]+`(?!`)")
BANNER = re.compile(r"^\s*#\s*[-=~*#_─━]{2,}")


def test_a_line_of_cython_is_no_longer_than_one_of_python() -> None:
    assert_none(
        [
            f"{source.name}:{number}: {len(line)} characters, {LINE_LENGTH} at most"
            for source in code()
            if source.is_cython
            for number, line in enumerate(source.lines, 1)
            if len(line) > LINE_LENGTH
        ]
    )


def test_no_comment_is_a_heading() -> None:
    """A part that needs one is a class or a file of its own; what it says to the reader belongs in a docstring."""
    assert_none(
        [
            f"{source.name}:{number}: a comment that is a heading: {line.strip()}"
            for source in code()
            for number, line in enumerate(source.lines, 1)
            if BANNER.match(line)
        ]
    )


def test_code_in_a_comment_or_docstring_stands_in_two_backticks() -> None:
    assert_none(
        [
            f"{source.name}:{line + text.count(chr(10), 0, span.start())}: {span[0]}: code stands in two backticks"
            for source in code()
            for line, text in prose(source)
            for span in SINGLE_BACKTICKS.finditer(text)
        ]
    )
