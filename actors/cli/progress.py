"""A progress bar on stderr for work that takes over a second, on a terminal only; elsewhere nothing."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

PATIENCE_S = 1.0
CHECK_EVERY = 64  # how many steps go by between two looks at the clock


class Progress:
    """Counts work that is done, in a ``with`` block. ``total`` None: nobody knows how much there is.

    ``unit`` is "records" or "bytes". Nothing is drawn, and no drawing library is loaded, before a second has passed.
    """

    def __init__(self, what: str, total: int | None, unit: str = "records", shown: bool = True) -> None:
        self.what = what
        self.total = total
        self.unit = unit
        self.done = 0
        self.shown = shown and sys.stderr.isatty()
        self.began = time.monotonic()
        self._steps = 0
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def advance(self, amount: int) -> None:
        """So much more is done."""
        self.done += amount
        self._steps += 1
        if not self.shown or (self._steps % CHECK_EVERY and amount < CHECK_EVERY):
            return
        if self._bar is not None:
            assert self._task is not None
            self._bar.update(self._task, completed=self.done)
        elif time.monotonic() - self.began > PATIENCE_S:
            self._draw()

    def _draw(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        amount = DownloadColumn() if self.unit == "bytes" else MofNCompleteColumn()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            amount,
            TextColumn("" if self.unit == "bytes" else self.unit),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(self.what, total=self.total, completed=self.done)
        self._bar.start()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
