"""AddPartitionsToTxn: partitions join the transaction of a producer, or a leader asks whether they have.

Clients of the first protocol add them (versions 0 to 3, and by AddOffsetsToTxn for a group's offsets). For clients of
the second, leaders of partitions do, before they append a transaction's first records there. Leaders also verify
partitions that a client of the first protocol says it has added.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.transactions.appends import Addition, TransactionAppends
from actors.transactions.notes import note_refused
from actors.transactions.states import COMPLETE_ABORT, COMPLETE_COMMIT, COMPLETED, ONGOING
from actors.transactions.timers import WAITING, TransactionTimer
from actors.transactions.transaction import Transaction
from actors.transactions.transactions import Transactions
from actors.transactions.transitions import SECOND_PROTOCOL, added
from kstore.errors import (
    NONE,
    ConcurrentTransactions,
    InvalidProducerIdMapping,
    KafkaError,
    NotCoordinator,
    ProducerFenced,
    TransactionAbortable,
)
from kstore.log.names import TopicAndPartition
from kstore.schema.messages.add_partitions_to_txn import (
    AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult,
    AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
)

SECOND_PROTOCOL_FROM = 4
WAITED_FOR = (ONGOING, COMPLETE_COMMIT, COMPLETE_ABORT)
"""Where what is pending leads to: partitions are being added, or the transaction is being completed."""

AddRequest: TypeAlias = tuple[AddPartitionsToTxnRequest, Caller]


class Adding:
    """Takes AddPartitionsToTxn for the ids of a shard.

    The leaders of a transaction's partitions ask at the same time, and as soon as the transaction before is decided. A
    leader waits here until what another one has added is in the log, or the transaction before is complete, at most
    ``add.partitions.to.txn.retry.backoff.max.ms``. Kafka tells it at once to come again, and it asks every
    ``add.partitions.to.txn.retry.backoff.ms`` (20 ms) for just as long. A client of the first protocol is told so here,
    too.
    """

    def __init__(self, transactions: Transactions, appends: TransactionAppends, wait_ms: int) -> None:
        self._transactions = transactions
        self._appends = appends
        self._wait_ms = wait_ms
        self._waiting: dict[str, list[AddRequest]] = {}

    def add(self, request: AddPartitionsToTxnRequest, caller: Caller, event: Event) -> None:
        """Of the request's one transaction, which is named as from version 4 on."""
        self._take(request.transactions[0].transactional_id, [(request, caller)], event)

    def _take(self, transactional_id: str, requests: Sequence[AddRequest], event: Event) -> None:
        """Take requests for one transaction; what all of them add is one append."""
        transaction = self._transactions.get(transactional_id)
        new: list[tuple[Caller, frozenset[TopicAndPartition]]] = []
        for request, caller in requests:
            (asked,) = request.transactions
            partitions = frozenset((topic.name, number) for topic in asked.topics for number in topic.partitions)
            try:
                if transaction is None:
                    raise InvalidProducerIdMapping()
                if asked.verify_only:
                    self._verify(transaction, asked, partitions, caller, event)
                elif transaction.pending in WAITED_FOR and caller.version >= SECOND_PROTOCOL_FROM:
                    self._wait(request, caller, event)
                elif _is_new(transaction, asked, partitions):
                    new.append((caller, partitions))
                else:
                    event.respond(caller.reply, added_response(transactional_id, dict.fromkeys(partitions, NONE)))
            except KafkaError as error:
                note_refused(event, asked, transactional_id, caller, error)
                event.refuse(caller.reply, error)
        if transaction is not None and new:
            self._append(transaction, tuple(new), event)

    def _append(
        self, transaction: Transaction, new: tuple[tuple[Caller, frozenset[TopicAndPartition]], ...], event: Event
    ) -> None:
        now = transaction.metadata
        version = SECOND_PROTOCOL if new[0][0].version >= SECOND_PROTOCOL_FROM else 0
        partitions = frozenset[TopicAndPartition]().union(*[each for _, each in new])
        purpose = Addition(new, now.state is not ONGOING)
        self._appends.begin(transaction, added(now, partitions, version, event.now_ms), purpose, event)

    def _wait(self, request: AddPartitionsToTxnRequest, caller: Caller, event: Event) -> None:
        name = request.transactions[0].transactional_id
        if name not in self._waiting:
            event.set_timer(TransactionTimer(WAITING, name), self._wait_ms)
        self._waiting.setdefault(name, []).append((request, caller))

    def go_on(self, transactional_id: str, event: Event) -> None:
        """What was waited for has ended: take those who waited."""
        waiting = self._waiting.pop(transactional_id, ())
        if waiting:
            event.cancel_timer(TransactionTimer(WAITING, transactional_id))
            self._take(transactional_id, waiting, event)

    def timer_fired(self, transactional_id: str, event: Event) -> None:
        """It takes too long: those who wait are told to come again."""
        for _, caller in self._waiting.pop(transactional_id):
            event.refuse(caller.reply, ConcurrentTransactions())

    def unloaded(self, event: Event) -> None:
        """Those who wait have to ask another coordinator."""
        for waiting in self._waiting.values():
            for _, caller in waiting:
                event.refuse(caller.reply, NotCoordinator())
        self._waiting.clear()

    def check(self) -> None:
        """Assert that those who wait do so for something."""
        for each in self._waiting:
            assert self._transactions[each].pending in WAITED_FOR, f"partitions of {each} wait for nothing"

    def _verify(
        self,
        transaction: Transaction,
        asked: AddPartitionsToTxnTransaction,
        partitions: frozenset[TopicAndPartition],
        caller: Caller,
        event: Event,
    ) -> None:
        """What is pending doesn't matter: the leader looks once more as it appends."""
        _check(transaction, asked)
        found = transaction.metadata.partitions
        codes = {partition: NONE if partition in found else TransactionAbortable.code for partition in partitions}
        event.respond(caller.reply, added_response(asked.transactional_id, codes))


def _is_new(
    transaction: Transaction, asked: AddPartitionsToTxnTransaction, partitions: frozenset[TopicAndPartition]
) -> bool:
    """Whether something has to be appended; raises a KafkaError if nothing may be added."""
    transaction.check_free()  # first: the producer may use an id that is pending already
    _check(transaction, asked)
    now = transaction.metadata
    return now.state is not ONGOING or not partitions <= now.partitions


def _check(transaction: Transaction, asked: AddPartitionsToTxnTransaction) -> None:
    """Raise a KafkaError unless the producer is the one that the id has, and its transaction isn't being ended."""
    now = transaction.metadata
    if now.producer_id != asked.producer_id:
        raise InvalidProducerIdMapping()
    if now.epoch != asked.producer_epoch:
        raise ProducerFenced()
    if now.state in COMPLETED:
        raise ConcurrentTransactions()


def added_response(transactional_id: str, codes: Mapping[TopicAndPartition, int]) -> AddPartitionsToTxnResponse:
    """The answer for one transaction, an error code for each partition."""
    topics = [
        AddPartitionsToTxnTopicResult(
            name=topic,
            results_by_partition=[
                AddPartitionsToTxnPartitionResult(partition_index=partition[1], partition_error_code=codes[partition])
                for partition in partitions
            ],
        )
        for topic, partitions in groupby(sorted(codes), key=lambda partition: partition[0])
    ]
    result = AddPartitionsToTxnResult(transactional_id=transactional_id, topic_results=topics)
    return AddPartitionsToTxnResponse(results_by_transaction=[result])
