"""Completes a transaction that was decided: markers to all its partitions, then the last record.

A marker that the partition's leader refuses for good (its coordinator epoch or the producer's epoch is an old one) says
that another coordinator has taken over, or a newer marker was written: this coordinator then leaves the transaction as
it is, as Kafka does.
"""

from collections.abc import Callable, Sequence
from functools import partial

from actors.coordinator.effects import Effect
from actors.coordinator.event import Event
from actors.transactions.appends import Completion, TransactionAppends
from actors.transactions.markers import Cancellation, Marker, MarkerWritten, WriteMarker
from actors.transactions.notes import label, note
from actors.transactions.states import COMPLETED, PREPARE_COMMIT
from actors.transactions.timers import COMPLETION, MARKER, TransactionTimer
from actors.transactions.transaction import Transaction
from actors.transactions.transitions import completed
from kstore.errors import KafkaError
from kstore.log.names import TopicAndPartition

AGAIN_MS = 100
"""After which an append or a question that failed is repeated."""


class Completing:
    """Those of one shard, whose partition is led in ``leader_epoch``."""

    def __init__(self, appends: TransactionAppends, marker_sender: Callable[[], object], leader_epoch: int) -> None:
        self._appends = appends
        self._marker_sender = marker_sender
        self._leader_epoch = leader_epoch
        self.cancellation = Cancellation()

    def begin(self, transaction: Transaction, event: Event) -> None:
        """The decision is in the log."""
        now = transaction.metadata
        transaction.pending = COMPLETED[now.state]
        transaction.has_failed_fence = False
        transaction.unmarked = set(now.partitions)
        for partition in sorted(now.partitions):
            self._send(transaction, partition, event)
        if not now.partitions:
            self._complete(transaction, event)

    def _send(self, transaction: Transaction, partition: TopicAndPartition, event: Event) -> None:
        now = transaction.metadata
        marker = Marker(now.producer_id, now.epoch, now.state is PREPARE_COMMIT, self._leader_epoch, now.client_version)
        then = partial(self._answered, transaction, partition)
        event.ask_actor(self._marker_sender, WriteMarker(marker, partition, self.cancellation), then)

    def _answered(
        self, transaction: Transaction, partition: TopicAndPartition, outcome: object, now_ms: int
    ) -> Sequence[Effect]:
        event = Event(now_ms)
        name, now = transaction.transactional_id, transaction.metadata
        if isinstance(outcome, MarkerWritten):
            assert transaction.unmarked is not None, "markers are of a decision"
            transaction.unmarked.discard(partition)
            kind = "TransactionMarked" if outcome.is_there else "TransactionMarkerDropped"
            note(event, kind, name, now, label(partition))
            if not transaction.unmarked:
                self._complete(transaction, event)
        elif isinstance(outcome, KafkaError):
            note(event, "TransactionMarkerRefused", name, now, f"{label(partition)}: {outcome.name}")
        else:  # the sender has failed
            event.set_timer(TransactionTimer(MARKER, name, partition), AGAIN_MS)
        return event.effects

    def _complete(self, transaction: Transaction, event: Event) -> None:
        then = completed(transaction.metadata, event.now_ms)
        self._appends.begin(transaction, then, Completion(), event)

    def refused(self, transaction: Transaction, event: Event) -> None:
        """Its last record isn't in the log: the markers are, so it is tried again."""
        event.set_timer(TransactionTimer(COMPLETION, transaction.transactional_id), AGAIN_MS)

    def timer_fired(self, key: TransactionTimer, transaction: Transaction, event: Event) -> None:
        """Append the end of a transaction again, or send a marker again."""
        if key.kind == COMPLETION:
            self._complete(transaction, event)
        else:
            assert key.partition is not None, "a marker is for a partition"
            self._send(transaction, key.partition, event)
