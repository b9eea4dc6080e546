"""Admin calls for transactions: list and describe them, fence producers, abort one in a partition (KIP-664).

A transactional id has a coordinator, which ends its transactions. A partition knows producers by their ids alone. A
transaction *hangs* when it is open in a partition and its coordinator doesn't know that: nobody will end it, and
readers of committed records wait. ``find_hanging`` looks for such as Kafka's ``TransactionsCommand`` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from actors.clients import arguments
from actors.clients.actor import TRANSACTION, ClientActor
from actors.clients.admin.asking import at_brokers, at_coordinators, at_leaders, by_topic, in_rounds, outcome_of
from actors.clients.admin.descriptions import (
    TRANSACTION_STATES,
    AbortTransactionSpec,
    FencedProducer,
    HangingTransaction,
    ProducerState,
    TopicDescription,
    TransactionDescription,
    TransactionListing,
)
from actors.clients.admin.topics import describe as describe_topics
from actors.clients.coroutine import SendTo
from actors.clients.structs import TopicPartition
from actors.runtime.coroutine import Eventually
from kstore import errors
from kstore.errors import KafkaError, for_code
from kstore.errors.arguments import LONG_MAX, SHORT_MAX, chosen, listed, shown, text, whole
from kstore.schema.messages.describe_producers import (
    DescribeProducersRequest,
    DescribeProducersResponse,
    PartitionResponse,
    TopicRequest,
)
from kstore.schema.messages.describe_transactions import DescribeTransactionsRequest, TransactionState
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.messages.list_transactions import ListTransactionsRequest, ListTransactionsResponse
from kstore.schema.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)

PARTITIONS_AT_ONCE = 500
"""How many partitions a request asks about while transactions are looked for, so that none takes long."""

Producers = tuple[ProducerState, ...]


def filters(
    producer_ids: Iterable[int] | None, states: Iterable[str] | None, duration_ms: int | None, pattern: str | None
) -> ListTransactionsRequest:
    """What is to be listed. Raises ``TypeError`` or ``ValueError`` for what can't be asked for."""
    return ListTransactionsRequest(
        producer_id_filters=[
            whole("each of producer_id_filters", each, 0, LONG_MAX)
            for each in listed("producer_id_filters", producer_ids or (), "ids")
        ],
        state_filters=[
            chosen("each of state_filters", each, TRANSACTION_STATES)
            for each in listed("state_filters", states or (), "states")
        ],
        duration_filter=-1 if duration_ms is None else whole("duration_filter_ms", duration_ms, 0, LONG_MAX),
        transactional_id_pattern=text("transactional_id_pattern", pattern, or_none=True) or None,
    )


def list_transactions(
    actor: ClientActor, broker_ids: Sequence[int] | None, request: ListTransactionsRequest
) -> Eventually[list[TransactionListing]]:
    """The transactional ids that brokers coordinate, by their names."""

    def judge(answer: ListTransactionsResponse) -> ListTransactionsResponse | KafkaError:
        if answer.error_code == errors.InvalidRegularExpression.code:
            pattern = shown(request.transactional_id_pattern)
            raise errors.InvalidRegularExpression(  # to any broker, so that one error says it
                f"transactional_id_pattern is a regular expression in RE2's syntax; got {pattern}"
            )
        return outcome_of(answer.error_code, answer)

    told = yield from at_brokers(actor, broker_ids, request, judge)
    by_id = {
        each.transactional_id: TransactionListing(
            each.transactional_id, each.producer_id, each.transaction_state, node_id
        )
        for node_id, answer in told.items()
        for each in answer.transaction_states
    }
    return [by_id[name] for name in sorted(by_id)]


def describe(actor: ClientActor, transactional_ids: Sequence[str]) -> Eventually[dict[str, TransactionDescription]]:
    """Transactional ids with what they have open."""

    def one_round(left: list[str]) -> Eventually[Mapping[str, TransactionDescription | KafkaError]]:
        return (yield from _described_once(actor, left))

    return (yield from in_rounds(actor, transactional_ids, one_round))


def _known(
    actor: ClientActor, transactional_ids: Sequence[str]
) -> Eventually[dict[str, TransactionDescription | None]]:
    """As ``describe``, with None for an id that isn't there (any more)."""

    def one_round(left: list[str]) -> Eventually[Mapping[str, TransactionDescription | KafkaError | None]]:
        found = yield from _described_once(actor, left)
        return {
            name: None if isinstance(each, errors.TransactionalIdNotFound) else each for name, each in found.items()
        }

    return (yield from in_rounds(actor, transactional_ids, one_round))


