"""Admin requests, right and wrong, spoken to any single broker over a socket, and what it answers.

Each step has a name; its transcript is what can be compared between two brokers: codes, messages and values, without
ids, ports, places of replicas and the configs that kstore doesn't have. Ours may say more in a message than Kafka
does, which the comparison allows for: see ``same``.
"""

from __future__ import annotations

from typing import Any

from controller.admin_requests import (
    additions,
    alterations,
    creations,
    deleted_records,
    deletions,
    descriptions,
    elections,
    look_ups,
    replacements,
    views,
)
from groups.wire import Socket

from actors.config.implemented import TOPIC
from kstore.records import BatchBuilder
from kstore.schema.messages.describe_cluster import DescribeClusterRequest
from kstore.schema.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

CONFIG = {"min.insync.replicas": "1", "auto.create.topics.enable": "false", "message.max.bytes": "900000"}
"""What the broker must be started with."""

Transcript = dict[str, Any]


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
    for name, replaced in replacements():
        responses = ask(replaced).responses
        found[f"replace {name}"] = [[r.resource_name, r.error_code, r.error_message] for r in responses]
        if replaced.validate_only or not any(r.error_code for r in responses):
            wanted = None if replaced.validate_only else {c.name for r in replaced.resources for c in r.configs}
            found[f"after replacing {name}"] = set_configs(ask, "defaults", wanted)
    for name, election in elections():
        found[f"elect {name}"] = elected(ask(election))
    for name, viewed in views():
        found[f"view {name}"] = partitions_seen(ask(viewed))
    fill(ask, "admin.orders", 5)
    for name, request in deleted_records():
        topics = ask(request).topics
        found[f"delete records {name}"] = [
            [topic.name, sorted([p.partition_index, p.low_watermark, p.error_code] for p in topic.partitions)]
            for topic in topics
        ]
    wait_for_the_brokers_config(ask)
    for name, described in descriptions():
        found[f"describe {name}"] = [description(result) for result in ask(described).results]
    for name, asked, version in look_ups():
        found[f"look up {name}"] = [look_up(topic) for topic in ask(asked, version).topics]
    for name, deleted in deletions():
        responses = ask(deleted).responses
        found[f"delete {name}"] = [[r.name, r.error_code, r.error_message] for r in responses]
    for kind in (1, 2, 9):
        answer = ask(DescribeClusterRequest(endpoint_type=kind))
        found[f"cluster {kind}"] = [answer.error_code, answer.error_message, [b.broker_id for b in answer.brokers]]
    return found


def fill(ask: Any, name: str, count: int) -> None:
    """Put so many records into partition 0 of a topic."""
    topic_id = ask(MetadataRequest(topics=[MetadataRequestTopic(name=name)]), 12).topics[0].topic_id
    builder = BatchBuilder()
    for number in range(count):
        builder.append(1_700_000_000_000 + number, None, b"%d" % number)
    data = PartitionProduceData(index=0, records=builder.build())
    topics = [TopicProduceData(topic_id=topic_id, partition_data=[data])]
    (answer,) = ask(ProduceRequest(acks=-1, timeout_ms=10_000, topic_data=topics)).responses
    assert answer.partition_responses[0].error_code == 0, answer


def set_configs(ask: Any, name: str, wanted: set[str] | None) -> list[list[Any]]:
    """What is set for a topic and no longer the default, once the broker knows of the keys that were ``wanted``:
    Kafka's learns it a moment after the answer.
    """
    resource = DescribeConfigsResource(resource_type=2, resource_name=name, configuration_keys=None)
    found: list[list[Any]] = []
    for _ in range(10_000):
        configs = ask(DescribeConfigsRequest(resources=[resource])).results[0].configs
        found = sorted([c.name, c.value] for c in configs if c.config_source == 1)
        if wanted is None or {key for key, _ in found} == wanted:
            break
    return found


def elected(answer: Any) -> list[Any]:
    topics = sorted(
        [r.topic, sorted([p.partition_id, p.error_code, p.error_message] for p in r.partition_result)]
        for r in answer.replica_election_results
    )
    return [answer.error_code, topics]


def partitions_seen(answer: Any) -> list[Any]:
    cursor = answer.next_cursor and [answer.next_cursor.topic_name, answer.next_cursor.partition_index]
    topics = [
        [
            topic.error_code,
            topic.name,
            topic.topic_id != bytes(16),
            topic.is_internal,
            topic.topic_authorized_operations,
            [
                [p.error_code, p.partition_index, p.leader_id, p.leader_epoch, p.replica_nodes, p.isr_nodes]
                + [p.eligible_leader_replicas, p.last_known_elr, p.offline_replicas]
                for p in topic.partitions
            ],
        ]
        for topic in answer.topics
    ]
    return [topics, cursor]


COMPARED = set(TOPIC) - {"min.insync.replicas", "file.delete.delay.ms"}
"""Kafka's new clusters set the first for all brokers, because they have eligible leader replicas; ours have none. The
tests start Kafka with another value of the second.
"""

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
