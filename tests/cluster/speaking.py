"""A client that says to a whole cluster what the tests of its behaviour need, and looks at what the nodes keep.

It adds to the client of the partitions' tests: producers with numbers, topics that change, several clients at once,
and the files of a node's folder, on a disk or in memory.
"""

from __future__ import annotations

from typing import Any

from partition.client import Client, Outcomes, values

from actors.cluster import Cluster
from actors.runtime import Node
from kstore.errors import OffsetNotAvailable
from kstore.records import BatchBuilder, RecordBatch, parse_batches
from kstore.schema.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic
from kstore.schema.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)

SET = 0
TOPIC, BROKER = 2, 4
IN_SYNC_S = 120


class IdempotentProducer:
    """An idempotent producer's numbers: its id, its epoch, the next sequence of one partition.

    Its records have the time of its cluster, as brokers forget producers whose last record is a day old.
    """

    def __init__(self, cluster: Cluster, producer_id: int, epoch: int = 0, sequence: int = 0) -> None:
        self.clock = cluster.world.clock
        self.producer_id = producer_id
        self.epoch = epoch
        self.sequence = sequence

    def batch(self, *said: bytes, sequence: int | None = None) -> bytes:
        """The next batch; one at another sequence doesn't count."""
        base = self.sequence if sequence is None else sequence
        if sequence is None:
            self.sequence += len(said)
        builder = BatchBuilder(producer_id=self.producer_id, producer_epoch=self.epoch, base_sequence=base)
        for value in said:
            builder.append(self.clock.now_ms(), None, value)
        return builder.build()


