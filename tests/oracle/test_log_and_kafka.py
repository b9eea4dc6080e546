"""Kafka's own tools read every file of our logs, and a Kafka that is started on them goes on where we stopped."""

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from log.batching import NOW_MS, append, batch, small_config

from bench.peers.kafka import KafkaCluster, tool
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig, checkpoints

DUMP = "org.apache.kafka.tools.DumpLogSegments"


def written(folder: Path) -> Path:
    """A log of several segments, of all compressions, with two producers and two leader epochs, closed."""
    log = Log.open(PosixFileSystem(folder), "orders-0", small_config(segment_bytes=2000), now_ms=NOW_MS)
    for number in range(60):
        each = batch(
            3,
            size=number,
            producer=7 + number % 2,
            sequence=number // 2 * 3,
            timestamp=NOW_MS + number * 10,
            compression=number % 5,
        )
        append(log, each, leader_epoch=number // 30)
    assert len(log.segments) > 2
    log.close()
    return folder / "orders-0"


def test_kafkas_tool_reads_our_batches_and_records(kafka_jars: Path, tmp_path: Path) -> None:
    offsets = []
    for path in sorted(written(tmp_path).glob("*.log")):
        printed = tool(DUMP, "--deep-iteration", "--print-data-log", "--files", path)
        for line in printed.splitlines():
            if line.startswith("baseOffset:"):
                assert "isvalid: true" in line
            elif line.startswith("| offset:"):
                offsets.append(int(line.split()[2]))
    assert offsets == list(range(180))


def test_kafkas_tool_finds_no_fault_in_our_indexes(kafka_jars: Path, tmp_path: Path) -> None:
    folder = written(tmp_path)
    indexes = sorted(folder.glob("*index"))
    assert len(indexes) > 4
    names = ",".join(str(path) for path in indexes)
    sane = tool(DUMP, "--index-sanity-check", "--files", names)
    assert sane.count("passed sanity check") == len(indexes)
    deep = tool(DUMP, "--verify-index-only", "--files", names)
    for complaint in ("ismatch", "Found", "out of order", "Error"):
        assert complaint not in deep


def test_kafkas_tool_reads_our_producers(kafka_jars: Path, tmp_path: Path) -> None:
    newest = max(written(tmp_path).glob("*.snapshot"))
    printed = tool(DUMP, "--files", newest)
    assert "producerId: 7 producerEpoch: 0" in printed
    assert "producerId: 8 producerEpoch: 0" in printed
    assert "lastSequence: 89" in printed


@pytest.mark.parametrize("clean", [True, False])
def test_kafka_goes_on_in_a_log_that_we_went_on_in(start_kafka: Callable[..., KafkaCluster], clean: bool) -> None:
    kafka = start_kafka()
    produce(kafka, range(50))
    kafka.stop()
    fs = PosixFileSystem(kafka.log_folder(1))
    assert checkpoints.take_clean_shutdown(fs)
    points = checkpoints.read_offsets(fs, checkpoints.RECOVERY_POINTS)
    log = Log.open(fs, "ours-0", LogConfig(), now_ms=NOW_MS, clean=True, recovery_point=points["ours", 0])
    assert (log.recovery.walked_segments, log.end_offset) == (0, 50)
    for number in range(50, 100, 10):
        append(log, batch(10, fill=b"%d" % number, size=1), leader_epoch=log.latest_epoch)
        log.roll(NOW_MS)
    if clean:
        log.close()
        points["ours", 0] = log.recovery_point
        checkpoints.write_offsets(fs, checkpoints.RECOVERY_POINTS, points)
        checkpoints.write_clean_shutdown(fs)
    fs.close()
    kafka.launch()
    kafka.wait()
    produce(kafka, range(100, 150))
    values = consume(kafka, 150)
    assert values[:50] == [b"%d" % n for n in range(50)]
    assert values[50:100] == [b"%d" % (n // 10 * 10) for n in range(50, 100)]
    assert values[100:] == [b"%d" % n for n in range(100, 150)]


def produce(kafka: KafkaCluster, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True})
    for number in numbers:
        producer.produce("ours", key="k", value=str(number), partition=0)
    assert producer.flush(60) == 0


def consume(kafka: KafkaCluster, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "readers", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition("ours", 0, 0)])
    found: list[bytes] = []
    while len(found) < count:
        messages = consumer.consume(count - len(found), 30)
        assert messages
        for message in messages:
            value = message.value()
            assert value is not None
            found.append(value)
    consumer.close()
    return found
