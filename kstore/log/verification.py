"""Verification state (KIP-890): producers whose transaction's coordinator is asked before their first batch is
appended.

A batch that arrives late, when its transaction has ended, would open one that nobody ends. So a leader gives out a
*guard* for a producer without an open transaction, the coordinator is asked whether it has one with this partition in
it, and the batch is appended with the guard. What is appended meanwhile in a transaction of that producer, its marker
too, takes the guard away: then the answer that was waited for is of a transaction that is over.

It is Apache Kafka's ``VerificationStateEntry`` and ``VerificationGuard`` (KIP-890). Guards are drawn from one counter
of the process, so that one of an earlier leadership never fits.
"""

from itertools import count

from kstore.errors import OutOfOrderSequenceNumber
from kstore.named import NamedTuple
from kstore.records import RecordBatch

NO_GUARD = 0

_guards = count(NO_GUARD + 1)


class AppendOptions(NamedTuple):
    """How a group of batches is appended.

    ``guard`` is that of a producer's first batch in a transaction. ``transaction_version`` is the level of the feature
    by which a marker was made: from 2 on its epoch is newer than that of the batches that it ends.
    """

    guard: int = NO_GUARD
    transaction_version: int = 0


class Verification:
    """The verification of one producer. ``bumps_epochs``: each of its transactions has an epoch of its own
    (``transaction.version`` 2).
    """

    __slots__ = ("began_ms", "bumps_epochs", "epoch", "guard", "lowest_sequence")

    def __init__(self, epoch: int, sequence: int, now_ms: int, *, bumps_epochs: bool) -> None:
        self.guard = next(_guards)
        self.began_ms = now_ms
        self.bumps_epochs = bumps_epochs
        self.epoch = epoch
        self.lowest_sequence = sequence

    def also_of(self, epoch: int, sequence: int) -> None:
        """Another batch waits for the same answer."""
        if epoch == self.epoch:
            self.lowest_sequence = min(self.lowest_sequence, sequence)
        elif epoch > self.epoch:
            self.epoch, self.lowest_sequence = epoch, sequence


class Verifications:
    """Those of one log, by producer id."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[int, Verification] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def start(self, producer_id: int, epoch: int, sequence: int, now_ms: int, *, bumps_epochs: bool) -> int:
        """The guard to append with."""
        entry = self._entries.get(producer_id)
        if entry is None:
            entry = self._entries[producer_id] = Verification(epoch, sequence, now_ms, bumps_epochs=bumps_epochs)
        else:
            entry.also_of(epoch, sequence)
        return entry.guard

    def has(self, producer_id: int, guard: int) -> bool:
        """Whether this is the producer's guard, still."""
        entry = self._entries.get(producer_id)
        return entry is not None and entry.guard == guard

    def check_sequence(self, producer_id: int, sequence: int, *, is_new: bool) -> None:
        """Raise OutOfOrderSequenceNumber for a batch that overtakes one which waits for the same answer; ``is_new``:
        the log knows no batch of the producer's epoch.
        """
        entry = self._entries.get(producer_id)
        if entry is None:
            return
        if entry.bumps_epochs and is_new and sequence:
            raise OutOfOrderSequenceNumber(
                f"producer {producer_id} must begin its epoch with sequence number 0, not {sequence}"
            )
        if sequence > entry.lowest_sequence:
            raise OutOfOrderSequenceNumber(
                f"sequence number {sequence} of producer {producer_id} overtakes {entry.lowest_sequence}, which waits"
            )

    def appended(self, batch: RecordBatch) -> None:
        """Note that a batch in a transaction, or a marker, is in the log: the producer's guard isn't valid any more. If
        each transaction has an epoch of its own, a marker of the epoch that is asked about is that of the transaction
        before.
        """
        entry = self._entries.get(batch.producer_id)
        if entry is None or (entry.bumps_epochs and batch.is_control and batch.producer_epoch == entry.epoch):
            return
        del self._entries[batch.producer_id]

    def expire(self, before_ms: int) -> None:
        """Forget verifications that were begun at that time or earlier: they weren't used."""
        late = [producer_id for producer_id, entry in self._entries.items() if entry.began_ms <= before_ms]
        for producer_id in late:
            del self._entries[producer_id]
