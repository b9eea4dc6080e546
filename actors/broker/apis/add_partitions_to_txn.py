"""AddPartitionsToTxn, key 24, versions 0 to 5: partitions join a producer's transaction before it writes to them.

All of them join, or none: if one doesn't exist, or may not be written to (Kafka's own topics never), the others get
OPERATION_NOT_ATTEMPTED. Answered when the coordinator has written it to its log. Clients of the second transaction
protocol (KIP-890) don't send this: the partitions' leaders do it for them.

Versions: up to 3 a client asks for one transaction; before 2 a fenced producer gets INVALID_PRODUCER_EPOCH. From 4 on
brokers ask, for any number of transactions; with ``verify_only`` they ask whether partitions are in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from actors.broker.call import PAUSE, Call
from actors.broker.coordinator_requests import coordinator_here, refusal_code, settled, submitted
from actors.broker.slices import portions
from actors.image.topic_names import INTERNAL_TOPICS, TRANSACTIONS_TOPIC
from actors.node.authorizer import CLUSTER, CLUSTER_ACTION, WRITE
from actors.node.authorizer import topic as of_topic
from actors.node.authorizer import transactional_id as of_transaction
from actors.runtime import Ask, Coroutine
from actors.runtime.coroutine import Eventually
from kstore.errors import (
    NONE,
    ClusterAuthorizationFailed,
    InvalidRequest,
    KafkaError,
    OperationNotAttempted,
    TopicAuthorizationFailed,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartition,
)
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple
from kstore.schema.messages.add_partitions_to_txn import (
    AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult,
    AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
)

API_KEY = 24
VERSIONS = (0, 5)

SEVERAL_FROM = 4


def handle(call: Call) -> Coroutine:
    request: AddPartitionsToTxnRequest = call.request
    if call.version < SEVERAL_FROM:
        return _of_client(call, request)
    return _of_broker(call, request.transactions)


def _of_client(call: Call, request: AddPartitionsToTxnRequest) -> Coroutine:
    transaction = AddPartitionsToTxnTransaction(
        transactional_id=request.v3_and_below_transactional_id,
        producer_id=request.v3_and_below_producer_id,
        producer_epoch=request.v3_and_below_producer_epoch,
        topics=request.v3_and_below_topics,
    )
    (result,) = yield from _added(call, [transaction])
    return AddPartitionsToTxnResponse(results_by_topic_v3_and_below=result.topic_results)


def _of_broker(call: Call, transactions: list[AddPartitionsToTxnTransaction]) -> Coroutine:
    if not call.authorize(CLUSTER_ACTION, CLUSTER):
        return AddPartitionsToTxnResponse(error_code=ClusterAuthorizationFailed.code)
    results = yield from _added(call, transactions)
    return AddPartitionsToTxnResponse(results_by_transaction=results)


def _added(call: Call, transactions: list[AddPartitionsToTxnTransaction]) -> Coroutine:
    """The results of all transactions, in order, from the coordinators of those that the client may use."""
    results: dict[int, AddPartitionsToTxnResult] = {}
    asks: dict[int, Ask] = {}
    for at, transaction in enumerate(transactions):
        try:
            codes = yield from _checked(call, transaction)
            if any(codes.values()):
                code_of = _Attempted(codes).code_of
                results[at] = yield from _result(transaction, code_of)
                continue
            if not transaction.transactional_id:
                raise InvalidRequest()
            coordinator = coordinator_here(call.view, TRANSACTIONS_TOPIC, transaction.transactional_id)
        except KafkaError as error:
            results[at] = yield from _failed(call, transaction, error)
        else:
            asks[at] = Ask(coordinator, submitted(call, AddPartitionsToTxnRequest(transactions=[transaction])))
    outcomes = yield list(asks.values())
    for at, outcome in zip(asks, outcomes, strict=True):
        answer = settled(outcome)
        if isinstance(answer, KafkaError):
            results[at] = yield from _failed(call, transactions[at], answer)
        else:
            (results[at],) = answer.results_by_transaction
    return [results[at] for at in range(len(transactions))]


def _checked(call: Call, transaction: AddPartitionsToTxnTransaction) -> Eventually[dict[TopicAndPartition, int]]:
    """Check that each partition exists and may be written to; raises an error that applies to all of them."""
    is_client = call.version < SEVERAL_FROM
    if is_client and not call.authorize(WRITE, of_transaction(transaction.transactional_id)):
        raise TransactionalIdAuthorizationFailed()
    image = call.view.image
    codes: dict[TopicAndPartition, int] = {}
    for number, portion in enumerate(portions(transaction.topics, lambda topic: topic.partitions)):
        if number:
            yield PAUSE
        for topic, partitions in portion:
            found = image.topic(topic.name)
            if is_client and (topic.name in INTERNAL_TOPICS or not call.authorize(WRITE, of_topic(topic.name))):
                codes.update(((topic.name, each), TopicAuthorizationFailed.code) for each in partitions)
                continue
            known = {} if found is None else found.partitions
            codes.update(
                ((topic.name, each), NONE if each in known else UnknownTopicOrPartition.code) for each in partitions
            )
    return codes


class _Attempted(NamedTuple):
    """The error codes of a transaction: if one partition can't be added, the others aren't either."""

    codes: Mapping[TopicAndPartition, int]

    def code_of(self, partition: TopicAndPartition) -> int:
        return self.codes[partition] or OperationNotAttempted.code


class _Everywhere(NamedTuple):
    """The same code for all partitions."""

    code: int

    def code_of(self, partition: TopicAndPartition) -> int:
        return self.code


def _failed(call: Call, transaction: AddPartitionsToTxnTransaction, error: KafkaError) -> Coroutine:
    """The same error for each partition."""
    return (yield from _result(transaction, _Everywhere(refusal_code(call, error)).code_of))


def _result(transaction: AddPartitionsToTxnTransaction, code_of: Callable[[TopicAndPartition], int]) -> Coroutine:
    topics: dict[str, AddPartitionsToTxnTopicResult] = {}
    for number, portion in enumerate(portions(transaction.topics, lambda topic: topic.partitions)):
        if number:
            yield PAUSE
        for topic, partitions in portion:
            answer = topics.get(topic.name)
            if answer is None:
                answer = topics[topic.name] = AddPartitionsToTxnTopicResult(name=topic.name)
            answer.results_by_partition += [
                AddPartitionsToTxnPartitionResult(
                    partition_index=each, partition_error_code=code_of((topic.name, each))
                )
                for each in partitions
            ]
    return AddPartitionsToTxnResult(transactional_id=transaction.transactional_id, topic_results=list(topics.values()))
