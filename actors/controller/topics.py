"""Creating topics, and adding partitions to them.

Checks, their order, error codes and messages are those of Kafka's ReplicationControlManager; each topic of a request
succeeds or fails on its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from actors.config import validate_topic_configs
from actors.config.topic import described
from actors.controller.placement import StripedPlacer
from actors.controller.state import ControllerState, Decision
from actors.image import topic_names
from actors.image.image import TopicImage
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)
from kstore.schema.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from kstore.schema.messages.metadata_records import ConfigRecord, PartitionRecord, TopicRecord
from kstore.schema.struct import Message
from kstore.schema.uuids import ZERO

RECORDS_MAX = 10_000
"""How many partitions one request may make, as in Kafka, because a decision is one batch of the metadata log."""


def create(state: ControllerState, request: CreateTopicsRequest) -> Decision:
    """CreateTopics: every valid topic of the request; with ``validate_only``, only the results."""
    times = Counter(topic.name for topic in request.topics)
    records: list[Message] = []
    results: list[CreatableTopicResult] = []
    answered: set[str] = set()
    for topic in request.topics:
        if topic.name in answered:
            continue
        answered.add(topic.name)
        try:
            if times[topic.name] > 1:
                raise errors.InvalidRequest("Duplicate topic name.")
            made, result = create_one(state, topic, room=RECORDS_MAX - len(records))
        except KafkaError as error:
            results.append(CreatableTopicResult(name=topic.name, error_code=error.code, error_message=error.message))
        else:
            records += made
            results.append(result)
    response = CreateTopicsResponse(topics=results)
    return Decision([] if request.validate_only else records, response)


def create_one(state: ControllerState, topic: CreatableTopic, room: int) -> tuple[list[Message], CreatableTopicResult]:
    """The records of one new topic and its result; raises an error for an invalid one."""
    if topic.name == topic_names.METADATA_TOPIC:
        raise errors.InvalidRequest(f"Creation of internal topic {topic.name} is prohibited.")
    topic_names.validate(topic.name)
    if topic.name in state.image.topics:
        raise errors.TopicAlreadyExists(f"Topic '{topic.name}' already exists.")
    rival = state.flat_names.colliding(topic.name)
    if rival is not None:
        raise errors.InvalidTopic(f"Topic '{topic.name}' collides with existing topic: {rival}")
    configs = wanted_configs(state, topic)
    replicas = manual_replicas(state, topic) if topic.assignments else placed_replicas(state, topic, room)
    topic_id = new_topic_id(state)
    records: list[Message] = [TopicRecord(name=topic.name, topic_id=topic_id)]
    records += [
        ConfigRecord(resource_type=2, resource_name=topic.name, name=name, value=value)
        for name, value in configs.items()
    ]
    records += [new_partition(state, topic_id, number, found) for number, found in enumerate(replicas)]
    result = CreatableTopicResult(
        name=topic.name,
        topic_id=topic_id,
        error_message=None,
        num_partitions=len(replicas),
        replication_factor=len(replicas[0]),
        configs=[
            CreatableTopicConfigs(name=name, value=held.text, config_source=held.source)
            for name, held in described(configs, state.config)
        ],
    )
    return records, result


def new_topic_id(state: ControllerState) -> bytes:
    """An id that no topic has and that Kafka doesn't reserve."""
    while True:
        topic_id = state.new_id()
        if topic_id[:15] != ZERO[:15] and topic_id not in state.image.topic_names_by_id:
            return topic_id


def wanted_configs(state: ControllerState, topic: CreatableTopic) -> dict[str, str]:
    configs: dict[str, str] = {}
    missing = [config.name for config in topic.configs if config.value is None]
    if missing:
        raise errors.InvalidConfig(f"Null value not supported for topic configs: {','.join(missing)}")
    for config in topic.configs:
        configs[config.name] = config.value or ""
    validate_topic_configs(configs, state.config)
    return configs


def placed_replicas(state: ControllerState, topic: CreatableTopic, room: int) -> list[tuple[int, ...]]:
    """The replicas of a topic whose partitions the controller places; -1 stands for the default."""
    factor, count = topic.replication_factor, topic.num_partitions
    if factor < -1 or factor == 0:
        raise errors.InvalidReplicationFactor(
            "Replication factor must be larger than 0, or -1 to use the default value."
        )
    if count < -1 or count == 0:
        raise errors.InvalidPartitions("Number of partitions was set to an invalid non-positive value.")
    factor = state.config.integer("default.replication.factor") if factor == -1 else factor
    count = state.config.integer("num.partitions") if count == -1 else count
    if count > room:
        raise errors.PolicyViolation("Excessively large number of partitions per request.")
    return placed(state, count, factor)


def placed(state: ControllerState, count: int, factor: int) -> list[tuple[int, ...]]:
    failed = f"Unable to replicate the partition {factor} time(s): "
    try:
        found = StripedPlacer(state.image.brokers.values(), state.random).place(count, factor)
    except errors.InvalidReplicationFactor as error:
        raise errors.InvalidReplicationFactor(failed + error.message) from None
    if not all(any(map(state.image.is_active, replicas)) for replicas in found):
        raise errors.InvalidReplicationFactor(failed + "All brokers are currently fenced or in controlled shutdown.")
    return found


