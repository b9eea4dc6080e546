"""Keys of brokers that hold for the logs of all topics without ones of their own, from one append to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kstore import Cluster, ConfigResource
from kstore.errors import InvalidTimestamp
from kstore.log import Log

HOUR_MS = 3_600_000
TEXT = b" ".join(b"%d" % (number * number) for number in range(20_000))


@pytest.fixture
def cluster(start: Callable[..., Any]) -> Cluster:
    found: Cluster = start(brokers=1).cluster
    found.create_topic("orders")
    return found


def set_keys(cluster: Cluster, **keys: str) -> None:
    """Of all brokers, by the names with dots."""
    with cluster.admin() as admin:
        named = {name.replace("_", "."): value for name, value in keys.items()}
        admin.alter_configs([ConfigResource("broker", "", named)])


def log_of(cluster: Cluster, topic: str) -> Log:
    (node,) = cluster.living()
    log: Log = node.actors[f"{node.name}/replica/{topic}-0"].log  # type: ignore[attr-defined]
    return log


def send(cluster: Cluster, value: bytes, *, topic: str = "orders", timestamp_ms: int | None = None) -> None:
    with cluster.producer() as producer:
        producer.send(topic, value, partition=0, timestamp_ms=timestamp_ms).get(10)


def test_the_time_of_the_append_is_the_records_when_brokers_say_so(cluster: Cluster) -> None:
    now_ms = cluster.world.clock.now_ms()
    send(cluster, b"as sent", timestamp_ms=now_ms - HOUR_MS)
    set_keys(cluster, log_message_timestamp_type="LogAppendTime")
    send(cluster, b"as appended", timestamp_ms=now_ms - HOUR_MS)
    set_keys(cluster, log_message_timestamp_type="CreateTime")
    send(cluster, b"as sent again", timestamp_ms=now_ms - HOUR_MS)
    batches = list(log_of(cluster, "orders").batches(0))
    assert [batch.timestamp_type for batch in batches] == [0, 1, 0]
    assert [batch.max_timestamp == now_ms - HOUR_MS for batch in batches] == [True, False, True]
    assert batches[1].max_timestamp >= now_ms


@pytest.mark.parametrize(
    ("key", "refused_ms", "taken_ms"),
    [
        ("log_message_timestamp_before_max_ms", -2 * HOUR_MS, -HOUR_MS // 2),
        ("log_message_timestamp_after_max_ms", HOUR_MS // 2, HOUR_MS // 20),
    ],
)
def test_how_far_timestamps_may_be_off_is_a_key_of_brokers(
    cluster: Cluster, key: str, refused_ms: int, taken_ms: int
) -> None:
    now_ms = cluster.world.clock.now_ms()
    send(cluster, b"early enough", timestamp_ms=now_ms + refused_ms)
    set_keys(cluster, **{key: str(abs(taken_ms) * 2)})
    with pytest.raises(InvalidTimestamp):
        send(cluster, b"too far off", timestamp_ms=now_ms + refused_ms)
    send(cluster, b"near enough", timestamp_ms=now_ms + taken_ms)
    assert [record.value for record in cluster.records("orders")] == [b"early enough", b"near enough"]


@pytest.mark.parametrize(("codec", "low", "high"), [("gzip", "1", "9"), ("lz4", "1", "17"), ("zstd", "1", "19")])
def test_codec_and_level_of_brokers_hold_for_the_next_append(cluster: Cluster, codec: str, low: str, high: str) -> None:
    sizes = []
    for level in (low, high):
        set_keys(cluster, compression_type=codec, **{f"compression_{codec}_level": level})
        send(cluster, TEXT)
        sizes.append(list(log_of(cluster, "orders").batches(0))[-1].size_bytes)
    assert sizes[1] < sizes[0]
    assert {record.value for record in cluster.records("orders")} == {TEXT}


def test_a_topics_own_key_comes_before_the_brokers(cluster: Cluster) -> None:
    with cluster.admin() as admin:
        admin.alter_configs([ConfigResource("topic", "orders", {"compression.type": "uncompressed"})])
    set_keys(cluster, compression_type="zstd")
    send(cluster, TEXT)
    assert [batch.compression for batch in log_of(cluster, "orders").batches(0)] == [0]


def test_jitter_of_brokers_rolls_segments_apart(start: Callable[..., Any]) -> None:
    """Drawn from the world, so a seed has the same again."""
    bases = []
    for _ in range(2):
        config = {"log.roll.ms": 60_000, "log.roll.jitter.ms": 50_000}
        cluster = start(brokers=1, config=config).cluster
        for number in range(8):
            cluster.create_topic(f"t{number}")
            send(cluster, b"x", topic=f"t{number}")
        drawn = [log_of(cluster, f"t{number}").jitter_ms for number in range(8)]
        assert len(set(drawn)) > 4
        assert all(0 <= each < 50_000 for each in drawn)
        cluster.run_for(45)
        for number in range(8):
            send(cluster, b"y", topic=f"t{number}")
        bases.append([log_of(cluster, f"t{number}").segments.base_offsets for number in range(8)])
    assert bases[0] == bases[1]
    assert {tuple(each) for each in bases[0]} == {(0,), (0, 1)}
