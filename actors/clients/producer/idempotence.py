"""An idempotent producer's sequences: what makes a retry no second record (KIP-98, KIP-360). A machine without I/O.

The rules are those of the part of Apache Kafka's ``TransactionManager`` and ``Sender`` that has no transactions:

* a batch gets its sequence when it is first drained and keeps it over all retries; a partition's batches are numbered
  in the order in which their records were sent;
* while a batch is retried nothing behind it goes before it: only the first batch under way may be sent again;
* when the broker says that there is a gap, or knows nothing of the producer any more, and that is so, the epoch goes up
  by one and the partition's batches under way are numbered anew from 0;
* when a batch that may have been written has expired, nothing new is drained for its partition until the others under
  way have told what became of it ("unresolved").

One thing is stricter than in Java: until a partition's first batch is acknowledged there is no second under way. A
broker that doesn't know a producer takes any sequence for its first; were the first batch refused and the second one
taken, the order would be lost and the first one refused for good. By the second transaction protocol a broker takes
only 0 (KIP-890), and batches go as in Java.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.errors import (
    ClusterAuthorizationFailed,
    KafkaError,
    OutOfOrderSequenceNumber,
    UnknownProducerId,
    UnsupportedVersion,
)
from kstore.errors.arguments import SHORT_MAX
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.clients.producer.partition_queues import PartitionQueue
    from actors.clients.producer.pending import PendingBatch

NONE = -1
HALF = 2**30  # of all sequences: what is further ahead than that is behind
FATAL = (ClusterAuthorizationFailed, UnsupportedVersion)


class Identity(NamedTuple):
    """A producer's id and epoch; -1 while it has none."""

    producer_id: int = NONE
    epoch: int = NONE


class Sequences:
    """Where one partition's numbering stands. ``under_way``: numbered batches that aren't over, in their order."""

    __slots__ = ("acknowledged", "identity", "next", "under_way")

    def __init__(self) -> None:
        self.identity = Identity()
        self.next = 0
        self.acknowledged = NONE
        self.under_way: list[PendingBatch] = []

    def is_next(self, sequence: int) -> bool:
        """Whether it follows directly upon what is acknowledged."""
        return sequence == after(self.acknowledged, 1)


def sequences_of(queue: PartitionQueue) -> Sequences:
    """A queue's sequences, from the first time that they are needed."""
    if queue.sequences is None:
        queue.sequences = Sequences()
    return queue.sequences


def after(sequence: int, records: int) -> int:
    """The sequence so many records later; they wrap from 2**31 - 1 to 0."""
    return (sequence + records) & 0x7FFFFFFF


