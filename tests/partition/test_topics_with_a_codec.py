"""Topics with a codec of their own, through the brokers: what a producer's batches become, and in which order."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from partition.client import Client, batch, values

from actors.cluster import Cluster
from actors.partition.leader import preparing
from actors.partition.messages import BecomeFollower
from kstore.codec import codec_name
from kstore.errors import MessageTooLarge, NotLeaderOrFollower, UnsupportedCompressionType
from kstore.log.preparing import prepared
from kstore.records import RecordBatch, parse_batches
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)

TARGETS = ("uncompressed", "gzip", "snappy", "lz4", "zstd")
TOPIC, SET = 2, 0


def produced(client: Client, records: bytes, *, topic: str = "t", version: int | None = None) -> Any:
    request = client.produce_request(topic, records)
    return client.ask(client.leader(topic), request, version=version).responses[0].partition_responses[0]


def written(client: Client, node: int, topic: str = "t") -> list[RecordBatch]:
    return list(client.replica(node, topic).log.batches(0))


def set_codec(client: Client, codec: str) -> None:
    change = AlterableConfig(name="compression.type", config_operation=SET, value=codec)
    resource = AlterConfigsResource(resource_type=TOPIC, resource_name="t", configs=[change])
    answer = client.ask(1, IncrementalAlterConfigsRequest(resources=[resource]))
    assert answer.responses[0].error_code == 0
    number = -1 if codec == "producer" else TARGETS.index(codec)
    replica = client.replica(client.leader("t"), "t")
    client.cluster.wait_for(lambda: replica.log.config.compression_type == number, 60)


@pytest.mark.parametrize("target", TARGETS)
def test_all_replicas_have_the_topics_codec_whatever_was_produced(start: Any, target: str) -> None:
    client = start()
    client.create("t", compression_type=target)
    for codec in range(5):
        assert produced(client, batch(b"a", b"b" * 500, compression=codec)).base_offset == 2 * codec
    client.run(1)
    logs = [[each.to_bytes() for each in written(client, node)] for node in (1, 2, 3)]
    assert logs[0] == logs[1] == logs[2]
    assert {each.compression for each in written(client, 1)} == {TARGETS.index(target)}
    assert values(client.fetch("t", 0).records) == [b"a", b"b" * 500] * 5


def test_the_brokers_codec_holds_for_topics_that_have_none(start: Any) -> None:
    client = start(brokers=1, config={"compression.type": "lz4", "compression.lz4.level": "12"})
    client.create("t", copies=1)
    client.create("own", copies=1, compression_type="gzip", compression_gzip_level="1")
    client.create("producers", copies=1, compression_type="producer")
    for topic in ("t", "own", "producers"):
        produced(client, batch(b"a" * 500, compression=4), topic=topic)
    assert [codec_name(written(client, 1, topic)[0].compression) for topic in ("t", "own", "producers")] == [
        "lz4",
        "gzip",
        "zstd",
    ]


def test_a_changed_codec_holds_for_what_comes_after_it(start: Any) -> None:
    client = start()
    client.create("t")
    for codec in ("gzip", "producer", "zstd", "uncompressed"):
        produced(client, batch(b"a" * 500, compression=3))
        set_codec(client, codec)
    produced(client, batch(b"a" * 500, compression=3))
    assert [codec_name(each.compression) for each in written(client, client.leader("t"))] == [
        "lz4",
        "gzip",
        "lz4",
        "zstd",
        "none",
    ]


def test_appends_stay_in_order_whether_they_need_work_or_not(start: Any) -> None:
    client = start()
    client.create("t", compression_type="gzip")
    leader = client.leader("t")
    answers = []
    for number in range(60):
        records = batch(b"%d" % number, producer_id=7, producer_epoch=0, base_sequence=number, compression=number % 2)
        answers.append(client.send(leader, client.produce_request("t", records)))
    client.cluster.wait_for(lambda: all(answers), 60)
    parts = [answer[0].responses[0].partition_responses[0] for answer in answers]
    assert [(part.error_code, part.base_offset) for part in parts] == [(0, number) for number in range(60)]
    assert values(client.fetch("t", 0).records) == [b"%d" % number for number in range(60)]


def test_a_retried_batch_is_answered_with_its_first_offset(start: Any) -> None:
    client = start()
    client.create("t", compression_type="zstd")
    own = batch(b"a", b"b", producer_id=7, producer_epoch=0, base_sequence=0, compression=2)
    assert produced(client, own).base_offset == 0
    assert produced(client, batch(b"c")).base_offset == 2
    answer = produced(client, own)
    assert (answer.error_code, answer.base_offset) == (0, 0)
    assert values(client.fetch("t", 0).records) == [b"a", b"b", b"c"]


def test_a_batch_that_is_too_large_as_it_is_written_is_refused(start: Any) -> None:
    client = start(brokers=1)
    client.create("t", copies=1, compression_type="uncompressed", max_message_bytes="1000")
    answer = produced(client, batch(b"a" * 5000, compression=1))
    assert answer.error_code == MessageTooLarge.code
    assert "compressed as its topic has it" in answer.error_message
    assert written(client, 1) == []


def test_appends_that_are_being_compressed_are_answered_when_the_leader_leaves(start: Any) -> None:
    client = start()
    client.create("t", compression_type="gzip")
    leader = client.leader("t")
    replica = client.replica(leader, "t")
    client.cluster.wait_for(lambda: replica.leader is not None, 60)
    answers = [client.send(leader, client.produce_request("t", batch(b"%d" % number))) for number in range(3)]
    client.cluster.wait_for(lambda: replica.leader.preparing.awaited, 60)
    client.cluster.world.driver.call(replica.actor_ref.tell, BecomeFollower(-1, replica.leader_epoch + 1, -1, None))
    client.cluster.wait_for(lambda: all(answers), 60)
    codes = [answer[0].responses[0].partition_responses[0].error_code for answer in answers]
    assert codes == [NotLeaderOrFollower.code] * 3
    client.run(1)
    assert written(client, leader) == []


def test_a_topic_of_zstd_is_produced_to_and_read_by_old_clients_as_with_kafka(start: Any) -> None:
    client = start(brokers=1, wire=True)
    client.create("t", copies=1, compression_type="zstd")
    assert produced(client, batch(b"a"), version=3).error_code == 0
    assert produced(client, batch(b"a", compression=4), version=6).error_code == UnsupportedCompressionType.code
    assert values(client.fetch("t", 0, version=4).records) == [b"a"]


def test_the_same_seed_compresses_in_the_same_order(seed: int) -> None:
    def run() -> str:
        with Cluster(3, seed=seed) as cluster:
            cluster.create_topic("t", config={"compression.type": "gzip"})
            with cluster.producer() as producer:
                for number in range(30):
                    producer.send("t", b"%d" % number)
            return cluster.world.recorder.trace_hash()

    assert run() == run()


class Held:
    """Stands in for the compression, and takes until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.threads: set[threading.Thread] = set()

    def __call__(self, *given: Any) -> Any:
        self.begun.set()
        self.threads.add(threading.current_thread())
        assert self.go_on.wait(60)
        return prepared(*given)


