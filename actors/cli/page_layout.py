"""Layout of documentation pages on a terminal: rich's Markdown, with tables that never cut words off."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markdown import Markdown, TableElement
from rich.table import Table


class FoldedTable(TableElement):
    """A table that continues a word longer than its column on the next line, so that keys are complete."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for part in super().__rich_console__(console, options):
            if isinstance(part, Table):
                for column in part.columns:
                    column.overflow = "fold"
            yield part  # type: ignore[misc]


class Page(Markdown):
    """A page."""

    elements = {**Markdown.elements, "table_open": FoldedTable}
