"""AddPartitionsToTxn: partitions join the transaction of a producer, or it is asked whether they have.

Clients of the first protocol ask (versions 0 to 3, and by AddOffsetsToTxn for a group's offsets); for those of the
second the leaders of partitions do, before they append a transaction's first records there. Leaders also ask, to
verify, about partitions that a client of the first protocol says it has added.
"""

from collections.abc import Mapping
from itertools import groupby

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.transactions.appends import Addition, TransactionAppends
from actors.transactions.notes import note_refused
from actors.transactions.states import COMPLETED, ONGOING
from actors.transactions.transaction import Transaction
from actors.transactions.transactions import Transactions
from actors.transactions.transitions import SECOND_PROTOCOL, added
from kstore.errors import (
    NONE,
    ConcurrentTransactions,
    InvalidProducerIdMapping,
    KafkaError,
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


class Adding:
    """Takes AddPartitionsToTxn for the ids of a shard.

    The leaders of a transaction's partitions ask at the same time. The second waits until what the first has added is
    in the log. Kafka tells it to come again, which costs the producer 20 ms for each leader. A client of the first
    protocol is told so here, too.
    """

    def __init__(self, transactions: Transactions, appends: TransactionAppends) -> None:
        self._transactions = transactions
        self._appends = appends
        self._waiting: dict[str, list[tuple[AddPartitionsToTxnRequest, Caller]]] = {}

    def add(self, request: AddPartitionsToTxnRequest, caller: Caller, event: Event) -> None:
        """Of the request's one transaction, which is named as from version 4 on."""
        (asked,) = request.transactions
        partitions = frozenset((topic.name, number) for topic in asked.topics for number in topic.partitions)
        transaction = self._transactions.get(asked.transactional_id)
        try:
            if transaction is None:
                raise InvalidProducerIdMapping()
            if asked.verify_only:
                self._verify(transaction, asked, partitions, caller, event)
            elif caller.version >= SECOND_PROTOCOL_FROM and self._is_adding(asked.transactional_id):
                self._waiting.setdefault(asked.transactional_id, []).append((request, caller))
            else:
                self._add(transaction, asked, partitions, caller, event)
        except KafkaError as error:
            note_refused(event, asked, asked.transactional_id, caller, error)
            event.refuse(caller.reply, error)

    def _is_adding(self, transactional_id: str) -> bool:
        """Whether partitions are being added, and nobody has been told yet that it takes too long."""
        append = self._appends.of(transactional_id)
        return append is not None and isinstance(append.purpose, Addition) and not append.is_answered

    def go_on(self, transactional_id: str, event: Event) -> None:
        """An append that added partitions has ended: take those who waited for that."""
        for request, caller in self._waiting.pop(transactional_id, ()):
            self.add(request, caller, event)

    def refuse_waiting(self, transactional_id: str, error: KafkaError, event: Event) -> None:
        """Tell those who wait for an append that it takes too long, or isn't this coordinator's any more."""
        for _, caller in self._waiting.pop(transactional_id, ()):
            event.refuse(caller.reply, error)

    def check(self) -> None:
        """Assert that those who wait do so for an append."""
        for each in self._waiting:
            assert self._is_adding(each), f"partitions of {each} wait for nothing"

    def _add(
        self,
        transaction: Transaction,
        asked: AddPartitionsToTxnTransaction,
        partitions: frozenset[TopicAndPartition],
        caller: Caller,
        event: Event,
    ) -> None:
        transaction.check_free()  # first: the producer may use an id that is pending already
        _check(transaction, asked)
        now = transaction.metadata
        if now.state is ONGOING and partitions <= now.partitions:
            event.respond(caller.reply, added_response(asked.transactional_id, dict.fromkeys(partitions, NONE)))
            return
        version = SECOND_PROTOCOL if caller.version >= SECOND_PROTOCOL_FROM else 0
        purpose = Addition(caller, partitions, now.state is not ONGOING)
        self._appends.begin(transaction, added(now, partitions, version, event.now_ms), purpose, event)

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
