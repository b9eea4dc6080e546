"""The order-events story's state drawn with rich: brokers, the group, partitions, orders, and the last lines. Pure."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from actors.cli.story.drawing import BAR_CELLS, bar, fresh, is_roomy, is_wide, new_table, number_of, stacked
from actors.cli.story.state import State

MEMBER_LOOKS = {
    "joining": "yellow",
    "reading": "green",
    "waiting": "yellow",
    "killed": "bold red",
    "left": "dim",
}


def picture(state: State, width: int, height: int) -> RenderableType:
    """Everything there is to see, on a terminal of this many columns and lines, 60 and 20 at least."""
    roomy = is_roomy(width, height)
    return stacked(
        state,
        width,
        height,
        headline=_headline(state, roomy),
        leaders={number: partition.leader for number, partition in state.partitions.items()},
        clients=_members(state, roomy),
        topic=_partitions(state, roomy, wide=is_wide(width, height)),
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


def _members(state: State, roomy: bool) -> Table:
    names = ("consumer", "pid", "", "partitions", "read") if roomy else ("", "", "reads", "read")
    table = new_table(*names, title="group order-processors" if roomy else "consumers", roomy=roomy)
    for name, member in sorted(state.members.items()):
        style = MEMBER_LOOKS[member.state]
        word = "SIGKILL" if member.state == "killed" else member.state
        table.add_row(
            Text(name, style=fresh(state, f"member {name}", style)),
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
    table = new_table(*names, title="topic order-events", roomy=roomy)
    if wide:
        table.add_column(min_width=BAR_CELLS)
    most = max((partition.acknowledged for partition in state.partitions.values()), default=0)
    for number, partition in sorted(state.partitions.items()):
        owner = state.members.get(partition.owner or "")
        gone = owner is None or owner.state == "killed"
        table.add_row(
            f"P{number}",
            Text(number_of(partition.leader), style=fresh(state, f"leader {number}", "")),
            " ".join(map(str, partition.replicas)),
            _in_sync(state, number),
            Text((partition.owner or "-") + (" (dead)" if owner and gone else ""), style="red" if gone else "green"),
            str(partition.acknowledged),
            str(partition.committed),
            str(partition.lag),
            *([bar(partition.committed, partition.acknowledged, most)] if wide else []),
        )
    return table


def _in_sync(state: State, number: int) -> Text:
    partition = state.partitions[number]
    text = Text()
    for replica in partition.replicas:
        inside = replica in partition.in_sync
        text.append(f"{replica if inside else '·'} ", style=fresh(state, f"in sync {number}", "" if inside else "red"))
    return text
