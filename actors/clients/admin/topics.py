"""Admin calls for topics: create, list, describe and delete them, and add partitions.

Making and deleting end when every broker that answers knows of it, so that what comes next finds it so; Kafka's own
answer comes when the controller has decided, and the brokers learn of that a moment later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from actors.clients.actor import ClientActor
from actors.clients.admin.asking import at_controller, in_rounds, outcome_of, settled
from actors.clients.admin.descriptions import (
    CONFIG_SOURCES,
    ConfigEntry,
    CreatedTopic,
    PartitionDescription,
    TopicDescription,
)
from actors.clients.arguments import config_texts
from actors.clients.coroutine import SendTo
from actors.clients.structs import NewPartitions, NewTopic
from actors.runtime.coroutine import Eventually
from kstore import errors
from kstore.errors import KafkaError, for_code
from kstore.errors.arguments import SHORT_MAX, by_name, listed, shown, text, whole
from kstore.schema.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from kstore.schema.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreatableTopicResult,
    CreateTopicsRequest,
)
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseTopic,
)
from kstore.schema.uuids import to_string

NewTopics = Iterable[NewTopic | str] | Mapping[str, Mapping[str, object]]
Growth = int | NewPartitions | Mapping[str, object]
KNOWN_MS_MAX = 3_000
"""How long a broker may take to say what it knows; one that takes longer isn't waited for."""

GROWTHS = "topic_partitions"
OPTIONS = ("num_partitions", "replication_factor", "assignments", "configs")


def new_topics(wanted: NewTopics) -> dict[str, CreatableTopic]:
    """The topics to be made by their names, however they are given."""
    if isinstance(wanted, Mapping):
        topics = [_from_options(name, options) for name, options in wanted.items()]
    else:
        if isinstance(wanted, NewTopic):
            raise TypeError(f"new_topics is a list of topics: for one, give [{shown(wanted)}]")
        given = listed("new_topics", wanted, "topics")
        topics = [NewTopic(each) if isinstance(each, str) else each for each in given]
    return {made.name: made for made in map(_creatable, topics)}


def _from_options(name: str, options: Mapping[str, Any]) -> NewTopic:
    name = text("each name in new_topics", name)
    unknown = [option for option in by_name("each value of new_topics", options, "options") if option not in OPTIONS]
    if unknown:
        raise TypeError(f"a topic in new_topics has no option {shown(unknown[0])}; it takes {', '.join(OPTIONS)}")
    return NewTopic(
        name,
        whole("num_partitions in new_topics", options.get("num_partitions", -1)),
        whole("replication_factor in new_topics", options.get("replication_factor", -1), most=SHORT_MAX),
        options.get("assignments"),
        options.get("configs"),
    )


def _creatable(topic: NewTopic) -> CreatableTopic:
    if not isinstance(topic, NewTopic):
        raise TypeError(f"each of new_topics is a name or a NewTopic; got {shown(topic)}")
    by_hand = topic.replica_assignments is not None
    configs = config_texts("the configs in new_topics", topic.topic_configs)
    by_partition = by_name("the assignments in new_topics", topic.replica_assignments or {}, "brokers by partition")
    return CreatableTopic(
        name=text("each name in new_topics", topic.name),
        num_partitions=-1 if by_hand else whole("num_partitions in new_topics", topic.num_partitions),
        replication_factor=-1
        if by_hand
        else whole("replication_factor in new_topics", topic.replication_factor, most=SHORT_MAX),
        assignments=[
            CreatableReplicaAssignment(
                partition_index=whole("each partition in new_topics", number, 0),
                broker_ids=_broker_ids("new_topics", replicas),
            )
            for number, replicas in by_partition.items()
        ],
        configs=[CreatableTopicConfig(name=name, value=value) for name, value in configs.items()],
    )


def _broker_ids(name: str, replicas: Iterable[int]) -> list[int]:
    given = listed(f"each assignment in {name}", replicas, "brokers")
    return [whole(f"each broker in {name}", each) for each in given]


def create(
    actor: ClientActor, topics: Mapping[str, CreatableTopic], timeout_ms: int, validate_only: bool, wait: bool
) -> Eventually[dict[str, CreatedTopic]]:
    """Make topics."""

    def one_round(names: list[str]) -> Eventually[Mapping[str, CreatedTopic | KafkaError]]:
        wanted = [topics[name] for name in names]
        request = CreateTopicsRequest(topics=wanted, timeout_ms=timeout_ms, validate_only=validate_only)
        answer = yield from at_controller(actor, request)
        if isinstance(answer, KafkaError):
            return dict.fromkeys(names, answer)
        return {each.name: outcome_of(each.error_code, _created(each), each.error_message) for each in answer.topics}

    made = yield from in_rounds(actor, topics, one_round)
    if wait and not validate_only:
        yield from until_all(actor, list(made), is_led)
    return made


def _created(result: CreatableTopicResult) -> CreatedTopic:
    configs = {
        each.name: ConfigEntry(
            each.name, each.value, CONFIG_SOURCES[each.config_source], each.read_only, each.is_sensitive
        )
        for each in result.configs or ()
    }
    topic_id = to_string(result.topic_id)
    return CreatedTopic(result.name, topic_id, result.num_partitions, result.replication_factor, configs)


