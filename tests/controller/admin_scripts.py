"""Admin requests, right and wrong, spoken to any single broker over a socket, and what it answers.

Each step has a name; its transcript is what can be compared between two brokers: codes, messages and values, without
ids, ports, places of replicas and the configs that kstore doesn't have. Ours may say more in a message than Kafka
does, which the comparison allows for: see `same`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from groups.wire import Socket

from actors.broker.config.implemented import TOPIC
from kstore.schema.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from kstore.schema.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.describe_cluster import DescribeClusterRequest
from kstore.schema.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic

CONFIG = {"min.insync.replicas": "1", "auto.create.topics.enable": "false", "message.max.bytes": "900000"}
"""What the broker must be started with."""

Transcript = dict[str, Any]


def topic(name: str, count: int = 1, factor: int = 1, *replicas: list[int], **configs: str | None) -> CreatableTopic:
    return CreatableTopic(
        name=name,
        num_partitions=count,
        replication_factor=factor,
        assignments=[CreatableReplicaAssignment(partition_index=n, broker_ids=ids) for n, ids in enumerate(replicas)],
        configs=[CreatableTopicConfig(name=key.replace("_", "."), value=text) for key, text in configs.items()],
    )


def creations() -> Iterator[tuple[str, CreateTopicsRequest]]:
    def of(*topics: CreatableTopic, validate_only: bool = False) -> CreateTopicsRequest:
        return CreateTopicsRequest(topics=list(topics), timeout_ms=10_000, validate_only=validate_only)

    yield "a topic", of(topic("admin.orders", 2, 1, segment_ms="5000"))
    yield "its counts left open", of(topic("defaults", -1, -1))
    yield "only validated", of(topic("validated", 3, 1), validate_only=True)
    yield "twice", of(topic("admin.orders"))
    yield "colliding", of(topic("admin_orders"))
    yield "named twice", of(topic("double"), topic("double"), topic("single"))
    for name in ("", ".", "..", "a b", "x" * 250, "ä", "__cluster_metadata"):
        yield f"named {name[:20]!r}", of(topic(name))
    yield "no partitions", of(topic("t", 0, 1))
    yield "minus two partitions", of(topic("t", -2, 1))
    yield "no replicas", of(topic("t", 1, 0))
    yield "minus two replicas", of(topic("t", 1, -2))
    yield "more replicas than brokers", of(topic("t", 1, 2))
    yield "too many partitions", of(topic("t", 10_001, 1))
    yield "a manual assignment", of(topic("manual", -1, -1, [1], [1]))
    yield "a manual assignment with a count", of(topic("t", 2, -1, [1], [1]))
    yield "a manual assignment with a factor", of(topic("t", -1, 1, [1], [1]))
    yield "an assignment to nobody", of(topic("t", -1, -1, []))
    yield "an assignment to a stranger", of(topic("t", -1, -1, [1, 7]))
    yield "an assignment twice to one", of(topic("t", -1, -1, [1, 1]))
    gap = topic("t", -1, -1, [1])
    gap.assignments[0].partition_index = 3
    yield "an assignment with a gap", of(gap)
    again = topic("t", -1, -1, [1], [1])
    again.assignments[1].partition_index = 0
    yield "an assignment of one partition twice", of(again)
    yield "an unknown config", of(topic("t", 1, 1, segment_byte="1"))
    yield "a config without a value", of(topic("t", 1, 1, segment_ms=None))
    for name, text in (
        ("segment_ms", "0"),
        ("segment_ms", "one"),
        ("segment_ms", ""),
        ("segment_ms", "99999999999999999999"),
        ("min_insync_replicas", "0"),
        ("max_message_bytes", "-1"),
        ("max_message_bytes", "2147483648"),
        ("message_timestamp_type", "Never"),
        ("unclean_leader_election_enable", "yes"),
    ):
        yield f"{name} of {text}", of(topic("t", 1, 1, **{name: text}))


def additions() -> Iterator[tuple[str, CreatePartitionsRequest]]:
    def of(name: str, count: int, *replicas: list[int], times: int = 1) -> CreatePartitionsRequest:
        wanted = CreatePartitionsTopic(
            name=name, count=count, assignments=[CreatePartitionsAssignment(broker_ids=r) for r in replicas] or None
        )
        return CreatePartitionsRequest(topics=[wanted] * times, timeout_ms=10_000)

    yield "one more", of("admin.orders", 3)
    yield "as many", of("admin.orders", 3)
    yield "fewer", of("admin.orders", 1)
    yield "to none", of("none", 3)
    yield "assigned", of("admin.orders", 4, [1])
    yield "assigned too few", of("admin.orders", 6, [1])
    yield "assigned too many", of("admin.orders", 5, [1], [1])
    yield "assigned to a stranger", of("admin.orders", 5, [9])
    yield "assigned inconsistently", of("admin.orders", 5, [1, 1])
    yield "asked for twice", of("admin.orders", 5, times=2)


def alterations() -> Iterator[tuple[str, IncrementalAlterConfigsRequest]]:
    def of(kind: int, name: str, *operations: tuple[str, int, str | None]) -> IncrementalAlterConfigsRequest:
        configs = [AlterableConfig(name=key, config_operation=op, value=text) for key, op, text in operations]
        resource = AlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)
        return IncrementalAlterConfigsRequest(resources=[resource])

    yield "set and delete", of(2, "admin.orders", ("flush.ms", 0, "77"), ("segment.ms", 1, None))
    yield "delete what isn't set", of(2, "admin.orders", ("segment.ms", 1, None))
    yield "append to no list", of(2, "admin.orders", ("segment.ms", 2, "1"))
    yield "subtract from no list", of(2, "admin.orders", ("segment.ms", 3, "1"))
    yield "set to null", of(2, "admin.orders", ("segment.ms", 0, None))
    yield "one key twice", of(2, "admin.orders", ("segment.ms", 0, "1"), ("segment.ms", 1, None))
    yield "a wrong value", of(2, "admin.orders", ("segment.ms", 0, "0"))
    yield "an unknown key", of(2, "admin.orders", ("segment.byte", 0, "1"))
    yield "of no topic", of(2, "none", ("segment.ms", 0, "1"))
    yield "of a topic that can't be", of(2, "a b", ("segment.ms", 0, "1"))
    yield "of all topics", of(2, "", ("segment.ms", 0, "1"))
    yield "of all brokers", of(4, "", ("message.max.bytes", 0, "800000"))
    yield "of a broker without a number", of(4, "one", ("message.max.bytes", 0, "1"))
    yield "of a broker, a wrong value", of(4, "", ("message.max.bytes", 0, "-1"))
    yield "of a broker, read-only", of(4, "", ("num.partitions", 0, "3"))
    both = of(2, "admin.orders", ("flush.ms", 0, "1"))
    both.resources = both.resources * 2
    yield "one topic twice", both


def descriptions() -> Iterator[tuple[str, DescribeConfigsRequest]]:
    def of(kind: int, name: str, keys: list[str] | None = None) -> DescribeConfigsRequest:
        resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=keys)
        return DescribeConfigsRequest(resources=[resource], include_synonyms=True)

    yield "of a topic", of(2, "admin.orders")
    yield "of a topic, two keys", of(2, "admin.orders", ["flush.ms", "max.message.bytes"])
    yield "of no topic", of(2, "none")
    yield "of a topic that can't be", of(2, "a b")
    yield "of the broker", of(4, "1", ["message.max.bytes", "num.partitions", "min.insync.replicas"])
    yield "of all brokers", of(4, "")
    yield "of another broker", of(4, "2")
    yield "of a broker without a number", of(4, "one")


def deletions() -> Iterator[tuple[str, DeleteTopicsRequest]]:
    def of(*states: DeleteTopicState) -> DeleteTopicsRequest:
        return DeleteTopicsRequest(topics=list(states), timeout_ms=10_000)

    def named(name: str) -> DeleteTopicState:
        return DeleteTopicState(name=name)

    yield "of none", of(named("none"))
    yield "of no id", of(DeleteTopicState(topic_id=b"x" * 16))
    yield "of neither", of(DeleteTopicState())
    yield "of both", of(DeleteTopicState(name="admin.orders", topic_id=b"x" * 16))
    yield "twice", of(named("admin.orders"), named("admin.orders"))
    yield "of one", of(named("admin.orders"))


def look_ups() -> Iterator[tuple[str, MetadataRequest, int]]:
    def of(*topics: MetadataRequestTopic, create: bool = True) -> MetadataRequest:
        return MetadataRequest(topics=list(topics), allow_auto_topic_creation=create)

    yield "a topic", of(MetadataRequestTopic(name="admin.orders")), 12
    yield "in version 1", of(MetadataRequestTopic(name="admin.orders")), 1
    yield "none", of(MetadataRequestTopic(name="none")), 12
    yield "none, not to be made", of(MetadataRequestTopic(name="none"), create=False), 9
    yield "what can't be", of(MetadataRequestTopic(name="a b")), 12
    yield "an empty name", of(MetadataRequestTopic(name="")), 12
    yield "no id", of(MetadataRequestTopic(name=None, topic_id=b"x" * 16)), 12
    yield "one twice", of(MetadataRequestTopic(name="admin.orders"), MetadataRequestTopic(name="admin.orders")), 9


def transcript(host: str, port: int) -> Transcript:
    """What a new broker answers to all of it."""
    socket = Socket(host, port)
    try:
        return answers(socket)
    finally:
        socket.close()


def wait_for_the_brokers_config(ask: Any) -> None:
    """Ask until the broker goes by the default last set for all: Kafka's learns it a moment after the answer."""
    resource = DescribeConfigsResource(resource_type=4, resource_name="1", configuration_keys=["message.max.bytes"])
    for _ in range(10_000):
        (config,) = ask(DescribeConfigsRequest(resources=[resource])).results[0].configs
        if config.value == "800000":
            return
    raise TimeoutError("the broker doesn't go by the default that was set for all brokers")


