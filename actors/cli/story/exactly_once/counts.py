"""What the exactly-once story counts when all is over: from its clients' words, and from the brokers' log files."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass

from actors.cli.story.counts import FIGURES_COLUMNS
from actors.cli.story.exactly_once.state import InvoicingState
from actors.cli.story.play import BROKERS
from actors.cli.story.wrapping import wrapped
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig
from kstore.records import read_end_transaction_marker


@dataclass(frozen=True)
class Counts:
    """The figures at the end of the story. ``committed`` and ``aborted`` are records in the log, by their markers;
    ``read_committed`` and ``read_uncommitted`` what the two readers got.
    """

    acknowledged: int
    failed: int
    committed: int
    aborted: int
    read_committed: int
    read_uncommitted: int
    lost: int
    doubled: int
    disordered: int
    replicas_differ: int
    misread: int
    transactions: int
    fenced: int

    @property
    def good(self) -> bool:
        """Whether every figure that must be zero is, and the story's aborts and its fenced zombie were seen."""
        wrong = (self.failed, self.lost, self.doubled, self.disordered, self.replicas_differ, self.misread)
        return not any(wrong) and self.aborted > 0 and self.fenced == 1

    def as_json(self) -> dict[str, object]:
        """The figures under their names, and whether they are as they must be."""
        return {"good": self.good, **asdict(self)}

    def text(self, width: int | None = None) -> str:
        """The figures, a line each, wrapped to the terminal's width, or to this one."""
        figures = (
            ("orders acknowledged to the shop", self.acknowledged, ""),
            ("orders refused to the shop", self.failed, "must be 0"),
            ("invoices, read_committed", self.read_committed, f"in {self.transactions} transactions"),
            ("orders without an invoice", self.lost, "must be 0"),
            ("orders with two invoices", self.doubled, "must be 0"),
            ("out of order for their user", self.disordered, "must be 0"),
            ("invoices, read_uncommitted", self.read_uncommitted, ""),
            ("aborted, as the log says", self.aborted, "read_committed readers don't see them"),
            ("readers and log disagree by", self.misread, "must be 0"),
            ("partitions whose copies differ", self.replicas_differ, "must be 0"),
            ("zombies that were fenced", self.fenced, "must be 1"),
        )
        lines = [f"  {what:<33}{figure:6}{f'  ({why})' if why else ''}" for what, figure, why in figures]
        return wrapped("\n".join(lines), FIGURES_COLUMNS, width)


def count(folder: str, topic: str, partitions: int, state: InvoicingState) -> Counts:
    """Read the logs of the stopped brokers and hold them against what the clients said."""
    committed: list[tuple[int, str]] = []
    aborted = replicas_differ = disordered = 0
    for partition in range(partitions):
        copies = [invoices_in(folder, node, f"{topic}-{partition}") for node in range(1, BROKERS + 1)]
        replicas_differ += any(copy != copies[0] for copy in copies)
        committed += copies[0].committed
        aborted += copies[0].aborted
    read = state.readers["read_committed"].invoices
    latest: dict[str, int] = {}
    for order, user in read:
        disordered += order <= latest.get(user, -1)
        latest[user] = order
    times = Counter(order for order, _ in read)
    read_uncommitted = state.seen_by("read_uncommitted")
    return Counts(
        acknowledged=len(state.acks),
        failed=len(state.failures),
        committed=len(committed),
        aborted=aborted,
        read_committed=len(read),
        read_uncommitted=read_uncommitted,
        lost=sum(1 for order in state.acks if order not in times),
        doubled=sum(1 for each in times.values() if each > 1),
        disordered=disordered,
        replicas_differ=replicas_differ,
        misread=abs(len(committed) - len(read)) + abs(len(committed) + aborted - read_uncommitted),
        transactions=state.transactions,
        fenced=len(state.fenced),
    )


@dataclass
class Invoices:
    """A copy of a partition: invoices in committed transactions, how many in aborted ones, and the batches' bytes."""

    committed: list[tuple[int, str]]
    aborted: int
    batches: list[bytes]


def invoices_in(folder: str, node: int, partition: str) -> Invoices:
    """One broker's copy of a partition; a transaction's invoices count by the marker that ends it."""
    fs = PosixFileSystem(f"{folder}/node-{node}")
    log = Log.open(fs, partition, LogConfig(), now_ms=0, clean=True)
    found = Invoices([], 0, [])
    undecided: dict[int, list[tuple[int, str]]] = {}
    for batch in log.batches(log.start_offset):
        found.batches.append(bytes(batch.header) + bytes(batch.payload))
        for record in batch.records():
            marker = read_end_transaction_marker(record) if batch.is_control else None
            if marker is not None:
                ended = undecided.pop(batch.producer_id, [])
                found.committed += ended if marker.is_commit else []
                found.aborted += 0 if marker.is_commit else len(ended)
            else:
                assert record.value is not None, "every invoice has a value"
                invoice = json.loads(record.value)
                undecided.setdefault(batch.producer_id, []).append((invoice["order"], invoice["user"]))
    fs.close()
    return found
