"""Known bugs of Apache Kafka's transactions, put back in by a patch, restated for this design.

As in ``mutations.py``: nothing of them is in the product, and the general workload has to notice each.
"""

from __future__ import annotations

import pytest

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.partition.leader import serving
from actors.partition.leader.serving import Serving
from actors.partition.messages import Read
from actors.transactions import adding, ending
from actors.transactions.appends import Completion, TransactionAppend, TransactionDecision
from actors.transactions.completing import AGAIN_MS, Completing
from actors.transactions.deciding import Deciding
from actors.transactions.marker_queue import MarkerQueue, WaitingMarker
from actors.transactions.metadata import NO_PRODUCER_ID, TransactionMetadata
from actors.transactions.shard import TransactionShard
from actors.transactions.states import COMPLETED, ONGOING
from actors.transactions.timers import COMPLETION, TransactionTimer
from actors.transactions.transaction import Transaction
from actors.transactions.transitions import decided
from kstore.errors import InvalidProducerIdMapping, OutOfOrderSequenceNumber
from kstore.log import Log, LogRead
from kstore.log.verification import NO_GUARD, Verifications
from kstore.schema.messages.add_partitions_to_txn import AddPartitionsToTxnTransaction
from kstore.schema.messages.end_txn import EndTxnRequest

LAST_STABLE = serving.LAST_STABLE


def late_produce_joins_the_next_transaction(patch: pytest.MonkeyPatch) -> None:
    """KIP-890: what a producer of an earlier epoch writes late is taken into the transaction that is open."""

    def check_producer_id(transaction: Transaction, asked: AddPartitionsToTxnTransaction) -> None:
        if transaction.metadata.producer_id != asked.producer_id:
            raise InvalidProducerIdMapping()

    patch.setattr(adding, "_check", check_producer_id)


def late_end_ends_the_next_transaction(patch: pytest.MonkeyPatch) -> None:
    """KIP-890: EndTxn ends the transaction that is open, whichever epoch it is of."""
    by_second = ending._by_second

    def end_what_is_open(transaction: Transaction, request: EndTxnRequest) -> ending.Verdict:
        transaction.check_free()
        now = transaction.metadata
        if now.state is ONGOING and request.producer_id == now.producer_id:
            return ending.Verdict.DECIDE
        return by_second(transaction, request)

    patch.setattr(ending, "_by_second", end_what_is_open)


