"""Examples in docstrings, as the reference shows them.

A docstring's example is a session of doctest's, set off by empty lines; to Markdown its ``>>>`` would be a quotation.
Here each becomes a block of code, before Griffe reads the docstring. MkDocs loads this by ``mkdocs.yml``.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

SESSION = re.compile(r"(?:^|(?<=\n\n)|(?<=:\n))(>>> .*?)(?=\n\n|\Z)", re.DOTALL)


def fenced(text: str) -> str:
    """The text with each session in a fence, under a line that is empty."""
    return SESSION.sub(lambda found: f"```pycon\n{found.group(1).rstrip()}\n```", text)


class Examples(griffe.Extension):
    """Puts the examples of every docstring into fences."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
