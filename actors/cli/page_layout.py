"""How a page of the documentation looks on a terminal: rich's Markdown, with tables whose words are never cut off."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markdown import Markdown, TableElement
from rich.table import Table


class FoldedTable(TableElement):
    """A word that is longer than its column goes on in the next line: a key is whole, or it is none."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for part in super().__rich_console__(console, options):
            if isinstance(part, Table):
                for column in part.columns:
                    column.overflow = "fold"
            yield part  # type: ignore[misc]


class Page(Markdown):
    """A page."""

    elements = {**Markdown.elements, "table_open": FoldedTable}
