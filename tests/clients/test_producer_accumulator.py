"""Records before they are sent: their partitions, their batches, the memory they hold. Kafka's own decisions where it
decides (``golden/producer_rules.tsv``, written by ``golden/ProducerRules.java``).
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import pytest

from actors.clients.errors import BufferExhausted, SerializationFailed
from actors.clients.keywords.table import ProducerConfig
from actors.clients.producer.accumulator import Accumulator
from actors.clients.producer.bulk import send_many
from actors.runtime.clock import Clock
from kstore.errors import KafkaError, MessageTooLarge
from kstore.errors.config import ConfigError
from kstore.records import parse_batches

GOLDEN = [line.split("\t") for line in (Path(__file__).parent / "golden/producer_rules.tsv").read_text().splitlines()]


class Counter:
    """Random numbers that are 0, 1, 2, ..."""

    def __init__(self, first: int = 0) -> None:
        self.next = first

    def getrandbits(self, bits: int) -> int:
        self.next += 1
        return self.next - 1


class Hooks:
    """A producer that does nothing; ``waited`` is called when memory is waited for."""

    def __init__(self) -> None:
        self.signals: list[bool] = []
        self.waited: Any = lambda: None
        self.refusals: list[KafkaError] = []

    def find_topic(self, name: str, partition: int) -> None:
        raise AssertionError(f"{name} should be known")

    def signal(self, filled: bool) -> None:
        self.signals.append(filled)

    def refused(self, error: KafkaError) -> None:
        self.refusals.append(error)

    def wait(self, until: Any, timeout_s: float) -> bool:
        self.waited()
        return bool(until())


def accumulator(*, partitions: int = 1, first: int = 0, **keywords: Any) -> tuple[Accumulator, Hooks]:
    hooks = Hooks()
    made = Accumulator(ProducerConfig.parse(keywords), Clock(virtual=True), Counter(first), deque(), hooks)
    made.set_topic("t", [True] * partitions)
    return made, hooks


def taken(made: Accumulator) -> list[Any]:
    """All batches, as the sender takes them."""
    made.close_all()
    batches = []
    for queue in made.take_ready():
        batches += queue.waiting
        queue.waiting.clear()
    return batches


def parts(made: Accumulator) -> list[list[int]]:
    """How many records there are in the batches of each partition."""
    found: dict[int, list[int]] = {}
    for batch in taken(made):
        found.setdefault(batch.partition, []).append(batch.count)
    return [found[partition] for partition in sorted(found)]


@pytest.mark.parametrize(("batch_size", "sizes", "expected"), [row[1:] for row in GOLDEN if row[0] == "sticky"])
def test_records_without_a_key_go_where_javas_producer_puts_them(batch_size, sizes, expected) -> None:
    made, _ = accumulator(
        partitions=5, batch_size=int(batch_size), partitioner_adaptive_partitioning_enable=False, buffer_memory=1 << 28
    )
    found = []
    counts = [0] * 5
    for size in sizes.split(","):
        made.send("t", bytes(int(size)), timestamp_ms=1000)
        now = [0] * 5
        for batch in made.incomplete:
            now[batch.partition] += batch.count
        (partition,) = (n for n in range(5) if now[n] != counts[n])
        counts = now
        found.append(f"{partition}{'+' if made.take_opened() else ''}")
    assert ",".join(found) == expected


@pytest.mark.parametrize(("queues", "drawn", "expected"), [row[1:] for row in GOLDEN if row[0] == "next"])
def test_a_shorter_queue_is_likelier_by_javas_weights(queues, drawn, expected) -> None:
    sizes = [int(size) for size in queues.split(",")]
    made, _ = accumulator(partitions=len(sizes), first=int(drawn))
    for partition, size in enumerate(sizes):
        for _ in range(size):
            made.send("t", b"", partition=partition)
            made.close_all()
    before = set(made.incomplete)
    made.send("t", b"")
    (batch,) = set(made.incomplete) - before
    assert batch.partition == int(expected)


def test_round_robin_takes_the_partitions_in_turn_keys_or_not() -> None:
    made, _ = accumulator(partitions=3, partitioner="round_robin")
    for i in range(7):
        made.send("t", b"%d" % i, key=b"same" if i % 2 else None)
    assert parts(made) == [[3], [2], [2]]


def test_round_robin_leaves_out_partitions_without_a_leader() -> None:
    made, _ = accumulator(partitions=3, partitioner="round_robin")
    made.set_topic("t", [True, False, True])
    for _ in range(4):
        made.send("t", b"v")
    assert sorted(batch.partition for batch in taken(made)) == [0, 2]


def test_a_partitioner_of_the_users_own_is_asked() -> None:
    asked = []

    def choose(key: bytes | None, every: list[int], available: list[int]) -> int:
        asked.append((key, every, available))
        return 1

    made, _ = accumulator(partitions=3, partitioner=choose)
    made.set_topic("t", [True, True, False])
    made.send("t", b"v", key=b"k")
    made.send("t", b"v")
    send_many(made, "t", [b"v"], keys=[b"k"])
    assert asked == [(key, [0, 1, 2], [0, 1]) for key in (b"k", None, b"k")]
    assert [batch.partition for batch in taken(made)] == [1]
    made, _ = accumulator(partitions=2, partitioner=lambda *_: 2)
    with pytest.raises(ValueError, match="the partitioner gave 2 for t, which has 2 partitions"):
        made.send("t", b"v")


def test_keys_can_be_ignored() -> None:
    made, _ = accumulator(partitions=50, partitioner_ignore_keys=True)
    for i in range(20):
        made.send("t", b"v", key=b"%d" % i)
    assert parts(made) == [[20]]


@pytest.mark.parametrize("partition", [-1, 2**31, -(2**40)])
def test_no_partition_has_a_number_below_zero_or_beyond_32_bits(partition) -> None:
    with pytest.raises(ValueError, match="a partition is a number from 0"):
        accumulator()[0].send("t", b"v", partition=partition)


def test_a_batch_holds_no_more_than_batch_size() -> None:
    made, hooks = accumulator(batch_size=1000)
    for _ in range(100):
        made.send("t", bytes(93))
    batches = taken(made)
    assert [batch.count for batch in batches] == [9] * 11 + [1]
    assert all(len(batch.build()) <= 1000 for batch in batches)
    assert hooks.signals.count(True) == 11


def test_a_record_larger_than_batch_size_has_a_batch_of_its_own() -> None:
    made, _ = accumulator(batch_size=1000)
    for size in (10, 5000, 10):
        made.send("t", bytes(size))
    assert parts(made) == [[1, 1, 1]]


def test_many_values_fill_batches_as_large_as_a_request() -> None:
    made, _ = accumulator(batch_size=1000, max_request_size=10_000)
    send_many(made, "t", [bytes(93)] * 250)
    assert parts(made) == [[97, 97, 56]]
    send_many(made, "t", [bytes(93)] * 3)
    made.send("t", bytes(93))
    assert parts(made) == [[4]]


def test_many_values_that_fill_one_batch_tell_the_sender_once() -> None:
    made, hooks = accumulator(batch_size=1000, max_request_size=10_000)
    send_many(made, "t", [bytes(93)] * 50)
    assert hooks.signals == [True]
    send_many(made, "t", [bytes(93)] * 3)
    assert hooks.signals == [True, False]


def test_many_values_go_to_another_partition_with_each_batch() -> None:
    made, _ = accumulator(partitions=3, batch_size=1000, max_request_size=10_000)
    send_many(made, "t", [bytes(93)] * 600)
    assert parts(made) == [[97, 97, 18], [97, 97], [97, 97]]


def test_what_compression_saves_lets_more_into_a_batch() -> None:
    made, _ = accumulator(batch_size=2000, compression_type="lz4")
    counts = []
    for _ in range(60):
        for _ in range(100):
            made.send("t", b"the same again and again " * 4)
        for batch in taken(made):
            counts.append(batch.count)
            made.built(batch)
    assert counts[0] == 16
    assert max(counts) > 32


def test_timestamps_keys_and_headers_are_in_the_batch() -> None:
    made, _ = accumulator()
    made.send("t", b"a", key=b"k", headers=[("h", b"1")], timestamp_ms=5_000)
    made.send("t", b"b", timestamp_ms=1_000)
    (batch,) = taken(made)
    (read,) = parse_batches(batch.build())
    read.verify_crc()
    assert [(r.timestamp, r.key, r.value, r.headers) for r in read.records()] == [
        (5_000, b"k", b"a", (("h", b"1"),)),
        (1_000, None, b"b", ()),
    ]
    assert (read.base_timestamp, read.max_timestamp) == (5_000, 5_000)


def test_batches_that_come_back_wait_in_the_order_of_their_sequences() -> None:
    made, _ = accumulator(batch_size=1)
    for _ in range(4):
        made.send("t", b"v")
        made.close_all()
    queue = made.take_ready()[0]
    batches = list(queue.waiting)
    queue.waiting[:] = batches[3:]
    for batch, sequence in zip(batches, [2**31 - 5, 5, 10], strict=False):
        batch.number_as(7, 0, sequence)
    for place in (1, 2, 0):
        queue.put_back(batches[place])
    assert queue.waiting == batches


def test_another_number_makes_other_bytes_and_leaves_those_given_away() -> None:
    made, _ = accumulator()
    made.send("t", b"v")
    (batch,) = taken(made)
    batch.number_as(7, 0, 0)
    first = batch.build()
    assert batch.build() is first
    kept = bytes(first)
    batch.number_as(7, 1, 5, reset=True)
    (read,) = parse_batches(batch.build())
    read.verify_crc()
    assert (read.producer_id, read.producer_epoch, read.base_sequence) == (7, 1, 5)
    assert first == kept


def test_memory_is_taken_by_batches_and_given_back() -> None:
    made, _ = accumulator(buffer_memory=10_000, batch_size=1000)
    made.send("t", bytes(10))
    assert made.free_bytes == 9_000
    made.send("t", bytes(3000))
    assert made.free_bytes == 9_000 - (61 + 21 + 1 + 2 + 3000 + 1)
    for batch in taken(made):
        made.succeed(batch, 0)
    assert made.free_bytes == 10_000


def test_without_memory_everything_is_sent_and_waited_for() -> None:
    made, hooks = accumulator(buffer_memory=2_000, batch_size=1_000)

    def acknowledge() -> None:
        assert made.starving == 1
        for batch in taken(made):
            made.succeed(batch, 0)

    hooks.waited = acknowledge
    for _ in range(100):
        made.send("t", bytes(500))
    hooks.waited = lambda: None
    with pytest.raises(BufferExhausted):
        send_many(made, "t", [bytes(500)] * 10)
    assert made.starving == 0


@pytest.mark.parametrize(
    ("keywords", "named"), [({"max_request_size": 500}, "max_request_size"), ({"buffer_memory": 500}, "buffer_memory")]
)
def test_a_record_that_can_never_be_sent_has_failed_already(keywords, named) -> None:
    made, hooks = accumulator(batch_size=100, **keywords)
    fits = 500 - 61 - 21 - 1 - 2 - 1
    assert not made.send("t", bytes(fits)).done()
    future = made.send("t", bytes(fits + 1))
    assert future.failed()
    with pytest.raises(MessageTooLarge, match=rf"501 bytes, more than {named} \(500\)"):
        future.get()
    with pytest.raises(MessageTooLarge, match="501 bytes"):
        send_many(made, "t", [bytes(fits + 1)])
    assert [type(each) for each in hooks.refusals] == [MessageTooLarge, MessageTooLarge]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": "text"}, "a value is bytes-like or None, not str: give value_serializer"),
        ({"value": b"v", "key": 7}, "a key is bytes-like or None, not int: give key_serializer"),
        ({"value": b"v", "headers": [(b"h", b"v")]}, "a header's name is a str, not bytes"),
        ({"topic": b"t"}, "a topic is a str, not bytes"),
    ],
)
def test_what_is_of_the_wrong_type_is_told(arguments, message) -> None:
    with pytest.raises(TypeError, match=message):
        accumulator()[0].send(**{"topic": "t", **arguments})


def test_no_record_is_older_than_1970() -> None:
    with pytest.raises(ValueError, match="in ms since 1970, not -1"):
        accumulator()[0].send("t", b"v", timestamp_ms=-1)


def test_a_serializer_that_raises_is_named() -> None:
    made, _ = accumulator(value_serializer=str.encode)
    with pytest.raises(SerializationFailed, match="a serializer for t raised") as raised:
        made.send("t", 7)
    assert isinstance(raised.value.__cause__, TypeError)


class Upper:
    """kafka-python's kind of serializer."""

    def serialize(self, topic: str, headers: list[Any], data: Any) -> bytes:
        return f"{topic}:{len(headers)}:{data}".upper().encode()