def answers(socket: Socket) -> Transcript:
    found: Transcript = {}

    def ask(request: Any, version: int | None = None) -> Any:
        socket.send(request, request.VERSIONS[1] if version is None else version)
        return socket.receive()

    for name, created in creations():
        found[f"create {name}"] = sorted(creation(result) for result in ask(created).topics)
    for name, added in additions():
        results = ask(added).results
        found[f"add {name}"] = [[result.name, result.error_code, result.error_message] for result in results]
    for name, altered in alterations():
        responses = ask(altered).responses
        found[f"alter {name}"] = [[r.resource_name, r.error_code, r.error_message] for r in responses]
    wait_for_the_brokers_config(ask)
    for name, described in descriptions():
        found[f"describe {name}"] = [description(result) for result in ask(described).results]
    for name, wanted, version in look_ups():
        found[f"look up {name}"] = [look_up(topic) for topic in ask(wanted, version).topics]
    for name, deleted in deletions():
        responses = ask(deleted).responses
        found[f"delete {name}"] = [[r.name, r.error_code, r.error_message] for r in responses]
    for kind in (1, 2, 9):
        answer = ask(DescribeClusterRequest(endpoint_type=kind))
        found[f"cluster {kind}"] = [answer.error_code, answer.error_message, [b.broker_id for b in answer.brokers]]
    return found


