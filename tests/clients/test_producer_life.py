"""A producer among threads, callbacks, other clients and traces; what it leaves behind."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from actors.clients.errors import ClientClosed
from kstore import Cluster, Producer
from kstore.errors.config import ConfigError


def test_a_batch_that_nobody_waits_for_is_sent_when_it_has_lingered(target) -> None:
    topic = target.topic()
    arrived = threading.Event()
    target.producer(linger_ms=20).send(topic, b"v").add_callback(lambda _: arrived.set())
    assert arrived.wait(30)


def test_a_callback_may_send(target) -> None:
    topic = target.topic()
    producer = target.producer()
    done = threading.Event()

    def go_on(metadata: Any) -> None:
        if metadata.offset < 5:
            producer.send(topic, b"v").add_callback(go_on)
        else:
            done.set()

    producer.send(topic, b"v").add_callback(go_on)
    assert done.wait(30)


def test_what_a_callback_raises_is_logged_and_harms_nobody(cluster, caplog) -> None:
    def fail(metadata: Any) -> None:
        raise LookupError("of the user's own")

    producer = cluster.producer()
    future = producer.send("t", b"v").add_callback(fail)
    producer.flush()
    assert future.get(0).offset == 0
    assert "of the user's own" in caplog.text


@pytest.mark.parametrize("how", [{}, {"listen": "127.0.0.1:0"}], ids=["real", "listen"])
def test_a_callback_that_would_end_its_thread_ends_none_of_ours(how, caplog) -> None:
    with Cluster(**how) as cluster, cluster.producer(linger_ms=100) as producer:
        producer.send("t", b"v").get(timeout=10)
        for _ in range(2):  # lingers in the background, while nobody drives
            called = threading.Event()

            def leave(_: Any, called: threading.Event = called) -> None:
                called.set()
                raise SystemExit(1)

            producer.send("t", b"v").add_callback(leave)
            assert called.wait(30)
    assert "a callback raised" in caplog.text


def test_the_values_before_one_that_is_wrong_are_sent(cluster) -> None:
    producer = cluster.producer()
    cluster.create_topic("wrong-values")
    with pytest.raises(TypeError):
        producer.send_many("wrong-values", [b"a", b"b", bytearray(b"c"), memoryview(b"d"), 5, b"e"])
    producer.flush()
    assert [record.value for record in cluster.records("wrong-values")] == [b"a", b"b", b"c", b"d"]


def test_lingering_collects_what_comes_in_that_time() -> None:
    with Cluster(seed=2) as cluster:
        cluster.create_topic("t")
        producer = cluster.producer(linger_ms=50)
        producer.send("t", b"first").get()
        before = producer.metrics()["producer-metrics"]["request-total"]
        for _ in range(10):
            producer.send("t", b"v")
            cluster.run_for(0.004)
        assert producer.metrics()["producer-metrics"]["request-total"] == before
        cluster.run_for(0.02)
        assert producer.metrics()["producer-metrics"]["request-total"] == before + 1
        assert len(cluster.records("t", 11)) == 11


def test_without_lingering_a_record_goes_at_once() -> None:
    with Cluster(seed=2) as cluster:
        producer = cluster.producer(linger_ms=0)
        producer.send("t", b"first").get()
        begun = cluster.now
        future = producer.send("t", b"v")
        cluster.run_until(future.done)
        assert cluster.now - begun < 0.005


def test_a_topic_that_was_deleted_and_made_again_is_sent_to() -> None:
    with Cluster(3, seed=4) as cluster:
        producer, admin = cluster.producer(), cluster.admin()
        for _ in range(3):
            cluster.create_topic("t", partitions=1, replication_factor=3)
            assert producer.send("t", b"v").get(60).offset == 0
            assert producer.send("t", b"v").get(60).offset == 1
            admin.delete_topics(["t"])


def test_the_trace_tells_a_records_way_from_the_users_call(cluster) -> None:
    cluster.create_topic("t")
    producer = cluster.producer()
    producer.send("t", b"first").get(10)
    producer.send("t", b"v").get(10)
    rows = cluster.world.recorder.recent()
    opened = [row for row in rows if row.kind == "BatchOpened" and row.partition == "t-0"][-1]
    cause = cluster.world.recorder.chain(opened.sequence)[-1]
    assert (cause.kind, cause.cause) == ("Producer.send", 0)
    drained = [row for row in rows if row.kind == "BatchDrained"][-1]
    assert (drained.partition, drained.offset1, drained.offset2) == ("t-0", opened.offset1, 1)
    acknowledged = [row for row in rows if row.kind == "BatchAcknowledged"][-1]
    assert (acknowledged.offset1, acknowledged.offset2) == (1, 1)
    assert cluster.world.recorder.chain(acknowledged.sequence)[-1].kind == "Producer.send"


def test_producers_in_one_cluster_do_not_disturb_each_other(cluster) -> None:
    cluster.create_topic("t", partitions=2)
    producers = [cluster.producer() for _ in range(5)]
    futures = [producer.send("t", b"%d" % i, partition=i % 2) for i, producer in enumerate(producers)]
    producers[0].close()
    for producer in producers[1:]:
        producer.flush(30)
    assert all(future.succeeded() for future in futures)
    assert len(cluster.records("t", 5)) == 5


def test_a_closed_producer_says_so(target) -> None:
    topic = target.topic()
    producer = target.producer()
    producer.send(topic, b"v").get(30)
    producer.close()
    producer.close()
    for use in (
        lambda: producer.send(topic, b"v"),
        lambda: producer.send_many(topic, [b"v"]),
        lambda: producer.partitions_for(topic),
        producer.flush,
    ):
        with pytest.raises(ClientClosed, match="closed"):
            use()
    with pytest.raises(ClientClosed, match="producer was closed"):
        producer.flush()


def test_threads_that_wait_for_memory_all_go_on(cluster) -> None:
    cluster.create_topic("t", partitions=3)
    producer = cluster.producer(buffer_memory=65_536, batch_size=16_384)

    def send(name: int) -> None:
        for _ in range(100):
            producer.send("t", bytes(3000), partition=name % 3)

    threads = [threading.Thread(target=send, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    producer.flush(30)
    assert len(cluster.records("t", 600)) == 600
    assert producer.metrics()["producer-metrics"]["buffer-available-bytes"] == 65_536


def test_metrics_count_what_was_done(target) -> None:
    topic = target.topic()
    producer = target.producer(batch_size=1000)
    for _ in range(100):
        producer.send(topic, bytes(100))
    producer.flush()
    found = producer.metrics()["producer-metrics"]
    assert found["record-send-total"] == 100
    assert found["request-total"] >= 1
    assert found["requests-in-flight"] == found["record-error-total"] == 0
    assert 500 < found["batch-size-avg"] <= 1000
    assert found["buffer-available-bytes"] == found["buffer-total-bytes"] == 33_554_432


def test_a_subclass_may_send_in_its_own_way(cluster) -> None:
    class Loud(Producer):
        def send(self, topic: str, value: Any = None, *rest: Any, **named: Any) -> Any:
            return super().send(topic, value.upper(), *rest, **named)

    with cluster._client("producer", lambda transport: Loud(transport=transport)) as producer:
        producer.send("t", b"quiet").get(10)
    assert [record.value for record in cluster.records("t", 1)] == [b"QUIET"]


@pytest.mark.parametrize(
    ("keyword", "message"),
    [
        ({"linger": 5}, "a producer has no keyword linger .did you mean linger_ms"),
        ({"transactional_id": "t", "acks": 1}, "a producer with a transactional_id is idempotent: leave out acks=1"),
        ({"acks": 2}, "acks takes 0, 1 or"),
        ({"acks": 1, "enable_idempotence": True}, 'an idempotent producer has acks="all"'),
        ({"max_in_flight_requests_per_connection": 6}, "at most 5 requests in flight, not 6"),
    ],
)
def test_a_wrong_keyword_is_told_when_the_producer_is_made(cluster, keyword, message) -> None:
    with pytest.raises(ConfigError, match=message):
        cluster.producer(**keyword)


def test_producers_and_their_batches_are_forgotten() -> None:
    def count() -> int:
        gc.collect()
        return sum(
            type(each).__name__ in ("PendingBatch", "Producer", "Sender", "PartitionQueue") for each in gc.get_objects()
        )

    with Cluster() as cluster:
        cluster.create_topic("t")
        counts = []
        for _ in range(3):
            for _ in range(5):
                with cluster.producer(batch_size=200) as producer:
                    for i in range(50):
                        producer.send("t", b"%d" % i).add_callback(str)
                    producer.send_many("t", [b"v"] * 10).get(10)
                del producer
            counts.append(count())
    assert counts[1] == counts[2]