class Idempotence:
    """The numbers of one producer. ``fatal`` is why it can't go on, once it can't."""

    def __init__(self) -> None:
        self.identity = Identity()
        self.fatal: KafkaError | None = None
        self._bump_wanted = False
        self._to_renumber: dict[PartitionQueue, None] = {}
        self._unresolved: dict[PartitionQueue, int] = {}

    @property
    def first_goes_alone(self) -> bool:
        """Whether a partition's first batch is acknowledged before the second is sent."""
        return True

    @property
    def has_identity(self) -> bool:
        """Whether batches can be numbered."""
        return self.identity.producer_id >= 0

    def begin(self, producer_id: int, epoch: int) -> None:
        """A broker gave it an id."""
        self.identity = Identity(producer_id, epoch)
        self._renumber_all()

    @property
    def is_settled(self) -> bool:
        """Whether batches can be numbered, with nothing to be settled before."""
        return self.identity.producer_id >= 0 and not (self._bump_wanted or self._unresolved or self.fatal)

    def settle(self) -> None:
        """Before batches are drained: resolve what can be resolved, and go to the next epoch if that is needed."""
        for queue in list(self._unresolved):
            sequences = sequences_of(queue)
            if not sequences.under_way:
                del self._unresolved[queue]
                if not sequences.is_next(sequences.next):
                    self._want_bump(queue)
        if self._bump_wanted and self.has_identity:
            self._bump()

    def _bump(self) -> None:
        if self.identity.epoch == SHORT_MAX:
            self.identity = Identity()  # what is under way is numbered anew when there is another id
        else:
            self.identity = self.identity._replace(epoch=self.identity.epoch + 1)
            self._renumber_all()

    def _renumber_all(self) -> None:
        for queue in self._to_renumber:
            self._renumber(queue)
            self._unresolved.pop(queue, None)
        self._to_renumber.clear()
        self._bump_wanted = False

    def _renumber(self, queue: PartitionQueue) -> None:
        """Number what is under way in a partition from 0."""
        sequences = sequences_of(queue)
        sequence = 0
        for batch in sequences.under_way:
            batch.number_as(*self.identity, sequence, reset=True)
            sequence = after(sequence, batch.count)
        sequences.identity = self.identity
        sequences.next = sequence
        sequences.acknowledged = NONE

    def may_drain(self, queue: PartitionQueue, batch: PendingBatch) -> bool:
        """Whether the first batch that waits in a queue may be sent now."""
        sequences = sequences_of(queue)
        under_way = sequences.under_way
        if batch.has_sequence:
            return not under_way or under_way[0] is batch
        if under_way and (
            sequences.identity != self.identity or (sequences.acknowledged == NONE and self.first_goes_alone)
        ):
            return False
        return queue not in self._unresolved

    def number(self, queue: PartitionQueue, batch: PendingBatch) -> None:
        """Give a batch that is drained for the first time its place."""
        sequences = sequences_of(queue)
        if sequences.identity != self.identity:
            sequences.identity = self.identity
            sequences.next = 0
            sequences.acknowledged = NONE
        batch.number_as(*self.identity, sequences.next)
        sequences.next = after(sequences.next, batch.count)
        sequences.under_way.append(batch)

    def acknowledged(self, queue: PartitionQueue, batch: PendingBatch) -> None:
        """The broker has it."""
        sequences = sequences_of(queue)
        known = sequences.acknowledged
        if known == NONE or after(batch.last_sequence, -known) < HALF:
            sequences.acknowledged = batch.last_sequence
        self.forget(queue, batch)

    def forget(self, queue: PartitionQueue, batch: PendingBatch) -> None:
        """It isn't under way any more."""
        under_way = sequences_of(queue).under_way
        if batch in under_way:
            under_way.remove(batch)

    def split(self, queue: PartitionQueue, batch: PendingBatch, parts: list[PendingBatch]) -> None:
        """Others hold its records now: they share its sequence."""
        sequence = batch.base_sequence
        for part in parts:
            part.number_as(batch.producer_id, batch.producer_epoch, sequence)
            sequence = after(sequence, part.count)
        under_way = sequences_of(queue).under_way
        at = under_way.index(batch)
        under_way[at : at + 1] = parts

    def failed(self, queue: PartitionQueue, batch: PendingBatch, error: KafkaError, *, surely: bool) -> None:
        """It has failed for good; ``surely`` if it is known that the broker doesn't have it."""
        if isinstance(error, FATAL):
            self.fatal = error
        if not batch.has_sequence:
            return
        self.forget(queue, batch)
        if self.fatal is not None:
            return
        if isinstance(error, UnknownProducerId):
            sequences = sequences_of(queue)
            sequences.next = 0
            sequences.acknowledged = NONE
        elif isinstance(error, OutOfOrderSequenceNumber) or surely:
            self._want_bump(queue)

    def expired(self, queue: PartitionQueue, batch: PendingBatch) -> None:
        """It has failed, and may have been written all the same."""
        sequence = after(batch.last_sequence, 1)
        self._unresolved[queue] = max(self._unresolved.get(queue, 0), sequence)

    def may_retry(self, queue: PartitionQueue, batch: PendingBatch, error: KafkaError, log_start_offset: int) -> bool:
        """Whether a batch may be sent again after this error; asks for another epoch where that is the only way."""
        sequences = sequences_of(queue)
        if isinstance(error, UnknownProducerId):
            if log_start_offset != NONE and not batch.sequence_was_reset:
                self._want_bump(queue)
            return True
        if isinstance(error, OutOfOrderSequenceNumber):
            unresolved = self._unresolved.get(queue)
            if unresolved is None and (batch.sequence_was_reset or not sequences.is_next(batch.base_sequence)):
                return True
            if unresolved is None or unresolved == batch.base_sequence:
                self._want_bump(queue)
            return True
        return error.retriable

    def _want_bump(self, queue: PartitionQueue) -> None:
        self._bump_wanted = True
        self._to_renumber[queue] = None