COMPARED = set(TOPIC) - {"min.insync.replicas"}
"""Kafka's new clusters set this one for all brokers, because they have eligible leader replicas; ours have none."""

SHORT = {"segment.ms", "flush.ms"}
"""Topic configs of whose several broker synonyms Kafka tells only the first."""


def creation(result: Any) -> list[Any]:
    configs = sorted(
        [c.name, c.value, c.read_only, c.config_source] for c in result.configs or () if c.name in COMPARED
    )
    return [
        result.name,
        result.error_code,
        result.error_message,
        result.num_partitions,
        result.replication_factor,
        configs,
    ]


def description(result: Any) -> list[Any]:
    configs = [
        [c.name, c.value, c.read_only, c.config_source, c.config_type, synonyms(c)]
        for c in result.configs
        if c.name in COMPARED or c.name == "num.partitions" or c.name == "message.max.bytes"
    ]
    return [result.error_code, result.error_message, sorted(configs)]


def synonyms(config: Any) -> list[Any]:
    return [[s.name, s.value, s.source] for s in config.synonyms if config.name not in SHORT]


def same(ours: Any, kafkas: Any) -> bool:
    """True when two answers are the same but for our guess at what was meant, behind a message."""
    if isinstance(ours, list) and isinstance(kafkas, list):
        return len(ours) == len(kafkas) and all(map(same, ours, kafkas))
    if isinstance(ours, str) and isinstance(kafkas, str):
        return ours.partition(" (did you mean ")[0] == kafkas
    return bool(ours == kafkas)


def look_up(topic: Any) -> list[Any]:
    partitions = [
        [p.partition_index, p.error_code, p.leader_id, p.leader_epoch, p.replica_nodes, p.isr_nodes, p.offline_replicas]
        for p in sorted(topic.partitions, key=lambda p: p.partition_index)
    ]
    return [topic.error_code, topic.name, topic.is_internal, partitions]