def verified_and_appended_without_a_second_look(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-14884: what was verified is appended even if the transaction has ended between the two."""

    def has_some(_: Verifications, _producer_id: int, guard: int) -> bool:
        return guard != NO_GUARD

    patch.setattr(Verifications, "has", has_some)


def timeout_without_a_new_epoch(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-6119: a transaction that has taken too long is aborted, and its producer goes on in the same epoch."""
    fence = Deciding.fence

    def fence_others(
        self: Deciding,
        transaction: Transaction,
        because: str,
        caller: Caller | None,
        event: Event,
        next_producer_id: int = NO_PRODUCER_ID,
    ) -> None:
        if caller is not None:
            fence(self, transaction, because, caller, event, next_producer_id)
        else:
            then = decided(transaction.metadata, False, 0, event.now_ms)
            self._appends.begin(transaction, then, TransactionDecision(because), event)

    patch.setattr(Deciding, "fence", fence_others)


def transaction_completed_twice(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-10080: a completion that is in the log is appended once more, when the next transaction may have begun."""
    commit, fire = TransactionShard._committed, Completing.timer_fired
    done: dict[str, TransactionMetadata] = {}

    def commit_and_repeat(self: TransactionShard, append: TransactionAppend, event: Event) -> None:
        commit(self, append, event)
        transaction = append.transactions[0]
        if isinstance(append.purpose, Completion) and transaction.transactional_id not in done:
            done[transaction.transactional_id] = transaction.metadata
            event.set_timer(TransactionTimer(COMPLETION, transaction.transactional_id), AGAIN_MS)

    def complete_again(self: Completing, key: TransactionTimer, transaction: Transaction, event: Event) -> None:
        again = done.pop(transaction.transactional_id, None)
        if again is not None and key.kind == COMPLETION:
            self._appends.begin(transaction, again, Completion(), event)
        elif key.kind != COMPLETION or transaction.metadata.state in COMPLETED:
            fire(self, key, transaction, event)

    patch.setattr(TransactionShard, "_committed", commit_and_repeat)
    patch.setattr(TransactionShard, "_note_over", lambda *_: None)
    patch.setattr(Completing, "timer_fired", complete_again)


def marker_dropped_behind_an_earlier_one(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-16352: a marker isn't sent while one that an earlier coordinator of this node has sent, in another epoch,
    waits for the same producer and partition.
    """
    add = MarkerQueue.add

    def add_unless_waiting(self: MarkerQueue, waiting: WaitingMarker) -> None:
        of_nodes = [*self._by_node.values(), *self._under_way.values()]
        there = [*self._new, *self._held, *(each for some in of_nodes for each in some)]
        key = (waiting.marker.producer_id, waiting.partition)
        if not any((each.marker.producer_id, each.partition) == key for each in there):
            add(self, waiting)

    patch.setattr(MarkerQueue, "add", add_unless_waiting)


def epochs_that_overflow(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-19367: a producer id is used on when its epochs are used up."""
    patch.setattr(TransactionMetadata, "is_exhausted", property(lambda _: False))


def sequences_that_do_not_wrap(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-7692: after the largest sequence number the next one, which is 0, is refused."""
    append = Log.append_as_leader

    def append_unwrapped(self: Log, groups, leader_epoch, now_ms, **how):
        outcomes = append(self, groups, leader_epoch, now_ms, **how)
        return [
            OutOfOrderSequenceNumber("no sequence number follows on the largest")
            if any(each.base_sequence + each.last_offset_delta > 0x7FFFFFFF for each in group)
            else outcome
            for group, outcome in zip(groups, outcomes, strict=True)
        ]

    patch.setattr(Log, "append_as_leader", append_unwrapped)


def _read_up_to(self: Serving, message: Read, limit: int) -> LogRead:
    read = self.log.read(message.offset, message.max_bytes, up_to=limit)
    read.aborted = self.log.segments.aborted(message.offset, read.next_offset)
    return read


def stable_and_committed_at_two_moments(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-9807: a read that waits is bounded by the high watermark of now, as no transaction was open before."""
    park, committed = Serving._park, Serving.committed

    def park_and_look(self: Serving, kind: int, message: Read) -> None:
        world = self.replica.node.world.__dict__
        world.setdefault("was stable", {})[self] = self.log.last_stable_offset == self.log.high_watermark
        park(self, kind, message)

    def commit_as_before(self: Serving, high_watermark: int) -> None:
        if self.reads.by_limit[LAST_STABLE] and self.replica.node.world.__dict__.get("was stable", {}).get(self):
            read_below = Serving._read_below
            with pytest.MonkeyPatch.context() as once:
                once.setattr(
                    Serving,
                    "_read_below",
                    lambda of, kind, message, limit: (
                        _read_up_to(of, message, limit) if kind == LAST_STABLE else read_below(of, kind, message, limit)
                    ),
                )
                self._wake(LAST_STABLE, high_watermark)
        committed(self, high_watermark)

    patch.setattr(Serving, "_park", park_and_look)
    patch.setattr(Serving, "committed", commit_as_before)


def reads_past_the_last_stable_offset(patch: pytest.MonkeyPatch) -> None:
    """A committed reader gets what is below the high watermark, and is told of what has been aborted by then."""
    limit_of, read_below = Serving._limit, Serving._read_below

    def limit_by_the_high_watermark(self: Serving, isolation: int) -> tuple[int, int]:
        kind, limit = limit_of(self, isolation)
        return kind, self.log.high_watermark if kind == LAST_STABLE else limit

    def read_past(self: Serving, kind: int, message: Read, limit: int) -> LogRead:
        return _read_up_to(self, message, limit) if kind == LAST_STABLE else read_below(self, kind, message, limit)

    patch.setattr(Serving, "_limit", limit_by_the_high_watermark)
    patch.setattr(Serving, "_read_below", read_past)
