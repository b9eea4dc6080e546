"""Where a line may end within code that stands in a text or in a table.

A browser takes ``log.flush.interval.ms`` for one word: in a narrow column it would cut it anywhere, or make the table
wider than the screen. Such a name may go on in the next line after a dot, a slash or an underscore. And a browser ends
a line after any hyphen, which is wrong in ``--plain``: what is short isn't broken at all. The site's configuration
names this among the extensions of Markdown.
"""

from __future__ import annotations

import re
from typing import Any

from markdown import Extension, Markdown
from markdown.postprocessors import Postprocessor

BLOCK = re.compile(r"<pre.*?</pre>|<td[ >].*?</td>|<code>[^<]*</code>", re.DOTALL)
CODE = re.compile(r"<code>([^<]*)</code>")
PLACE = re.compile(r"(?<=[^\W_][._/])(?=\w{3})")
SHORT, SHORT_IN_CELL = 24, 14
"""Characters of code that stay on one line."""
LAST = -100
"""The priority of what runs when all else has been put in its place."""


def with_breaks(found: re.Match[str]) -> str:
    """A cell of a table, or code outside of tables, with the places where a line may end."""
    html = found.group()
    if html.startswith("<pre"):
        return html
    short = SHORT_IN_CELL if html.startswith("<td") else SHORT

    def code(inner: re.Match[str]) -> str:
        text = inner.group(1)
        if len(text) <= short:
            return f'<code class="whole">{text}</code>'
        return f"<code>{PLACE.sub('<wbr>', text)}</code>"

    return CODE.sub(code, html)


class Breaks(Postprocessor):
    """Works on a page's HTML."""

    def run(self, text: str) -> str:
        """The HTML with the places where lines may end."""
        return BLOCK.sub(with_breaks, text)


class BreaksExtension(Extension):
    """What Markdown loads."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown's name
        """Add the postprocessor."""
        md.postprocessors.register(Breaks(md), "breaks", LAST)


def makeExtension(**kwargs: Any) -> BreaksExtension:  # noqa: N802 - Markdown's name
    """What Markdown calls."""
    return BreaksExtension(**kwargs)
