"""The demo's state drawn with rich: brokers, the group, partitions, orders, and the story's last lines.

``picture`` is pure: a state in, something to draw out. ``LiveStage`` redraws it a few times a second, on a screen of
its own that is gone when the story is over; what is to be kept is printed then.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import IO, cast

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from actors.cli.story.frames import Frames
from actors.cli.story.state import Line, State
from actors.cli.story.telling import TIME_COLUMNS, Look, told

REDRAWS_A_SECOND = 10
FRESH_S = 2.0  # how long what changed stands out
ROOMY_COLUMNS, ROOMY_LINES = 80, 24  # from here on tables have borders
WIDE_COLUMNS = 108
BAR_CELLS = 24
BROKER_LOOKS = {"up": ("●", "green"), "starting": ("◐", "yellow"), "killed": ("✗", "bold red")}
MEMBER_LOOKS = {
    "joining": "yellow",
    "reading": "green",
    "waiting": "yellow",
    "killed": "bold red",
    "left": "dim",
}


def picture(state: State, width: int, height: int) -> RenderableType:
    """Everything there is to see, on a terminal of this many columns and lines, 60 and 20 at least."""
    roomy = width >= ROOMY_COLUMNS and height >= ROOMY_LINES
    around = 5 if roomy else 2  # lines of a table beside its rows
    upper = around + max(len(state.brokers), len(state.members), 1)
    lower = around + max(len(state.partitions), 1)
    beside = Table.grid(padding=(0, 2))
    beside.add_row(_brokers(state, roomy), _members(state, roomy))
    return Group(
        _headline(state, roomy),
        beside,
        _partitions(state, roomy, wide=roomy and width >= WIDE_COLUMNS),
        _story(state, width, height - 1 - upper - lower),
    )


def _headline(state: State, roomy: bool) -> Text:
    received = sum(1 for order in state.acks if order in state.receivers)
    return Text.assemble(
        ("kstore demo", "bold"),
        f"  {state.clock():5.1f} s   {'orders ' if roomy else ''}acknowledged ",
        (f"{len(state.acks):5}", "bold cyan"),
        "   read by the group " if roomy else "  read ",
        (f"{received:5}", "bold cyan"),
        no_wrap=True,
        overflow="ellipsis",
    )


def _table(*columns: str, title: str, roomy: bool) -> Table:
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


def _brokers(state: State, roomy: bool) -> Table:
    table = _table("broker", "leads", title="brokers", roomy=roomy)
    for broker, doing in sorted(state.brokers.items()):
        sign, style = BROKER_LOOKS[doing]
        leads = [number for number, partition in sorted(state.partitions.items()) if partition.leader == broker]
        word = doing if doing != "up" else "controller" if broker == state.controller else ""
        table.add_row(
            Text(f"{sign} {broker} {word}".rstrip(), style=_fresh(state, f"broker {broker}", style)),
            " ".join(f"P{number}" for number in leads),
        )
    return table


def _members(state: State, roomy: bool) -> Table:
    names = ("consumer", "pid", "", "partitions", "read") if roomy else ("", "", "reads", "read")
    table = _table(*names, title="group order-processors" if roomy else "consumers", roomy=roomy)
    for name, member in sorted(state.members.items()):
        style = MEMBER_LOOKS[member.state]
        word = "SIGKILL" if member.state == "killed" else member.state
        table.add_row(
            Text(name, style=_fresh(state, f"member {name}", style)),
            *([str(member.pid)] if roomy else []),
            Text(word, style=style),
            "" if member.state == "killed" else " ".join(f"P{number}" for number in member.partitions),
            str(member.received),
        )
    return table


def _partitions(state: State, roomy: bool, wide: bool) -> Table:
    names = ["", "leader", "replicas", "in sync", "read by", "acknowledged", "committed", "lag"]
    if not roomy:
        names[5] = "acked"
    table = _table(*names, title="topic order-events", roomy=roomy)
    if wide:
        table.add_column(min_width=BAR_CELLS)
    most = max((partition.acknowledged for partition in state.partitions.values()), default=0)
    for number, partition in sorted(state.partitions.items()):
        owner = state.members.get(partition.owner or "")
        gone = owner is None or owner.state == "killed"
        table.add_row(
            f"P{number}",
            Text(_broker(partition.leader), style=_fresh(state, f"leader {number}", "")),
            " ".join(map(str, partition.replicas)),
            _in_sync(state, number),
            Text((partition.owner or "-") + (" (dead)" if owner and gone else ""), style="red" if gone else "green"),
            str(partition.acknowledged),
            str(partition.committed),
            str(partition.lag),
            *([_bar(partition.committed, partition.acknowledged, most)] if wide else []),
        )
    return table


def _in_sync(state: State, number: int) -> Text:
    partition = state.partitions[number]
    text = Text()
    for replica in partition.replicas:
        inside = replica in partition.in_sync
        text.append(f"{replica if inside else '·'} ", style=_fresh(state, f"in sync {number}", "" if inside else "red"))
    return text


def _bar(committed: int, acknowledged: int, most: int) -> Text:
    """Committed solid, the lag behind it light."""
    cells = max(most, 1)
    done = committed * BAR_CELLS // cells
    there = acknowledged * BAR_CELLS // cells
    return Text.assemble(("█" * done, "green"), ("░" * max(0, there - done), "yellow"))


def _broker(broker: int) -> str:
    return "none" if broker < 0 else str(broker)


def _fresh(state: State, cell: str, style: str) -> str:
    return f"{style} reverse".strip() if state.is_new(cell, FRESH_S) else style


def _story(state: State, width: int, room: int) -> Text:
    """The last lines of the story that have room, wrapped by words; the newest stands out."""
    shown: list[Text] = []
    for line in reversed(state.lines):
        style = "" if shown else "bold"
        pieces = told(line, width).splitlines()
        text = Text(pieces[0][:TIME_COLUMNS], style="dim")
        text.append(pieces[0][TIME_COLUMNS:], style=style)
        rows = [text, *(Text(piece, style=style) for piece in pieces[1:])]
        if shown and len(shown) + len(rows) > room:
            break
        shown = rows + shown
    return Text("\n", no_wrap=True).join(shown[: max(room, 1)])


class LiveStage:
    """Shows a story as a picture that changes, and in the end as lines."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(file=cast(IO[str], Frames(sys.stdout)))

    def show(self, line: Line) -> None:
        """The picture has it already."""

    @contextlib.contextmanager
    def watch(self, state: State, look: Look) -> Iterator[None]:
        """Redraw until the block ends; then what was told stays on the terminal."""

        def draw() -> RenderableType:
            with look():
                return picture(state, *self.console.size)

        with Live(
            get_renderable=draw,
            console=self.console,
            refresh_per_second=REDRAWS_A_SECOND,
            screen=True,
        ):
            yield
        for line in state.lines:
            print(told(line))
