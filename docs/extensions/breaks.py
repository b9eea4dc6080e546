"""Where a line may end within code that stands in a text or in a table.

A browser takes ``log.flush.interval.ms`` for one word: in a narrow column it would cut it anywhere, or make the table
wider than the screen. Such a name may go on in the next line after a dot, a slash or an underscore. And a browser ends
a line after any hyphen, which is wrong in ``--plain``: what is short isn't broken at all. MkDocs loads this by
``mkdocs.yml``.
"""

from __future__ import annotations

import re
from typing import Any

BLOCK = re.compile(r"<pre.*?</pre>|<td[ >].*?</td>|<code>[^<]*</code>", re.DOTALL)
CODE = re.compile(r"<code>([^<]*)</code>")
PLACE = re.compile(r"(?<=[^\W_][._/])(?=\w{3})")
SHORT, SHORT_IN_CELL = 24, 14
"""Characters of code that stay on one line."""


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


def on_page_content(html: str, **kwargs: Any) -> str:
    return BLOCK.sub(with_breaks, html)
