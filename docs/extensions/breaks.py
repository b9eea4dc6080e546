"""Where a long name in a table may go on in the next line: after a dot, a slash or an underscore.

A browser takes ``log.flush.interval.ms`` for one word. In a narrow column it would cut it anywhere, or make the table
wider than the screen. MkDocs loads this by ``mkdocs.yml``.
"""

from __future__ import annotations

import re
from typing import Any

CELL = re.compile(r"<td[ >].*?</td>", re.DOTALL)
CODE = re.compile(r"<code>([^<]*)</code>")
PLACE = re.compile(r"(?<=[^\W_][._/])(?=\w{3})")


def with_breaks(cell: str) -> str:
    """A cell, with a place to break in each long name of its code."""
    return CODE.sub(lambda found: f"<code>{PLACE.sub('<wbr>', found.group(1))}</code>", cell)


def on_page_content(html: str, **kwargs: Any) -> str:
    return CELL.sub(lambda found: with_breaks(found.group()), html)
