"""The story's words on a terminal: lines that break between words, and ids that are short enough to be read."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap

UUID = re.compile(r"\b([0-9a-f]{4})[0-9a-f]{4}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")


def shortened(text: str) -> str:
    """A text whose member ids have four letters of their UUIDs.

    >>> shortened("session of C-0f3b9a52-4a3c-4f0e-9b57-1f0d3c6f2a11 expired")
    'session of C-0f3b expired'
    """
    return UUID.sub(r"\1", text)


def wrapped(text: str, hang: int, width: int | None = None) -> str:
    """Each line of a text, broken between words where it is longer than ``width``: what goes on begins ``hang`` columns
    further to the right than the line. ``width`` is the terminal's unless given; elsewhere lines stay as they are.

    >>> print(wrapped("  1.25s  consumer C was killed", 7, width=22))
      1.25s  consumer C
             was killed
    """
    if width is None:
        if not sys.stdout.isatty():
            return text
        width = shutil.get_terminal_size().columns
    return "\n".join(piece for line in text.splitlines() for piece in _pieces(line, hang, width))


def _pieces(line: str, hang: int, width: int) -> list[str]:
    indent = len(line) - len(line.lstrip()) + hang
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, break_on_hyphens=False) or [""]
