"""Where a story is shown: as lines, not at all, or (``drawing.py``) as a picture."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from actors.cli.story.scene import Line, Scene
from actors.cli.story.wrapping import wrapped

TIME_COLUMNS = 9  # before each line of the story

Look = Callable[[], contextlib.AbstractContextManager[None]]
S = TypeVar("S", bound=Scene)
Shown = TypeVar("Shown", bound=Scene, contravariant=True)


class Stage(Protocol[Shown]):
    """Where a story is shown."""

    def show(self, line: Line) -> None:
        """A line of the story was said."""

    def watch(self, state: Shown, look: Look) -> contextlib.AbstractContextManager[object]:
        """Show ``state`` as it changes until the block ends; it may be read inside ``with look():``."""


def told(line: Line, width: int | None = None) -> str:
    """A line of the story with its time, wrapped to the terminal's width, or to this one."""
    text = f"{line.at_s:6.2f}s  {line.text}"
    return wrapped(text, TIME_COLUMNS - (len(text) - len(text.lstrip())), width)


class PlainStage:
    """Shows a story as lines, for logs, pipes and small terminals."""

    def show(self, line: Line) -> None:
        """Print it."""
        print(told(line), flush=True)

    @contextlib.contextmanager
    def watch(self, state: Scene, look: Look) -> Iterator[None]:
        """Nothing moves here."""
        yield


class SilentStage(PlainStage):
    """Shows nothing."""

    def show(self, line: Line) -> None:
        """Not here."""