def _described_once(actor: ClientActor, names: list[str]) -> Eventually[dict[str, TransactionDescription | KafkaError]]:
    def ask(node_id: int, asked: list[str]) -> Eventually[Mapping[str, TransactionDescription | KafkaError]]:
        answer = yield SendTo(node_id, DescribeTransactionsRequest(transactional_ids=asked))
        if isinstance(answer, KafkaError):
            return dict.fromkeys(asked, answer)
        return {each.transactional_id: _described(each, node_id) for each in answer.transaction_states}

    return (yield from at_coordinators(actor, names, ask, TRANSACTION))


def _described(told: TransactionState, node_id: int) -> TransactionDescription | KafkaError:
    if told.error_code == errors.TransactionalIdNotFound.code:
        return errors.TransactionalIdNotFound(f"there is no transactional id {told.transactional_id}")
    if told.error_code:
        return for_code(told.error_code)
    return TransactionDescription(
        node_id,
        told.transaction_state,
        told.producer_id,
        told.producer_epoch,
        told.transaction_timeout_ms,
        told.transaction_start_time_ms if told.transaction_start_time_ms >= 0 else None,
        tuple(sorted(TopicPartition(topic.topic, each) for topic in told.topics for each in topic.partitions)),
    )


def fence(
    actor: ClientActor, transactional_ids: Sequence[str], timeout_ms: int
) -> Eventually[dict[str, FencedProducer]]:
    """Give each id a new epoch; what it had open is aborted first."""

    def ask(node_id: int, asked: list[str]) -> Eventually[Mapping[str, FencedProducer | KafkaError]]:
        requests = [InitProducerIdRequest(transactional_id=each, transaction_timeout_ms=timeout_ms) for each in asked]
        answers = yield [SendTo(node_id, each) for each in requests]
        return {
            name: answer
            if isinstance(answer, KafkaError)
            else outcome_of(answer.error_code, FencedProducer(answer.producer_id, answer.producer_epoch))
            for name, answer in zip(asked, answers, strict=True)
        }

    def one_round(left: list[str]) -> Eventually[Mapping[str, FencedProducer | KafkaError]]:
        return (yield from at_coordinators(actor, left, ask, TRANSACTION))

    return (yield from in_rounds(actor, transactional_ids, one_round))


def describe_producers(
    actor: ClientActor, partitions: Sequence[TopicPartition], broker_id: int | None
) -> Eventually[dict[TopicPartition, Producers]]:
    """The producers that partitions know, by their leaders or by one broker."""

    def request(asked: list[TopicPartition]) -> DescribeProducersRequest:
        topics = by_topic(asked).items()
        return DescribeProducersRequest(
            topics=[
                TopicRequest(name=name, partition_indexes=[each.partition for each in named]) for name, named in topics
            ]
        )

    def outcomes(answer: DescribeProducersResponse) -> Iterable[tuple[TopicPartition, Producers | KafkaError]]:
        for topic in answer.topics:
            for each in topic.partitions:
                yield TopicPartition(topic.name, each.partition_index), _producers(topic.name, each, broker_id)

    def one_round(left: list[TopicPartition]) -> Eventually[Mapping[TopicPartition, Producers | KafkaError]]:
        if broker_id is None:
            return (yield from at_leaders(actor, left, request, outcomes))
        answer = yield SendTo(broker_id, request(left))
        return dict.fromkeys(left, answer) if isinstance(answer, KafkaError) else dict(outcomes(answer))

    if broker_id is None:
        return (yield from in_rounds(actor, partitions, one_round))
    brokers = (yield from actor.metadata.refresh()).brokers
    if broker_id not in brokers:
        raise errors.BrokerNotAvailable(f"there is no broker {broker_id}; there are {', '.join(map(str, brokers))}")
    return (yield from in_rounds(actor, partitions, one_round, final=(errors.NotLeaderOrFollower,)))


def _producers(topic: str, told: PartitionResponse, broker_id: int | None) -> Producers | KafkaError:
    if told.error_code == errors.NotLeaderOrFollower.code and broker_id is not None:
        return errors.NotLeaderOrFollower(f"broker {broker_id} has no replica of {topic}-{told.partition_index}")
    found = [
        ProducerState(
            each.producer_id,
            each.producer_epoch,
            each.last_sequence,
            each.last_timestamp,
            each.coordinator_epoch,
            each.current_txn_start_offset,
        )
        for each in told.active_producers
    ]
    return outcome_of(told.error_code, tuple(sorted(found)), told.error_message)


