"""The history of a run's transactions: what programs wrote in them, how each ended, and what committed readers got.

Every value is unique. At once: *aborted read* (G1a: a value of a transaction that was aborted), *read before commit*
(of one that nobody has asked to commit), *served before it was stable*, *unsent*, *committed read out of order*. At the
end, over all that was committed: *all or nothing* (each transaction that was committed is there as a whole, and one
that may have been is there as a whole or not at all), *read once* (what a reader got of a stretch of a partition is
what was committed there, and all of it that must be there still), *lost write*, *each input has one output*.

Fair to Kafka's contract: a transaction whose commit was asked for may be committed, whatever its producer was told,
unless an abort was acknowledged after that; nobody but its producer commits one. A group coordinator that was replaced
and doesn't know it yet tells a worker older offsets, as Kafka's does, and the worker's next transaction commits them at
the new one: an input may have several outputs if one had turns after the first of their transactions began.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from enum import Enum
from math import inf

from actors.simulation.committed_records import Contents
from actors.simulation.history import History
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple

Values = list[tuple[int, bytes]]
"""Offsets and values."""


class TransactionOutcome(Enum):
    """How a transaction stands, as far as its producer knows."""

    OPEN = "open"
    ASKED = "to be committed"
    COMMITTED = "committed"
    ABORTED = "aborted"


class SimulatedTransaction:
    """One transaction of a producer: its values, and where each was sent."""

    __slots__ = ("began_us", "name", "outcome", "values")

    def __init__(self, name: str, began_us: int) -> None:
        self.name = name
        self.began_us = began_us
        self.outcome = TransactionOutcome.OPEN
        self.values: dict[bytes, TopicAndPartition] = {}

    def __repr__(self) -> str:
        return f"transaction {self.name}, {self.outcome.value}, of {len(self.values)} records"


class Stretch(NamedTuple):
    """What one reader got of a partition, from an offset up to another one."""

    reader: str
    partition: TopicAndPartition
    begin: int
    end: int
    values: tuple[tuple[int, bytes], ...]


class TransactionHistory:
    """One run's. ``plain`` is the history of what is written outside of transactions, and has the findings of both."""

    def __init__(self, plain: History) -> None:
        self.plain = plain
        self.made: list[SimulatedTransaction] = []
        self.transaction_of: dict[bytes, SimulatedTransaction] = {}
        self.stretches: list[Stretch] = []
        self.reads = 0
        self.fenced: dict[int, int] = {}  # producer id: epochs before this one are fenced
        self.outdated_us: dict[str, int] = {}  # partition of a coordinator: when one that was replaced last answered
        self.is_worn = False  # whether the producers' epochs are used up in the run
        self.claims: Counter[str] = Counter()  # transactional id: how many producers have asked for it
        self.granted: Counter[str] = Counter()  # and how many of them got it
        self.stable_end: Callable[[TopicAndPartition], float] = lambda _: inf
        """By partition: the offset before which no transaction is open."""

    def begun(self, label: str, now_us: int) -> SimulatedTransaction:
        """Note that a transaction begins."""
        made = SimulatedTransaction(f"{label}.{len(self.made)}", now_us)
        self.made.append(made)
        return made

    def wrote(self, transaction: SimulatedTransaction, value: bytes, partition: TopicAndPartition) -> None:
        """A producer is about to send a value in its transaction."""
        assert value not in self.transaction_of, "every value is one of a kind"
        transaction.values[value] = partition
        self.transaction_of[value] = transaction

    def initialized(self, producer_id: int, epoch: int) -> None:
        """A producer has its id and epoch: whatever another one had open is over, and it writes nothing more."""
        self.fenced[producer_id] = max(epoch, self.fenced.get(producer_id, 0))

    def count(self, outcome: TransactionOutcome) -> int:
        """How many transactions had this outcome."""
        return sum(each.outcome is outcome for each in self.made)

    def read(self, reader: str, partition: TopicAndPartition, begin: int, end: int, values: Values) -> None:
        """A committed reader got this of a partition, with its position going from ``begin`` to ``end``."""
        self.reads += len(values)
        self.stretches.append(Stretch(reader, partition, begin, end, tuple(values)))
        last = begin - 1
        for offset, value in values:
            where = f"{reader} read {value!r} at {offset} of {partition}"
            if not last < offset < end:
                self.plain.find("committed read out of order", f"{where}, from {begin} to {end}, after {last}")
            last = offset
            if offset >= (stable := self.stable_end(partition)):
                self.plain.find("served before it was stable", f"{where}, stable: {stable}")
            transaction = self.transaction_of.get(value)
            if transaction is None:
                if self.plain.sent_values.get(value) != partition[1]:
                    self.plain.find("unsent", f"{where}, which nobody sent there")
            elif transaction.values[value] != partition:
                self.plain.find("unsent", f"{where}, which was sent to {transaction.values[value]}")
            elif transaction.outcome is TransactionOutcome.ABORTED:
                self.plain.find("aborted read", f"{where}, of {transaction}")
            elif transaction.outcome is TransactionOutcome.OPEN:
                self.plain.find("read before commit", f"{where}, of {transaction}")

    def judge_the_whole(
        self, committed: Mapping[TopicAndPartition, Contents], inputs: str, outputs: str, group: str
    ) -> None:
        """Judge by all that is committed when every transaction is over. ``group`` is that of the workers, which make
        outputs of inputs.
        """
        position_of = {value: (partition, offset) for partition, log in committed.items() for offset, value in log.ever}
        self._judge_transactions(position_of)
        known = {partition: set(log.ever) for partition, log in committed.items()}
        for stretch in self.stretches:
            kept = committed[stretch.partition].kept
            first, end = (bisect_left(kept, (offset,)) for offset in (stretch.begin, stretch.end))
            missing = set(kept[first:end]).difference(stretch.values)
            wrong = set(stretch.values).difference(known[stretch.partition])
            if missing or wrong:
                self.plain.find(
                    "read once",
                    f"{stretch.reader} read {stretch.partition} from {stretch.begin} to {stretch.end}, "
                    f"not {sorted(missing)}, but {sorted(wrong)}",
                )
        for value, (partition, offset) in self.plain.acked_values.items():
            if position_of.get(value) != ((inputs, partition), offset):
                self.plain.find("lost write", f"{value!r}, acknowledged at {offset} of {partition}, isn't committed")
        self._judge_outputs(committed, inputs, outputs, group)

    def _judge_transactions(self, position_of: Mapping[bytes, tuple[TopicAndPartition, int]]) -> None:
        for transaction in self.made:
            found = [value for value in transaction.values if value in position_of]
            gone = [value for value in transaction.values if value not in position_of]
            if transaction.outcome is TransactionOutcome.COMMITTED and gone:
                self.plain.find("all or nothing", f"{transaction}: {gone} is not there")
            elif transaction.outcome is TransactionOutcome.ASKED and found and gone:
                self.plain.find("all or nothing", f"{transaction}: {found} is there, and {gone} is not")
            elif transaction.outcome in (TransactionOutcome.OPEN, TransactionOutcome.ABORTED) and found:
                self.plain.find("all or nothing", f"{transaction}: {found} is there")

    def _judge_outputs(
        self, committed: Mapping[TopicAndPartition, Contents], inputs: str, outputs: str, group: str
    ) -> None:
        """Offsets count with the outputs of their transactions, or not at all: so each input has one output. One that
        was deleted, or replaced, may have none.
        """
        made: dict[bytes, list[int]] = {}
        for partition, log in committed.items():
            for _, value in log.ever if partition[0] == outputs else ():
                if is_output(value):
                    made.setdefault(output_of(value), []).append(self.transaction_of[value].began_us)
        of_inputs = [log for partition, log in committed.items() if partition[0] == inputs]
        given = {value for log in of_inputs for _, value in log.ever}
        kept = {value for log in of_inputs for _, value in log.kept}
        several = [value for value, began in made.items() if len(began) > 1]
        twice = [value for value in several if not self.plain.ownership.is_outdated(group, min(made[value]))]
        if twice:
            self.plain.find("each input has one output", f"{sorted(twice)} have several")
        if kept - made.keys() or made.keys() - given:
            self.plain.find(
                "each input has one output",
                f"none of {sorted(kept - made.keys())}; too many of {sorted(made.keys() - given)}",
            )


def output(worker: str, number: int, value: bytes) -> bytes:
    """What a worker makes of an input."""
    return b"%s|%d|%s" % (worker.encode(), number, value)


def is_output(value: bytes) -> bool:
    return b"|" in value


def output_of(value: bytes) -> bytes:
    """The input that an output was made of."""
    return value.split(b"|", 2)[2]


def missing_outputs(committed: Mapping[TopicAndPartition, Contents], inputs: str, outputs: str) -> int:
    """How many inputs have no output yet, of those that are still there."""
    made = {
        output_of(value)
        for partition, log in committed.items()
        if partition[0] == outputs
        for _, value in log.ever
        if is_output(value)
    }
    kept = {value for partition, log in committed.items() if partition[0] == inputs for _, value in log.kept}
    return len(kept - made)
