"""The exactly-once story's state drawn with rich: brokers, workers, how far the two readers have come. Pure."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from actors.cli.story.drawing import BAR_CELLS, bar, fresh, is_roomy, is_wide, new_table, number_of, stacked
from actors.cli.story.exactly_once.state import LEVELS, InvoicingState

WORKER_LOOKS = {
    "starting": ("starting", "yellow"),
    "working": ("working", "green"),
    "uncommitted": ("uncommitted", "bold yellow"),
    "killed": ("SIGKILL", "bold red"),
    "frozen": ("SIGSTOP", "bold yellow"),
    "fenced": ("fenced", "bold red"),
    "left": ("left", "dim"),
}
"""The word for each state of a worker, and its style."""


def picture(state: InvoicingState, width: int, height: int) -> RenderableType:
    """Everything there is to see, on a terminal of this many columns and lines, 60 and 20 at least."""
    roomy = is_roomy(width, height)
    return stacked(
        state,
        width,
        height,
        headline=_headline(state, roomy),
        leaders={number: partition.leader for number, partition in state.partitions.items()},
        clients=_workers(state, roomy),
        topic=_invoices(state, roomy, wide=is_wide(width, height)),
    )


def _headline(state: InvoicingState, roomy: bool) -> Text:
    return Text.assemble(
        ("kstore demo", "bold"),
        f"  {state.clock():5.1f} s   orders ",
        (f"{len(state.acks):5}", "bold cyan"),
        "   invoices committed " if roomy else "  invoices ",
        (f"{state.seen_by('read_committed'):5}", "bold cyan"),
        no_wrap=True,
        overflow="ellipsis",
    )


def _workers(state: InvoicingState, roomy: bool) -> Table:
    names = ("worker", "pid", "", "orders", "committed") if roomy else ("", "", "orders", "done")
    table = new_table(*names, title="group invoicing" if roomy else "workers", roomy=roomy)
    for name, worker in sorted(state.workers.items()):
        word, style = WORKER_LOOKS[worker.state]
        is_gone = worker.state in ("killed", "fenced")
        table.add_row(
            Text(name, style=fresh(state, f"worker {name}", style)),
            *([str(worker.pid)] if roomy else []),
            Text(word, style=style),
            "" if is_gone else " ".join(f"P{number}" for number in worker.partitions),
            str(worker.invoices),
        )
    return table


def _invoices(state: InvoicingState, roomy: bool, wide: bool) -> Table:
    names = ("", "leader", *(["in sync"] if roomy else []), *LEVELS, "held back")
    title = "topic invoices: where each reader has come to" if roomy else "topic invoices"
    table = new_table(*names, title=title, roomy=roomy)
    if wide:
        table.add_column(min_width=BAR_CELLS)
    uncommitted, committed = (state.readers[level].next for level in LEVELS)
    most = max(uncommitted.values(), default=0)
    for number, partition in sorted(state.partitions.items()):
        there, done = uncommitted.get(number, 0), committed.get(number, 0)
        held = max(there - done, 0)
        table.add_row(
            f"P{number}",
            number_of(partition.leader),
            *([" ".join(map(str, partition.in_sync))] if roomy else []),
            str(there),
            str(done),
            Text(str(held), style="bold yellow" if held else ""),
            *([bar(done, there, most)] if wide else []),
        )
    return table
