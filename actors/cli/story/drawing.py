"""What the pictures of all stories share, drawn with rich: tables, brokers, the last lines; and the live stage.

A picture is pure: a state in, something to draw out. ``LiveStage`` redraws it a few times a second, on a screen of its
own that is gone when the story is over; what is to be kept is printed then.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Generic, cast

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from actors.cli.story.frames import Frames
from actors.cli.story.scene import Line, Scene
from actors.cli.story.stages import TIME_COLUMNS, Look, S, told

REDRAWS_A_SECOND = 10
FRESH_S = 2.0  # how long what changed stands out
ROOMY_COLUMNS, ROOMY_LINES = 80, 24  # from here on tables have borders
WIDE_COLUMNS = 108
BAR_CELLS = 24
BROKER_LOOKS = {"up": ("●", "green"), "starting": ("◐", "yellow"), "killed": ("✗", "bold red")}


def is_roomy(width: int, height: int) -> bool:
    """Whether tables have borders on a terminal of this many columns and lines."""
    return width >= ROOMY_COLUMNS and height >= ROOMY_LINES


def is_wide(width: int, height: int) -> bool:
    """Whether there is room for bars as well."""
    return is_roomy(width, height) and width >= WIDE_COLUMNS


def stacked(
    scene: Scene, width: int, height: int, *, headline: Text, leaders: Mapping[int, int], clients: Table, topic: Table
) -> Group:
    """The whole picture: a headline, brokers and clients side by side, the topic, and the last lines that have room."""
    roomy = is_roomy(width, height)
    around = 5 if roomy else 2  # lines of a table beside its rows
    upper = around + max(len(scene.brokers), clients.row_count, 1)
    lower = around + max(topic.row_count, 1)
    beside = Table.grid(padding=(0, 2))
    beside.add_row(brokers(scene, leaders, roomy), clients)
    return Group(headline, beside, topic, last_lines(scene.lines, width, height - 1 - upper - lower))


def new_table(*columns: str, title: str, roomy: bool) -> Table:
    """An empty table; one that is roomy has borders."""
    table = Table(
        box=box.ROUNDED if roomy else None,
        padding=(0, 1) if roomy else (0, 1, 0, 0),
        title=title,
        title_justify="left",
        title_style="bold",
        border_style="dim",
    )
    for column in columns:
        table.add_column(column, header_style="dim", no_wrap=True)
    return table


def brokers(scene: Scene, leaders: Mapping[int, int], roomy: bool) -> Table:
    """The brokers, with the partitions that each leads, by number."""
    table = new_table("broker", "leads", title="brokers", roomy=roomy)
    for broker, doing in sorted(scene.brokers.items()):
        sign, style = BROKER_LOOKS[doing]
        leads = [number for number, leader in sorted(leaders.items()) if leader == broker]
        word = doing if doing != "up" else "controller" if broker == scene.controller else ""
        table.add_row(
            Text(f"{sign} {broker} {word}".rstrip(), style=fresh(scene, f"broker {broker}", style)),
            " ".join(f"P{number}" for number in leads),
        )
    return table


def bar(done: int, there: int, most: int) -> Text:
    """What is done solid, the rest of what is there light; ``most`` fills the bar."""
    cells = max(most, 1)
    solid, length = done * BAR_CELLS // cells, there * BAR_CELLS // cells
    return Text.assemble(("█" * solid, "green"), ("░" * max(0, length - solid), "yellow"))


def number_of(broker: int) -> str:
    """A leader's number; there may be none."""
    return "none" if broker < 0 else str(broker)


def fresh(scene: Scene, cell: str, style: str) -> str:
    """A style that stands out while the cell is new."""
    return f"{style} reverse".strip() if scene.is_new(cell, FRESH_S) else style


def last_lines(lines: list[Line], width: int, room: int) -> Text:
    """The last lines of the story that have room, wrapped by words; the newest stands out."""
    shown: list[Text] = []
    for line in reversed(lines):
        style = "" if shown else "bold"
        pieces = told(line, width).splitlines()
        text = Text(pieces[0][:TIME_COLUMNS], style="dim")
        text.append(pieces[0][TIME_COLUMNS:], style=style)
        rows = [text, *(Text(piece, style=style) for piece in pieces[1:])]
        if shown and len(shown) + len(rows) > room:
            break
        shown = rows + shown
    return Text("\n", no_wrap=True).join(shown[: max(room, 1)])


class LiveStage(Generic[S]):
    """Shows a story as a picture that changes, and in the end as lines."""

    def __init__(self, picture: Callable[[S, int, int], RenderableType], console: Console | None = None) -> None:
        self.picture = picture
        self.console = console or Console(file=cast(IO[str], Frames(sys.stdout)))

    def show(self, line: Line) -> None:
        """The picture has it already."""

    @contextlib.contextmanager
    def watch(self, state: S, look: Look) -> Iterator[None]:
        """Redraw until the block ends; then what was told stays on the terminal."""

        def draw() -> RenderableType:
            with look():
                return self.picture(state, *self.console.size)

        with Live(
            get_renderable=draw,
            console=self.console,
            refresh_per_second=REDRAWS_A_SECOND,
            screen=True,
        ):
            yield
        for line in state.lines:
            print(told(line))
