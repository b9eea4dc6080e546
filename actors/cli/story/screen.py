"""The demo's state drawn with rich: brokers, the group, partitions, orders, and the story's last lines.

``picture`` is pure: a state in, something to draw out. ``LiveStage`` redraws it a few times a second, and leaves the
last picture on the terminal when the story is over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich import box
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from actors.cli.story.state import Line, State
from actors.cli.story.telling import Look

REDRAWS_A_SECOND = 10
FRESH_S = 2.0  # how long what changed stands out
LINES_MIN, LINES_MAX = 2, 12
LINES_ABOVE = 22  # of the picture above the story, and below it
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
    """Everything there is to see, on a terminal of this many columns and lines, 80 and 24 at least."""
    return Group(
        _headline(state),
        Columns([_brokers(state), _members(state)], padding=(0, 1)),
        _partitions(state, wide=width >= WIDE_COLUMNS),
        _story(state, max(LINES_MIN, min(LINES_MAX, height - LINES_ABOVE))),
    )


def _headline(state: State) -> Text:
    received = sum(1 for order in state.acks if order in state.receivers)
    return Text.assemble(
        ("kstore demo", "bold"),
        f"  {state.clock():5.1f} s   orders acknowledged ",
        (f"{len(state.acks):5}", "bold cyan"),
        "   read by the group ",
        (f"{received:5}", "bold cyan"),
    )


def _table(*columns: str, title: str) -> Table:
    table = Table(box=box.ROUNDED, title=title, title_justify="left", title_style="bold", border_style="dim")
    for column in columns:
        table.add_column(column, header_style="dim")
    return table


def _brokers(state: State) -> Table:
    table = _table("broker", "leads", title="brokers")
    for broker, doing in sorted(state.brokers.items()):
        sign, style = BROKER_LOOKS[doing]
        leads = [number for number, partition in sorted(state.partitions.items()) if partition.leader == broker]
        word = doing if doing != "up" else "controller" if broker == state.controller else ""
        table.add_row(
            Text(f"{sign} {broker} {word}".rstrip(), style=_fresh(state, f"broker {broker}", style)),
            " ".join(f"P{number}" for number in leads),
        )
    return table


def _members(state: State) -> Table:
    table = _table("consumer", "pid", "", "partitions", "read", title="group order-processors")
    for name, member in sorted(state.members.items()):
        style = MEMBER_LOOKS[member.state]
        word = "SIGKILL" if member.state == "killed" else member.state
        table.add_row(
            Text(name, style=_fresh(state, f"member {name}", style)),
            str(member.pid),
            Text(word, style=style),
            "" if member.state == "killed" else " ".join(f"P{number}" for number in member.partitions),
            str(member.received),
        )
    return table


def _partitions(state: State, wide: bool) -> Table:
    names = ("", "leader", "replicas", "in sync", "read by", "acknowledged", "committed", "lag")
    table = _table(*names, *([""] if wide else []), title="topic order-events")
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


def _story(state: State, height: int) -> Panel:
    lines = state.lines[-height:]
    text = Text(no_wrap=True, overflow="ellipsis")
    for number, line in enumerate(lines):
        newest = number == len(lines) - 1
        text.append(f"{line.at_s:6.2f}s  ", style="dim")
        text.append(line.text + ("" if newest else "\n"), style="bold" if newest else "")
    return Panel(text, box=box.ROUNDED, border_style="dim", height=height + 2)


class LiveStage:
    """Shows a story as a picture that changes."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()

    def show(self, line: Line) -> None:
        """The picture has it already."""

    @contextlib.contextmanager
    def watch(self, state: State, look: Look) -> Iterator[None]:
        """Redraw until the block ends, and once more then."""

        def draw() -> RenderableType:
            with look():
                return picture(state, *self.console.size)

        with Live(
            get_renderable=draw,
            console=self.console,
            refresh_per_second=REDRAWS_A_SECOND,
        ):
            yield
