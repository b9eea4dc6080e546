"""A client of a cluster on virtual time, request by request, and what tests of partitions ask of it."""

from __future__ import annotations

from typing import Any

from present import present
from waiting import let_pass

from actors.cluster import Cluster
from actors.network.link import Link
from actors.runtime import Actor, Node
from kstore.errors import code_of
from kstore.records import BatchBuilder, parse_batches
from kstore.schema.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kstore.schema.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

CLIENT_ID = -1
PATIENCE_S = 120


class Outcomes(Actor):
    """Hears the answers to requests."""


class Client:
    """Asks the brokers of a cluster, over links of its own."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.node = Node(cluster.world, CLIENT_ID, kind="client")
        cluster.net.join(self.node)
        self.actor = Outcomes(self.node, "client")
        self.links: dict[Any, Link] = {}

    def send(self, node_id: int, request: Any, *, version: int | None = None, connection: int = 0) -> list[Any]:
        """Send a request; its outcome will be in the list."""
        outcomes: list[Any] = []
        key = (node_id, connection)
        link = self.links.get(key)
        if link is None:
            link = self.links[key] = Link(self.cluster.net, self.node, node_id, "client")
        reply = self.actor.reply_here(outcomes.append)
        self.cluster.world.driver.call(lambda: link.send(request, reply, version=version, timeout_ms=300_000))
        return outcomes

    def ask(self, node_id: int, request: Any, *, version: int | None = None, connection: int = 0) -> Any:
        """Send a request and wait for its outcome."""
        outcomes = self.send(node_id, request, version=version, connection=connection)
        self.cluster.wait_for(lambda: outcomes, PATIENCE_S)
        return outcomes[0]

    def create(self, name: str, *, partitions: int = 1, copies: int = 3, **configs: str) -> None:
        """Make a topic, and wait until everybody knows it and its leaders lead."""
        topic = CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=copies,
            configs=[CreatableTopicConfig(name=key.replace("_", "."), value=value) for key, value in configs.items()],
        )
        response = self.ask(self.cluster.voters[0], CreateTopicsRequest(topics=[topic], timeout_ms=10_000))
        assert [t.error_code for t in response.topics] == [0], response
        self.cluster.wait_for(
            lambda: all(name in self.cluster.image(node).topics for node in self.living()), PATIENCE_S
        )

    def living(self) -> list[int]:
        return [node_id for node_id, node in self.cluster.nodes.items() if node.alive]

    def partition(self, topic: str, index: int = 0) -> Any:
        """The partition as the node that knows most knows it."""
        return self.cluster.image().topics[topic].partitions[index]

    def leader(self, topic: str, index: int = 0) -> int:
        return self.partition(topic, index).leader

    def wait_for_leader(self, topic: str, index: int = 0, *, other_than: int = -1) -> int:
        """Wait until a living node leads and knows it; which one."""

        def leads() -> bool:
            node_id = self.leader(topic, index)
            return (
                node_id not in (other_than, -1)
                and self.cluster.nodes[node_id].alive
                and self.replica(node_id, topic, index).leader is not None
            )

        self.cluster.wait_for(leads, PATIENCE_S)
        return self.leader(topic, index)

    def topic_id(self, topic: str) -> bytes:
        return self.cluster.image().topics[topic].id

    def replica(self, node_id: int, topic: str, index: int = 0) -> Any:
        """The replica actor itself, to look at."""
        node = self.cluster.nodes[node_id]
        return node.actors[f"{node.name}/replica/{topic}-{index}"]

    def produce_request(self, topic: str, records: bytes, *, index: int = 0, acks: int = -1, timeout_ms: int = 30_000):
        return ProduceRequest(
            acks=acks,
            timeout_ms=timeout_ms,
            topic_data=[
                TopicProduceData(
                    name=topic,
                    topic_id=self.topic_id(topic),
                    partition_data=[PartitionProduceData(index=index, records=records)],
                )
            ],
        )

    def produce(self, topic: str, *values: bytes, node: int | None = None, **how: Any) -> Any:
        """Produce one batch; the partition's answer."""
        request = self.produce_request(topic, batch(*values), **how)
        response = self.ask(self.leader(topic, how.get("index", 0)) if node is None else node, request)
        return response.responses[0].partition_responses[0]

    def fetch_request(self, topic: str, offset: int, *, index: int = 0, **how: Any) -> FetchRequest:
        part = FetchPartition(
            partition=index,
            fetch_offset=offset,
            partition_max_bytes=how.pop("partition_max_bytes", 1 << 20),
            current_leader_epoch=how.pop("leader_epoch", -1),
            last_fetched_epoch=how.pop("last_fetched_epoch", -1),
        )
        how.setdefault("max_wait_ms", 500)
        how.setdefault("min_bytes", 1)
        how.setdefault("max_bytes", 1 << 25)
        return FetchRequest(topics=[FetchTopic(topic=topic, topic_id=self.topic_id(topic), partitions=[part])], **how)

    def fetch(self, topic: str, offset: int, *, node: int | None = None, version: int | None = None, **how: Any) -> Any:
        """Fetch one partition; its answer."""
        request = self.fetch_request(topic, offset, **how)
        response = self.ask(self.leader(topic, how.get("index", 0)) if node is None else node, request, version=version)
        return response.responses[0].partitions[0]

    def latest(self, topic: str, *, index: int = 0, timestamp: int = -1, node: int | None = None, **how: Any) -> Any:
        """ListOffsets of one partition; its answer."""
        version = how.pop("version", None)
        part = ListOffsetsPartition(
            partition_index=index, timestamp=timestamp, current_leader_epoch=how.pop("leader_epoch", -1)
        )
        how.setdefault("replica_id", -1)
        request = ListOffsetsRequest(topics=[ListOffsetsTopic(name=topic, partitions=[part])], **how)
        response = self.ask(self.leader(topic, index) if node is None else node, request, version=version)
        return response.topics[0].partitions[0]

    def run(self, seconds: float) -> None:
        """Let time pass."""
        let_pass(self.cluster.world, seconds)


def batch(
    *values: bytes, producer_id: int = -1, producer_epoch: int = -1, base_sequence: int = -1, **how: Any
) -> bytes:
    """One record batch of these values."""
    builder = BatchBuilder(producer_id=producer_id, producer_epoch=producer_epoch, base_sequence=base_sequence, **how)
    for number, value in enumerate(values):
        builder.append(1_577_836_800_000 + number, None, value)
    return builder.build()


def values(records: Any) -> list[bytes]:
    """The values of a fetch answer."""
    if isinstance(records, list):
        records = b"".join(bytes(c.read(0, c.nbytes)) if hasattr(c, "read") else bytes(c) for c in records)
    return [
        bytes(present(record.value))
        for found in parse_batches(records, allow_partial=True)
        for record in found.records()
    ]


__all__ = ["Client", "batch", "code_of", "values"]
