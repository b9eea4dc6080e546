"""Programs that write in transactions, with a transactional producer of the project's own.

A ``Transactor`` writes to some partitions of both topics, and commits or aborts. Now and then it takes longer than its
transactions may, so that brokers abort one. What a producer raises is dealt with as its documentation says; an error
that it gives no reason for is a finding.

InvalidTxnState ends a producer, as it does Java's. It is accepted for three reasons only: the transaction took longer
than it may; another producer has asked for the id; a coordinator that doesn't know yet that another one has taken over
has had a turn since the transaction began. The third is Kafka's behaviour, too: its coordinator decides on EndTxn by
the state that it has in memory, and finds out only by an append that it isn't the coordinator any more. Where epochs
are used up, the id has got another producer id meanwhile, and InvalidProducerIdMapping comes for the same reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.clients.errors import ClientClosed, CommitFailed, KafkaTimeout
from actors.coordinator.routing import partition_for
from actors.simulation.program import Program
from actors.simulation.transaction_history import SimulatedTransaction, TransactionOutcome
from kstore.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    ProducerFenced,
    TransactionAbortable,
)

if TYPE_CHECKING:
    from actors.clients.producer.producer import Producer
    from actors.cluster import Cluster
    from actors.simulation.client import Workload

ABORTABLE = (TransactionAbortable, InvalidProducerEpoch, CommitFailed, KafkaTimeout)
"""What leaves a transaction to be aborted; a call that takes too long does when it isn't made again."""

TIMEOUT_MS = 3_000
BLOCK_MS = 4_000
HANG_MS = 2_000
COORDINATORS = 2
RECORDS_MAX = 6


class TransactionalProgram(Program):
    """A program with a transactional id, which others may have before and after it. One that ``is_replaced`` and wasn't
    killed is a zombie: it goes on until it is fenced.
    """

    def __init__(self, cluster: Cluster, workload: Workload, label: str, transactional_id: str) -> None:
        super().__init__(cluster, workload, label)
        self.transactional_id = transactional_id
        self.is_replaced = False
        self.is_in_transaction = False
        self.claim = 0

    def live(self) -> None:
        """One producer after the other, as each may be lost."""
        while self.is_wanted() and not self.is_replaced:
            try:
                self.use_producer()
            except ProducerFenced:
                self.pause(1_000)
                self.lost_producer()
            except ClientClosed:
                raise
            except KafkaError as error:
                self.history.plain.find("refused", f"{self.label} was told {error.name}: {error.message}")
                return

    def is_wanted(self) -> bool:
        """Whether the workload wants more transactions of it."""
        raise AssertionError(f"{type(self).__name__} doesn't say how long it goes on")

    def lost_producer(self) -> None:
        """Do what follows from that, but for making another producer."""

    def use_producer(self) -> None:
        """Make a producer, and transactions with it."""
        producer = self.producer(
            transactional_id=self.transactional_id,
            transaction_timeout_ms=TIMEOUT_MS,
            max_block_ms=BLOCK_MS,
            batch_size=self.random.choice((1_000, 16_384)),
        )
        try:
            self.history.claims[self.transactional_id] += 1
            self.claim = self.history.claims[self.transactional_id]
            self.patiently(producer.init_transactions)
            self.history.granted[self.transactional_id] += 1
            identity = producer._sender.machine.identity  # type: ignore[attr-defined]
            self.history.initialized(identity.producer_id, identity.epoch)
            while self.is_wanted():
                self.work(producer)
        finally:
            self.let_go(producer)

    def work(self, producer: Producer) -> None:
        """One transaction, or none if there is nothing to do."""
        raise AssertionError(f"{type(self).__name__} doesn't say what it writes")

    def transact(self, producer: Producer, write: Callable[[SimulatedTransaction], None]) -> TransactionOutcome:
        """Have ``write`` write in a transaction, and commit that, or abort it by chance or because it has to be."""
        began_us = self.cluster.world.clock.now_us()
        transaction = self.history.begun(self.label, began_us)
        producer.begin_transaction()
        self.is_in_transaction = True
        try:
            return self.write_and_end(producer, write, transaction)
        except (InvalidTxnState, InvalidProducerIdMapping) as error:
            if not self.is_explained(error, began_us):
                raise
            raise ProducerFenced("brokers know of no such transaction") from error
        finally:
            self.is_in_transaction = False

    def write_and_end(
        self,
        producer: Producer,
        write: Callable[[SimulatedTransaction], None],
        transaction: SimulatedTransaction,
    ) -> TransactionOutcome:
        """The transaction that has begun, to its end."""
        try:
            write(transaction)
            if self.workload.closing or self.random.random() < 0.8:
                self.hesitate()
                transaction.outcome = TransactionOutcome.ASKED
                self.patiently(producer.commit_transaction)
                transaction.outcome = TransactionOutcome.COMMITTED
                return TransactionOutcome.COMMITTED
        except ABORTABLE:
            pass
        self.patiently(producer.abort_transaction)
        transaction.outcome = TransactionOutcome.ABORTED
        return TransactionOutcome.ABORTED

    def is_explained(self, error: KafkaError, began_us: int) -> bool:
        """Whether there is a reason for a coordinator not to know the transaction, which began at that time, and for
        its id to have another producer id if the error says so.
        """
        if isinstance(error, InvalidProducerIdMapping) and not self.history.is_worn:
            return False
        name, history = self.transactional_id, self.history
        took_us = self.cluster.world.clock.now_us() - began_us
        is_claimed = history.claims[name] > min(self.claim, history.granted[name])
        coordinator = f"transactions/{partition_for(name, COORDINATORS)}"
        return took_us >= 1_000 * TIMEOUT_MS or is_claimed or history.outdated_us.get(coordinator, -1) >= began_us

    def hesitate(self) -> None:
        """Hang before the commit now and then, and always once another has the id: what is sent then is late."""
        if self.is_replaced or (not self.workload.closing and self.random.random() < 0.2):
            self.pause(HANG_MS)


class Transactor(TransactionalProgram):
    """Writes to the partitions of both topics until the workload closes."""

    number = 0

    def is_wanted(self) -> bool:
        return not self.workload.closing

    def work(self, producer: Producer) -> None:
        self.pause(self.random.choice((50, 1_000)))
        self.transact(producer, lambda transaction: self.write(producer, transaction))

    def write(self, producer: Producer, transaction: SimulatedTransaction) -> None:
        """Write some records, with pauses between them."""
        workload = self.workload
        for _ in range(self.random.randint(1, RECORDS_MAX)):
            topic = workload.topic if self.random.random() < 0.7 else workload.outputs
            partition = self.random.choice(workload.partitions)
            value = f"{self.label}/{partition}/{self.number}".encode()
            self.number += 1
            self.history.wrote(transaction, value, (topic, partition))
            if topic == workload.topic:
                workload.history.sent(self.label, partition, [value], certain=False)
            producer.send(topic, value, key=self.random.choice(workload.keys), partition=partition)
            if self.random.random() < 0.3:
                self.pause(2 * TIMEOUT_MS if self.random.random() < 0.1 else 60)