class Lower:
    """Its older kind."""

    def serialize(self, topic: str, data: Any) -> bytes:
        return f"{topic}:{data}".lower().encode()


def test_serializers_may_be_kafka_pythons_objects() -> None:
    made, _ = accumulator(value_serializer=Upper(), key_serializer=Lower())
    made.send("t", "v", key="K", headers=[("h", b"")])
    send_many(made, "t", ["w"], keys=["L"])
    (batch,) = taken(made)
    assert [(r.key, r.value) for r in batch.records()] == [(b"t:k", b"T:1:V"), (b"t:l", b"T:0:W")]


@pytest.mark.parametrize("values", [b"bytes", "text", bytearray(3), memoryview(b"v")])
def test_one_value_is_not_many(values) -> None:
    with pytest.raises(TypeError, match="values are many"):
        send_many(accumulator()[0], "t", values)


def test_columns_of_other_shapes_are_refused() -> None:
    import numpy as np

    made, _ = accumulator()
    for wrong in (np.zeros(3), np.zeros((2, 2, 2), np.uint8), np.zeros(3, np.uint8), np.array(["text"])):
        with pytest.raises(TypeError, match="an array of values has one dimension"):
            send_many(made, "t", wrong)
    data = np.zeros(4, np.uint8)
    with pytest.raises(TypeError, match="a 1-D array of uint8 and a 1-D array of int64"):
        send_many(made, "t", (data, np.array([0, 4], np.int32)))
    for offsets in ([], [0, 5], [-1, 4], [3, 2]):
        with pytest.raises(ValueError, match="offset"):
            send_many(made, "t", (data, np.array(offsets, np.int64)))
    with pytest.raises(ValueError, match="2 values and 1 keys"):
        send_many(made, "t", [b"a", b"b"], keys=[b"a"])


@pytest.mark.parametrize(("keywords", "outcome"), [row[1:] for row in GOLDEN if row[0] == "idempotence"])
def test_a_producer_is_idempotent_when_javas_is(keywords, outcome) -> None:
    enable, acks, retries, in_flight = keywords.split(",")
    given: dict[str, Any] = {"enable_idempotence": enable == "true"} if enable else {}
    given |= {"acks": acks} if acks else {}
    given |= {"retries": int(retries)} if retries else {}
    given |= {"max_in_flight_requests_per_connection": int(in_flight)} if in_flight else {}
    if outcome == "error":
        with pytest.raises(ConfigError, match="idempotent producer"):
            ProducerConfig.parse(given)
    else:
        assert ProducerConfig.parse(given).enable_idempotence == (outcome == "true")
