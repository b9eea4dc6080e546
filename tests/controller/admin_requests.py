"""Admin requests, right and wrong, each with a name: what ``admin_scripts`` speaks to a broker."""

from __future__ import annotations

from collections.abc import Iterator

from kstore.schema.messages.alter_configs import AlterableConfig as PlainConfig
from kstore.schema.messages.alter_configs import AlterConfigsRequest
from kstore.schema.messages.alter_configs import AlterConfigsResource as PlainResource
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
from kstore.schema.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kstore.schema.messages.describe_topic_partitions import DescribeTopicPartitionsRequest, TopicRequest
from kstore.schema.messages.describe_topic_partitions import DescribeTopicPartitionsRequestCursor as Cursor
from kstore.schema.messages.elect_leaders import ElectLeadersRequest
from kstore.schema.messages.elect_leaders import TopicPartitions as ElectedPartitions
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic


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
    yield "of a kind that there isn't", of(3, "x", ("a", 0, "1"))
    both = of(2, "admin.orders", ("flush.ms", 0, "1"))
    both.resources = both.resources * 2
    yield "one topic twice", both


def replacements() -> Iterator[tuple[str, AlterConfigsRequest]]:
    def of(kind: int, name: str, *configs: tuple[str, str | None], validate_only: bool = False) -> AlterConfigsRequest:
        wanted = [PlainConfig(name=key, value=text) for key, text in configs]
        resource = PlainResource(resource_type=kind, resource_name=name, configs=wanted)
        return AlterConfigsRequest(resources=[resource], validate_only=validate_only)

    yield "two keys", of(2, "defaults", ("flush.ms", "77"), ("segment.ms", "88"))
    yield "one of them", of(2, "defaults", ("flush.ms", "78"))
    yield "only validated", of(2, "defaults", validate_only=True)
    yield "only validated, a wrong value", of(2, "defaults", ("segment.ms", "0"), validate_only=True)
    yield "one to null", of(2, "defaults", ("segment.ms", None))
    yield "one twice", of(2, "defaults", ("segment.ms", "1"), ("segment.ms", "2"))
    yield "by a wrong value", of(2, "defaults", ("segment.ms", "0"))
    yield "an unknown key", of(2, "defaults", ("segment.byte", "1"))
    yield "of no topic", of(2, "none", ("segment.ms", "1"))
    yield "of a topic that can't be", of(2, "a b", ("segment.ms", "1"))
    yield "of all topics", of(2, "", ("segment.ms", "1"))
    yield "of a broker without a number", of(4, "one", ("message.max.bytes", "1"))
    yield "of a broker, a wrong value", of(4, "1", ("message.max.bytes", "-1"))
    yield "of a broker, read-only", of(4, "1", ("num.partitions", "3"))
    yield "of a kind that there isn't", of(3, "x", ("a", "1"))


def elections() -> Iterator[tuple[str, ElectLeadersRequest]]:
    def of(kind: int, *partitions: tuple[str, list[int]]) -> ElectLeadersRequest:
        wanted = [ElectedPartitions(topic=name, partitions=numbers) for name, numbers in partitions]
        return ElectLeadersRequest(election_type=kind, topic_partitions=wanted, timeout_ms=10_000)

    for kind in (0, 1):
        yield f"not needed, of type {kind}", of(kind, ("admin.orders", [0, 1]))
        yield f"of no topic, of type {kind}", of(kind, ("none", [0]))
        yield f"of no partition, of type {kind}", of(kind, ("admin.orders", [17, 0]), ("manual", [1]))
        yield f"of nothing, of type {kind}", of(kind)
        everything = of(kind)
        everything.topic_partitions = None
        yield f"of all, of type {kind}", everything
    yield "of an unknown type", of(2, ("admin.orders", [0]))


def views() -> Iterator[tuple[str, DescribeTopicPartitionsRequest]]:
    def of(*names: str, limit: int = 2000, cursor: tuple[str, int] | None = None) -> DescribeTopicPartitionsRequest:
        place = None if cursor is None else Cursor(topic_name=cursor[0], partition_index=cursor[1])
        topics = [TopicRequest(name=name) for name in names]
        return DescribeTopicPartitionsRequest(topics=topics, response_partition_limit=limit, cursor=place)

    yield "two topics", of("manual", "admin.orders")
    yield "one topic twice", of("manual", "manual")
    yield "none", of("none")
    yield "none among others", of("none", "manual", "a b")
    yield "all", of()
    yield "all, one partition", of(limit=1)
    yield "all, no partition", of(limit=0)
    yield "all, so many as one topic has", of(limit=4)
    yield "all but the first", of(cursor=("admin.orders", 4))
    yield "from within a topic", of("manual", "admin.orders", limit=2, cursor=("admin.orders", 1))
    yield "from the next topic", of("manual", "admin.orders", limit=2, cursor=("admin.orders", 3))
    yield "from behind a topic", of("manual", "admin.orders", cursor=("admin.orders", 99))
    yield "from a topic that isn't there", of(cursor=("b", 1))
    yield "from a topic not asked for", of("manual", cursor=("admin.orders", 1))
    yield "from before a topic", of("manual", cursor=("manual", -1))
    yield "behind all", of(cursor=("zzz", 0))


def deleted_records() -> Iterator[tuple[str, DeleteRecordsRequest]]:
    def of(name: str, *offsets: tuple[int, int]) -> DeleteRecordsRequest:
        parts = [DeleteRecordsPartition(partition_index=number, offset=offset) for number, offset in offsets]
        return DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=name, partitions=parts)], timeout_ms=10_000)

    yield "up to an offset", of("admin.orders", (0, 3))
    yield "up to an earlier one", of("admin.orders", (0, 1))
    yield "up to the start", of("admin.orders", (0, 0))
    yield "beyond the end", of("admin.orders", (0, 6))
    yield "below nothing", of("admin.orders", (0, -2))
    yield "all", of("admin.orders", (0, -1), (1, -1))
    yield "of no partition", of("admin.orders", (17, 0), (1, 0))
    yield "of no topic", of("none", (0, 0))
    yield "of a topic that can't be", of("a b", (0, 0))
    yield "of no partitions", of("admin.orders")


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