class Speaker(Client):
    """The client of a whole cluster, as client number ``-client_id``."""

    def __init__(self, cluster: Cluster, client_id: int = -1) -> None:
        self.cluster = cluster
        self.node = Node(cluster.world, client_id, kind="client")
        cluster.net.join(self.node)
        self.actor = Outcomes(self.node, "client")
        self.links = {}

    def leave(self) -> None:
        """End as a client's process does: its links break."""
        self.node.kill()
        self.cluster.net.node_died(self.node)

    def producer(self) -> IdempotentProducer:
        """A new idempotent producer."""
        answer = self.ask(self.living()[0], InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000))
        assert answer.error_code == 0
        return IdempotentProducer(self.cluster, answer.producer_id, answer.producer_epoch)

    def say(self, topic: str, *said: bytes, **how: Any) -> int:
        """Produce one batch, which must succeed; its first offset."""
        answer = self.produce(topic, *said, **how)
        assert answer.error_code == 0, answer
        return int(answer.base_offset)

    def put(self, topic: str, records: bytes, *, node: int | None = None, **how: Any) -> Any:
        """Produce one batch that is made already; the partition's answer."""
        request = self.produce_request(topic, records, **how)
        response = self.ask(self.leader(topic, how.get("index", 0)) if node is None else node, request)
        return response.responses[0].partition_responses[0]

    def put_and_wait(self, topic: str, *said: bytes) -> Any:
        """Produce one batch at the partition's leader; the whole response, or what the link ended with."""
        return self.ask(self.leader(topic), self.produce_request(topic, batch(*said)))

    def put_later(self, topic: str, records: bytes, *, node: int | None = None, **how: Any) -> list[Any]:
        """Produce without waiting; the response will be in the list."""
        leader = self.leader(topic, how.get("index", 0)) if node is None else node
        return self.send(leader, self.produce_request(topic, records, **how), connection=1)

    def everything(self, topic: str, *, index: int = 0) -> list[bytes]:
        """All committed values of a partition, once its leader knows what is committed."""
        while self.latest(topic, index=index).error_code == OffsetNotAvailable.code:
            self.run(0.1)
        said: list[bytes] = []
        offset = self.latest(topic, index=index, timestamp=-2).offset
        while True:
            answer = self.fetch(topic, offset, index=index, max_wait_ms=0)
            assert answer.error_code == 0, answer
            found = values(answer.records) if answer.records else []
            if not found:
                return said
            said += found
            offset += len(found)

    def epoch_end(self, topic: str, epoch: int, *, index: int = 0, known: int = -1) -> Any:
        """OffsetForLeaderEpoch of one partition; its answer."""
        part = OffsetForLeaderPartition(partition=index, current_leader_epoch=known, leader_epoch=epoch)
        request = OffsetForLeaderEpochRequest(
            replica_id=-1, topics=[OffsetForLeaderTopic(topic=topic, partitions=[part])]
        )
        return self.ask(self.leader(topic, index), request).topics[0].partitions[0]

    def delete(self, topic: str) -> None:
        """Delete a topic, and wait until the living nodes know it."""
        response = self.ask(
            self.living()[0], DeleteTopicsRequest(topics=[DeleteTopicState(name=topic)], timeout_ms=10_000)
        )
        assert response.responses[0].error_code == 0, response
        self.cluster.wait_for(lambda: all(topic not in self.cluster.image(n).topics for n in self.living()))

    def add_partitions(self, topic: str, count: int) -> None:
        """Make a topic's partitions this many."""
        asked = CreatePartitionsTopic(name=topic, count=count, assignments=None)
        response = self.ask(
            self.living()[0], CreatePartitionsRequest(topics=[asked], timeout_ms=10_000, validate_only=False)
        )
        assert response.results[0].error_code == 0, response
        self.cluster.wait_for(
            lambda: all(len(self.cluster.image(n).topics[topic].partitions) == count for n in self.living())
        )

    def set_config(self, name: str, kind: int = TOPIC, **configs: str) -> None:
        """Set keys of a topic or a broker, and wait until the living nodes know them."""
        settings = {key.replace("_", "."): value for key, value in configs.items()}
        resource = AlterConfigsResource(
            resource_type=kind,
            resource_name=name,
            configs=[AlterableConfig(name=key, config_operation=SET, value=value) for key, value in settings.items()],
        )
        response = self.ask(self.living()[0], IncrementalAlterConfigsRequest(resources=[resource]))
        assert response.responses[0].error_code == 0, response
        self.cluster.wait_for(
            lambda: all(settings.items() <= self.cluster.image(n).config(kind, name).items() for n in self.living())
        )
        self.run(0.1)

    def described(self, topic: str, node: int) -> Any:
        """What a node answers to Metadata about one topic."""
        request = MetadataRequest(topics=[MetadataRequestTopic(name=topic)], allow_auto_topic_creation=False)
        return self.ask(node, request).topics[0]

    def leader(self, topic: str, index: int = 0) -> int:
        """The node that leads a partition; -1 while nobody does, or nobody is there who knows."""
        found = self.cluster.image().partition(topic, index)
        return -1 if found is None else found.leader

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.cluster.world.driver.drive(lambda: False, seconds)

    def wait_for_leader(self, topic: str, index: int = 0, *, other_than: int = -1) -> int:
        """Wait until a living node leads and knows it; which one."""

        def leads() -> bool:
            node = self.cluster.nodes.get(self.leader(topic, index))
            if node is None or node.node_id == other_than or not node.alive:
                return False
            replica: Any = node.actors.get(f"{node.name}/replica/{topic}-{index}")
            return replica is not None and replica.leader is not None

        self.cluster.wait_for(leads, IN_SYNC_S)
        return self.leader(topic, index)

    def wait_for_isr(self, topic: str, size: int = 3, *, index: int = 0) -> None:
        """Wait until so many replicas are in sync."""
        self.cluster.wait_for(lambda: len(self.partition(topic, index).isr) == size, IN_SYNC_S)

    def followers(self, topic: str, index: int = 0) -> list[int]:
        """The nodes that follow a partition's leader."""
        found = self.partition(topic, index)
        return [node for node in found.replicas if node != found.leader]

    def led_elsewhere(self, topic: str) -> tuple[int, int, int]:
        """A partition that the controller's node doesn't lead: its index, its leader, its follower that isn't the
        controller's node, so that cutting one from the other cuts nobody from the controller.
        """
        for index, found in sorted(self.cluster.image().topics[topic].partitions.items()):
            if found.leader not in (1, -1):
                return index, found.leader, next(n for n in found.replicas if n not in (1, found.leader))
        raise AssertionError("every partition is led by the controller's node")

    def names(self, node: int, path: str = "") -> list[str]:
        """The names in a node's folder, or in one below it."""
        return sorted(self.cluster.folders[node].fs.listdir(path))

    def file(self, node: int, path: str) -> bytes:
        """What a file in a node's folder holds."""
        return bytes(self.cluster.folders[node].fs.read_bytes(path))

    def log_bytes(self, node: int, topic: str, index: int = 0) -> bytes:
        """All .log files of a partition on a node, one after the other."""
        path = f"{topic}-{index}"
        return b"".join(self.file(node, f"{path}/{name}") for name in self.names(node, path) if name.endswith(".log"))

    def logs_are_equal(self, topic: str, index: int = 0) -> bool:
        """Whether all replicas hold the same bytes, and some."""
        contents = [self.log_bytes(node, topic, index) for node in self.partition(topic, index).replicas]
        return bool(contents[0]) and all(content == contents[0] for content in contents)


def batch(*said: bytes) -> bytes:
    """A batch of a producer without numbers."""
    builder = BatchBuilder()
    for value in said:
        builder.append(0, None, value)
    return builder.build()


def batches_in(data: bytes) -> list[RecordBatch]:
    """The batches of a .log file."""
    return parse_batches(data)


def answer_of(response: Any) -> Any:
    """The one partition's answer in a Produce response."""
    return response.responses[0].partition_responses[0]
