"""Verification of transactions: a broker asks the coordinator before it appends a producer's first batch (KIP-890).

Clients of the first transaction protocol have added each partition themselves: the coordinator is asked whether it
knows them (AddPartitionsToTxn, ``verifyOnly``). In the second protocol, this request adds them. The coordinator's error
is translated into one that the version of the client's request can carry, as in Apache Kafka's
``AddPartitionsToTxnManager`` and ``ReplicaManager``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.call import Remote
from actors.coordinator.routing import partition_for
from actors.image.topic_names import TRANSACTIONS_TOPIC
from actors.network.link import Disconnected
from actors.runtime.coroutine import Pause
from kstore.errors import (
    ClusterAuthorizationFailed,
    ConcurrentTransactions,
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    InvalidProducerEpoch,
    InvalidTxnState,
    KafkaError,
    NetworkException,
    NotCoordinator,
    NotEnoughReplicas,
    ProducerFenced,
    TransactionAbortable,
    for_code,
)
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple
from kstore.schema.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.broker.call import Call
    from actors.runtime.coroutine import Eventually

VERSION = 5
RETRY_MS = "add.partitions.to.txn.retry.backoff.ms"
RETRIED_FOR_MS = "add.partitions.to.txn.retry.backoff.max.ms"

UNVERIFIED = (NetworkException.code, CoordinatorLoadInProgress.code, CoordinatorNotAvailable.code, NotCoordinator.code)
"""Transient errors that a client's Produce doesn't expect; it gets NOT_ENOUGH_REPLICAS instead, and retries."""


class TransactionalProducer(NamedTuple):
    """The producer that writes. ``adds``: its Produce adds partitions; ``knows_abortable``: it may get
    TRANSACTION_ABORTABLE.
    """

    transactional_id: str
    producer_id: int
    epoch: int
    adds: bool
    knows_abortable: bool


def verified(
    call: Call, producer: TransactionalProducer, partitions: Iterable[TopicAndPartition]
) -> Eventually[dict[TopicAndPartition, KafkaError]]:
    """The errors of the partitions that a transaction may not write to; part of a coroutine."""
    partitions = list(partitions)
    config, clock = call.view.config, call.node.world.clock
    until_us = clock.now_us() + 1_000 * config.integer(RETRIED_FOR_MS)
    while True:
        codes = yield from coordinator_codes(call, producer, partitions)
        waits = producer.adds and ConcurrentTransactions.code in codes.values()
        if not waits or clock.now_us() >= until_us:
            return {partition: _as_refusal(code, producer) for partition, code in codes.items() if code}
        yield Pause(config.integer(RETRY_MS))


def coordinator_codes(
    call: Call, producer: TransactionalProducer, partitions: list[TopicAndPartition]
) -> Eventually[dict[TopicAndPartition, int]]:
    """Part of a coroutine: the coordinator's error code for each of the partitions, asked once."""
    node_id = _coordinator_of(call, producer.transactional_id)
    if node_id < 0:
        return dict.fromkeys(partitions, CoordinatorNotAvailable.code)
    outcome = yield Remote(node_id, _request(producer, partitions), VERSION)
    if not isinstance(outcome, AddPartitionsToTxnResponse):
        code = NetworkException.code if isinstance(outcome, Disconnected) else NotCoordinator.code
        return dict.fromkeys(partitions, code)
    if outcome.error_code:
        unauthorized = outcome.error_code == ClusterAuthorizationFailed.code
        return dict.fromkeys(partitions, InvalidTxnState.code if unauthorized else outcome.error_code)
    return {
        (topic.name, each.partition_index): each.partition_error_code
        for result in outcome.results_by_transaction
        for topic in result.topic_results
        for each in topic.results_by_partition
    }


def _coordinator_of(call: Call, transactional_id: str) -> int:
    """The node that leads the transactional id's partition; -1 if there is none."""
    topic = call.view.image.topic(TRANSACTIONS_TOPIC)
    if topic is None:
        return -1
    found = topic.partitions.get(partition_for(transactional_id, len(topic.partitions)))
    return -1 if found is None else found.leader


def _request(producer: TransactionalProducer, partitions: list[TopicAndPartition]) -> AddPartitionsToTxnRequest:
    topics: dict[str, AddPartitionsToTxnTopic] = {}
    for name, partition in partitions:
        topic = topics.get(name)
        if topic is None:
            topic = topics[name] = AddPartitionsToTxnTopic(name=name)
        topic.partitions.append(partition)
    transaction = AddPartitionsToTxnTransaction(
        transactional_id=producer.transactional_id,
        producer_id=producer.producer_id,
        producer_epoch=producer.epoch,
        verify_only=not producer.adds,
        topics=list(topics.values()),
    )
    return AddPartitionsToTxnRequest(transactions=[transaction])


def _as_refusal(code: int, producer: TransactionalProducer) -> KafkaError:
    """The producer's error for an error of the coordinator."""
    if code == ProducerFenced.code:
        return InvalidProducerEpoch()
    if code == InvalidTxnState.code or (code == TransactionAbortable.code and not producer.knows_abortable):
        return InvalidTxnState("Partition was not added to the transaction")
    if code in UNVERIFIED or (code == ConcurrentTransactions.code and not producer.adds):
        name = for_code(code).name
        return NotEnoughReplicas(
            f"Unable to verify the partition has been added to the transaction. Underlying error: {name}"
        )
    return for_code(code)