def manual_replicas(state: ControllerState, topic: CreatableTopic) -> list[tuple[int, ...]]:
    """The replicas that the request itself assigns."""
    if topic.replication_factor != -1:
        raise errors.InvalidRequest(
            "A manual partition assignment was specified, but replication factor was not set to -1."
        )
    if topic.num_partitions != -1:
        raise errors.InvalidRequest("A manual partition assignment was specified, but numPartitions was not set to -1.")
    found: dict[int, tuple[int, ...]] = {}
    for assignment in topic.assignments:
        number = assignment.partition_index
        if number in found:
            raise errors.InvalidReplicaAssignment(f"Found multiple manual partition assignments for partition {number}")
        factor = len(next(iter(found.values()))) if found else None
        found[number] = checked_assignment(state, number, assignment.broker_ids, factor)
    if set(found) != set(range(len(found))):
        raise errors.InvalidReplicaAssignment("partitions should be a consecutive 0-based integer sequence")
    return [found[number] for number in range(len(found))]


def checked_assignment(
    state: ControllerState, number: int, replicas: Sequence[int], factor: int | None
) -> tuple[int, ...]:
    """A manual assignment of one partition; raises InvalidReplicaAssignment if it is invalid."""
    what = "The manual partition assignment includes"
    if not replicas:
        raise errors.InvalidReplicaAssignment(f"{what} an empty replica list.")
    for before, replica in zip([None, *sorted(replicas)], sorted(replicas), strict=False):
        if replica not in state.image.brokers:
            raise errors.InvalidReplicaAssignment(f"{what} broker {replica}, but no such broker is registered.")
        if replica == before:
            raise errors.InvalidReplicaAssignment(f"{what} the broker {replica} more than once.")
    if factor is not None and len(replicas) != factor:
        raise errors.InvalidReplicaAssignment(
            f"{what} a partition with {len(replicas)} replica(s), but this is not consistent with previous "
            f"partitions, which have {factor} replica(s)."
        )
    if not any(map(state.image.is_active, replicas)):
        raise errors.InvalidReplicaAssignment(
            f"All brokers specified in the manual partition assignment for partition {number} are fenced or in "
            "controlled shutdown."
        )
    return tuple(replicas)


def new_partition(state: ControllerState, topic_id: bytes, number: int, replicas: Sequence[int]) -> PartitionRecord:
    """The record of a new partition: its living replicas are in sync, the first of them leads."""
    isr = [replica for replica in replicas if state.image.is_active(replica)]
    directories = [state.image.brokers[replica].log_dirs for replica in replicas]
    return PartitionRecord(
        partition_id=number,
        topic_id=topic_id,
        replicas=list(replicas),
        isr=isr,
        leader=isr[0],
        leader_epoch=0,
        partition_epoch=0,
        directories=[found[0] if len(found) == 1 else ZERO for found in directories],
    )


def create_partitions(state: ControllerState, request: CreatePartitionsRequest) -> Decision:
    """CreatePartitions: add partitions to existing topics."""
    times = Counter(topic.name for topic in request.topics)
    records: list[PartitionRecord] = []
    results: dict[str, CreatePartitionsTopicResult] = {}
    for topic in request.topics:
        result = results[topic.name] = CreatePartitionsTopicResult(name=topic.name)
        try:
            if times[topic.name] > 1:
                raise errors.InvalidRequest("Duplicate topic name.")
            records += added_partitions(state, topic, room=RECORDS_MAX - len(records))
        except KafkaError as error:
            result.error_code, result.error_message = error.code, error.message or None
    response = CreatePartitionsResponse(results=list(results.values()))
    return Decision([] if request.validate_only else records, response)


def added_partitions(state: ControllerState, asked: CreatePartitionsTopic, room: int) -> list[PartitionRecord]:
    """The records of the partitions to add to one topic; raises an error for an invalid request."""
    topic = state.image.topics.get(asked.name)
    if topic is None:
        raise errors.UnknownTopicOrPartition("")
    count = len(topic.partitions)
    if asked.count == count:
        raise errors.InvalidPartitions(f"Topic already has {count} partition(s).")
    if asked.count < count:
        raise errors.InvalidPartitions(
            f"The topic {asked.name} currently has {count} partition(s); {asked.count} would not be an increase."
        )
    more, factor = asked.count - count, len(first_replicas(topic))
    if more > room:
        raise errors.PolicyViolation("Excessively large number of additional partitions per request.")
    if asked.assignments is None:
        replicas = placed(state, more, factor)
    elif len(asked.assignments) != more:
        raise errors.InvalidReplicaAssignment(
            f"Attempted to add {more} additional partition(s), but only {len(asked.assignments)} assignment(s) were "
            "specified."
        )
    else:
        replicas = [
            checked_assignment(state, count + index, assignment.broker_ids, factor)
            for index, assignment in enumerate(asked.assignments)
        ]
    return [new_partition(state, topic.id, count + index, found) for index, found in enumerate(replicas)]


def first_replicas(topic: TopicImage) -> tuple[int, ...]:
    return topic.partitions[min(topic.partitions)].replicas
