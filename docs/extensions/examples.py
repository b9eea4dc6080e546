"""Docstrings, as the reference shows them.

A docstring's example is a session of doctest's, set off by empty lines; to Markdown its ``>>>`` would be a quotation:
each becomes a block of code. The signature that Cython puts before a docstring is left out, as the reference has it
from the stub. A named tuple tells its fields in a table. All of it happens before Griffe reads the docstring; the
site's configuration names this.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

SESSION = re.compile(r"(?:^|(?<=\n\n)|(?<=:\n))(>>> .*?)(?=\n\n|\Z)", re.DOTALL)
SIGNATURE = re.compile(r"\A(?:\w+\.)?(\w+)\([^\n]*\)(?: -> [^\n]*)?(?:\n+|\Z)")


def shown(text: str, name: str) -> str:
    """The docstring of something of this name, with each session in a fence and no signature before it."""
    signature = SIGNATURE.match(text)
    if signature and signature.group(1) == name:
        text = text[signature.end() :]
    return SESSION.sub(lambda found: f"```pycon\n{found.group(1).rstrip()}\n```", text)


def fields(of: griffe.Class) -> str:
    """The fields of a named tuple, with their types and defaults."""
    rows = [
        f"| {each.name} | {str(each.annotation).replace('|', '&#124;')} | {'' if each.value is None else each.value} |"
        for each in of.attributes.values()
        if each.annotation is not None and not each.name.startswith("_")
    ]
    return "\n".join(["| field | type | default |", "|---|---|---|", *rows]) if rows else ""


class Examples(griffe.Extension):
    """Makes every docstring fit to be shown."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = shown(obj.docstring.value, obj.name)

    def on_class_members(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        if cls.docstring is not None and "NamedTuple" in map(str, cls.bases) and (table := fields(cls)):
            cls.docstring.value += f"\n\n{table}"