def spec_of(given: AbortTransactionSpec) -> AbortTransactionSpec:
    """The transaction that is meant. Raises ``TypeError`` or ``ValueError`` for what is none."""
    if not isinstance(given, AbortTransactionSpec):
        raise TypeError(f"spec is an AbortTransactionSpec; got {shown(given)}")
    return AbortTransactionSpec(
        arguments.partition("the partition of spec", given.topic_partition),
        whole("the producer id of spec", given.producer_id, 0, LONG_MAX),
        whole("the producer epoch of spec", given.producer_epoch, 0, SHORT_MAX),
        whole("the coordinator epoch of spec", given.coordinator_epoch, 0),
    )


def abort(actor: ClientActor, spec: AbortTransactionSpec) -> Eventually[None]:
    """Write the marker of an abort to a partition."""
    topic, number = spec.topic_partition
    marker = WritableTxnMarker(
        producer_id=spec.producer_id,
        producer_epoch=spec.producer_epoch,
        coordinator_epoch=spec.coordinator_epoch,
        topics=[WritableTxnMarkerTopic(name=topic, partition_indexes=[number])],
    )

    def outcomes(answer: WriteTxnMarkersResponse) -> Iterable[tuple[TopicPartition, KafkaError | None]]:
        for told in answer.markers:
            for each_topic in told.topics:
                for each in each_topic.partitions:
                    partition = TopicPartition(each_topic.name, each.partition_index)
                    yield partition, _refused(spec, each.error_code) if each.error_code else None

    def one_round(left: list[TopicPartition]) -> Eventually[Mapping[TopicPartition, KafkaError | None]]:
        request = WriteTxnMarkersRequest(markers=[marker])
        return (yield from at_leaders(actor, left, lambda _: request, outcomes))

    yield from in_rounds(actor, [spec.topic_partition], one_round)


def _refused(spec: AbortTransactionSpec, code: int) -> KafkaError:
    """Why a marker wasn't written."""
    if code == errors.InvalidProducerEpoch.code:
        return errors.InvalidProducerEpoch(
            f"producer {spec.producer_id} has a newer epoch in {spec.topic_partition} than {spec.producer_epoch}: "
            "describe_producers() tells which"
        )
    if code == errors.TransactionCoordinatorFenced.code:
        return errors.TransactionCoordinatorFenced(
            f"a coordinator of an epoch after {spec.coordinator_epoch} has written to {spec.topic_partition}: "
            "describe_producers() tells which"
        )
    return for_code(code)


def find_hanging(
    actor: ClientActor,
    wanted: Mapping[str, Sequence[int] | None] | None,
    broker_id: int | None,
    max_transaction_timeout_ms: int,
) -> Eventually[list[HangingTransaction]]:
    """Open transactions whose producers have written nothing for so long, and whose coordinators don't know them."""
    partitions = yield from _partitions(actor, wanted, broker_id)
    silent: list[HangingTransaction] = []
    for start in range(0, len(partitions), PARTITIONS_AT_ONCE):
        told = yield from describe_producers(actor, partitions[start : start + PARTITIONS_AT_ONCE], broker_id)
        before_ms = actor.now_ms() - max_transaction_timeout_ms
        silent += [
            HangingTransaction(partition, each)
            for partition, producers in told.items()
            for each in producers
            if each.is_in_transaction and each.last_timestamp < before_ms
        ]
    if not silent:
        return []
    producer_ids = sorted({each.producer.producer_id for each in silent})
    names = yield from list_transactions(actor, None, ListTransactionsRequest(producer_id_filters=producer_ids))
    known = yield from _known(actor, [each.transactional_id for each in names])
    to_be_ended = {
        (found.producer_id, partition)
        for found in known.values()
        if found is not None
        for partition in found.topic_partitions
    }
    return [each for each in silent if (each.producer.producer_id, each.topic_partition) not in to_be_ended]


def _partitions(
    actor: ClientActor, wanted: Mapping[str, Sequence[int] | None] | None, broker_id: int | None
) -> Eventually[list[TopicPartition]]:
    """The partitions that are named, those of topics that are, or all there are; of topics, those that a broker has."""
    named = {} if wanted is None else wanted
    whole_topics = [topic for topic, numbers in named.items() if numbers is None]
    topics: list[TopicDescription] = []
    if whole_topics or wanted is None:
        topics = yield from describe_topics(actor, None if wanted is None else whole_topics)
    return [TopicPartition(topic, each) for topic, numbers in named.items() for each in numbers or ()] + [
        TopicPartition(topic.name, each.partition)
        for topic in topics
        for each in topic.partitions
        if broker_id is None or broker_id in each.replicas
    ]
