"""A story's picture as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rich.console import Console, RenderableType

S = TypeVar("S")


def drawn(picture: Callable[[S, int, int], RenderableType], state: S, width: int = 80, height: int = 24) -> str:
    """What a terminal of this many columns and lines shows."""
    console = Console(width=width, height=height, force_terminal=False)
    with console.capture() as captured:
        console.print(picture(state, width, height))
    return captured.get()