def delete(actor: ClientActor, names: Sequence[str], timeout_ms: int, wait: bool) -> Eventually[None]:
    """Delete topics with all that is in them."""

    def one_round(left: list[str]) -> Eventually[Mapping[str, bytes | KafkaError]]:
        states = [DeleteTopicState(name=name) for name in left]
        answer = yield from at_controller(actor, DeleteTopicsRequest(topics=states, timeout_ms=timeout_ms))
        if isinstance(answer, KafkaError):
            return dict.fromkeys(left, answer)
        return {
            str(each.name): outcome_of(each.error_code, each.topic_id, each.error_message) for each in answer.responses
        }

    def is_gone(topic: MetadataResponseTopic) -> bool:  # a client that reads it may have had it created again
        missing = topic.error_code == errors.UnknownTopicOrPartition.code
        return missing or topic.topic_id != gone[topic.name or ""]

    gone = yield from in_rounds(actor, names, one_round)
    if wait:
        yield from until_all(actor, list(gone), is_gone)


def growths(wanted: Mapping[str, Growth]) -> dict[str, CreatePartitionsTopic]:
    """To how many partitions topics are to grow by their names, however it is given."""
    given = by_name(GROWTHS, wanted, "counts by topic")
    grown = [_grown(text(f"each topic in {GROWTHS}", name), growth) for name, growth in given.items()]
    return {each.name: each for each in grown}


def _grown(name: str, growth: Growth) -> CreatePartitionsTopic:
    count: object = growth
    wanted: Any = None
    if isinstance(growth, Mapping):
        count, wanted = growth.get("count"), growth.get("assignments")
    elif isinstance(growth, NewPartitions):
        count, wanted = growth
    assignments = None
    if wanted is not None:
        given = listed(f"the assignments in {GROWTHS}", wanted, "assignments")
        assignments = [CreatePartitionsAssignment(broker_ids=_broker_ids(GROWTHS, each)) for each in given]
    return CreatePartitionsTopic(name=name, count=whole(f"each count in {GROWTHS}", count), assignments=assignments)


def grow(
    actor: ClientActor, wanted: Mapping[str, CreatePartitionsTopic], timeout_ms: int, validate_only: bool, wait: bool
) -> Eventually[None]:
    """Add partitions to topics."""

    def one_round(names: list[str]) -> Eventually[Mapping[str, str | KafkaError]]:
        topics = [wanted[name] for name in names]
        request = CreatePartitionsRequest(topics=topics, timeout_ms=timeout_ms, validate_only=validate_only)
        answer = yield from at_controller(actor, request)
        if isinstance(answer, KafkaError):
            return dict.fromkeys(names, answer)
        return {each.name: outcome_of(each.error_code, each.name, each.error_message) for each in answer.results}

    yield from in_rounds(actor, wanted, one_round)
    if wait and not validate_only:
        yield from until_all(actor, list(wanted), lambda topic: len(topic.partitions) >= wanted[topic.name or ""].count)


def describe(actor: ClientActor, names: Sequence[str] | None) -> Eventually[list[TopicDescription]]:
    """Topics with their partitions; None: all of them, by name."""
    answer = yield from _metadata(actor, names)
    found = {topic.name or "": topic for topic in answer.topics}
    wanted = sorted(found) if names is None else list(dict.fromkeys(names))
    known = {name: _described(topic) for name, topic in found.items() if not topic.error_code}
    failed = {name: for_code(topic.error_code, name) for name, topic in found.items() if topic.error_code}
    return list(settled(wanted, known, failed).values())


def _metadata(actor: ClientActor, names: Sequence[str] | None) -> Eventually[MetadataResponse]:
    topics = None if names is None else [MetadataRequestTopic(name=name) for name in dict.fromkeys(names)]
    attempt = 0
    while True:
        request = MetadataRequest(topics=topics, allow_auto_topic_creation=False)
        answer: MetadataResponse | KafkaError = yield from at_controller(actor, request)
        if not isinstance(answer, KafkaError):
            return answer
        yield actor.backoff(attempt)
        attempt += 1


def _described(topic: MetadataResponseTopic) -> TopicDescription:
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}  # most partitions have the same brokers as others

    def brokers(ids: list[int]) -> tuple[int, ...]:
        return shared.setdefault(found := tuple(ids), found)

    partitions = [
        PartitionDescription(
            each.partition_index,
            each.leader_id,
            each.leader_epoch,
            brokers(each.replica_nodes),
            brokers(each.isr_nodes),
            brokers(each.offline_replicas),
        )
        for each in sorted(topic.partitions, key=lambda each: each.partition_index)
    ]
    return TopicDescription(topic.name or "", to_string(topic.topic_id), topic.is_internal, tuple(partitions))


def is_led(topic: MetadataResponseTopic) -> bool:
    """Whether every partition has a leader."""
    return not topic.error_code and all(each.leader_id >= 0 for each in topic.partitions)


def until_all(actor: ClientActor, names: list[str], is_so: Callable[[MetadataResponseTopic], bool]) -> Eventually[None]:
    """Wait until every broker that answers says so of all these topics."""
    view = yield from actor.metadata.refresh()
    left = list(view.brokers)
    attempt = 0
    while names and left:
        topics = [MetadataRequestTopic(name=name) for name in names]
        request = MetadataRequest(topics=topics, allow_auto_topic_creation=False)
        answers = yield [SendTo(node_id, request, KNOWN_MS_MAX) for node_id in left]
        left = [
            node_id
            for node_id, answer in zip(left, answers, strict=True)
            if not isinstance(answer, KafkaError) and not all(is_so(topic) for topic in answer.topics)
        ]
        if left:
            yield actor.backoff(attempt)
            attempt += 1