def test_others_are_served_while_a_batch_is_being_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    monkeypatch.setattr(preparing, "prepared", held)
    with Cluster(1) as cluster:
        cluster.create_topic("slow", config={"compression.type": "zstd"})
        cluster.create_topic("quick")
        with cluster.producer() as producer, cluster.producer() as other:
            slow = producer.send("slow", b"a")
            cluster.wait_for(held.begun.is_set, timeout=60)
            assert other.send("quick", b"b").get(timeout=60).offset == 0
            assert not slow.done()
            held.go_on.set()
            assert slow.get(timeout=60).offset == 0
        assert held.threads.isdisjoint({threading.main_thread()})
        (found,) = parse_batches(b"".join(each.to_bytes() for each in logged(cluster, "slow")))
        assert codec_name(found.compression) == "zstd"


def test_others_are_served_while_a_large_compressed_batch_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    monkeypatch.setattr(preparing, "prepared", held)
    large: dict[str, Any] = {
        "compression_type": "gzip",
        "batch_size": 2 << 20,
        "max_request_size": 2 << 20,
        "linger_ms": 5,
    }
    with Cluster(1, config={"message.max.bytes": 2 << 20}) as cluster:
        cluster.create_topic("large")
        cluster.create_topic("quick")
        with cluster.producer(**large) as producer, cluster.producer() as other:
            slow = producer.send("large", random.Random(1).randbytes(1 << 20))
            cluster.wait_for(held.begun.is_set, timeout=60)
            behind = producer.send("large", b"small")
            assert other.send("quick", b"b").get(timeout=60).offset == 0
            assert not slow.done()
            held.go_on.set()
            assert (slow.get(timeout=60).offset, behind.get(timeout=60).offset) == (0, 1)
        assert held.threads.isdisjoint({threading.main_thread()})
        assert [codec_name(each.compression) for each in logged(cluster, "large")] == ["gzip", "gzip"]


def test_a_large_batch_of_a_topic_without_a_codec_waits_for_no_compression(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    monkeypatch.setattr(
        preparing,
        "prepared",
        lambda batches, config, *rest: (prepared if config.compression_type < 0 else held)(batches, config, *rest),
    )
    with Cluster(1) as cluster:
        cluster.create_topic("slow", config={"compression.type": "zstd"})
        cluster.create_topic("large")
        with cluster.producer() as producer, cluster.producer(compression_type="gzip") as other:
            slow = producer.send("slow", b"a")
            cluster.wait_for(held.begun.is_set, timeout=60)
            assert other.send("large", random.Random(1).randbytes(1 << 19)).get(timeout=60).offset == 0
            assert not slow.done()
            held.go_on.set()
            assert slow.get(timeout=60).offset == 0


def logged(cluster: Cluster, topic: str) -> list[RecordBatch]:
    node = cluster.nodes[1]
    replica: Any = node.actors[f"{node.name}/replica/{topic}-0"]
    return list(replica.log.batches(0))
