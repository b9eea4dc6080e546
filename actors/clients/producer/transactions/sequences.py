"""A transactional producer's sequences: how they differ from those without transactions. Pure.

An epoch isn't bumped during a transaction: a failure that would need it leaves the transaction to be aborted. After
that, a batch is only sent again while it isn't known whether a broker has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.errors import TransactionAborted
from actors.clients.producer.idempotence import Idempotence, sequences_of
from kstore.errors import KafkaError, NetworkException, OutOfOrderSequenceNumber, UnknownProducerId

if TYPE_CHECKING:
    from actors.clients.producer.partition_queues import PartitionQueue
    from actors.clients.producer.pending import PendingBatch
    from actors.clients.producer.transactions.machine import TransactionMachine


class TransactionalSequences(Idempotence):
    """The numbers of one transactional producer."""

    def __init__(self, machine: TransactionMachine) -> None:
        super().__init__()
        self.machine = machine

    @property
    def first_goes_alone(self) -> bool:
        """As ``Idempotence.first_goes_alone``: by the second protocol a broker refuses what overtakes it."""
        return not self.machine.uses_second_protocol

    def begin(self, producer_id: int, epoch: int) -> None:
        """As ``Idempotence.begin``: what was before is over."""
        self._unresolved.clear()
        super().begin(producer_id, epoch)

    def failed(self, queue: PartitionQueue, batch: PendingBatch, error: KafkaError, *, surely: bool) -> None:
        """As ``Idempotence.failed``: the transaction can't be committed any more."""
        if batch.has_sequence:
            self.forget(queue, batch)
        elif isinstance(error, TransactionAborted):
            return  # it wasn't numbered, so no other comes after it
        self.machine.batch_failed(error)

    def may_retry(self, queue: PartitionQueue, batch: PendingBatch, error: KafkaError, log_start_offset: int) -> bool:
        """As ``Idempotence.may_retry``."""
        if self.machine.is_doomed:
            return isinstance(error, NetworkException)
        if isinstance(error, UnknownProducerId):
            return False
        if isinstance(error, OutOfOrderSequenceNumber):
            return queue not in self._unresolved and not sequences_of(queue).is_next(batch.base_sequence)
        return error.retriable

    def _want_bump(self, queue: PartitionQueue) -> None:
        """Records that may be in the log or not: their failure has doomed the transaction, whose abort bumps."""
        assert self.machine.must_bump or not self.machine.partitions, f"{queue} lost records, and nobody knew"
