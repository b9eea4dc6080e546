"""Folders of every kind that Apache Kafka wrote: our log answers what Kafka's own consumer asked Kafka, and as it did.

Every codec, idempotent or not; transactions, committed and aborted; logs that Kafka's own cleaner compacted; segments
that were rolled by age; records with the time of the append; records that were deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from confluent_kafka.cimpl import TopicPartition as Place
from log.asked import answers, by_topic
from waiting import wait_until

from bench.peers import kafka as real
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig, checkpoints

ASK = Path(__file__).parent / "consumer" / "Ask.java"
BASE_MS = 1_700_000_000_000
NOW_MS = BASE_MS + 10**9
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
SMALL = {"retention.ms": "-1", "internal.segment.bytes": "1000", "index.interval.bytes": "100"}
COMPACTED = {**SMALL, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.0001", "delete.retention.ms": "0"}
TOPICS = {
    **dict.fromkeys(CODECS, SMALL),
    "transactions": SMALL,
    "compacted": COMPACTED,
    "compacted-later": {**COMPACTED, "delete.retention.ms": "86400000"},
    "rolled": {
        "retention.ms": "-1",
        "segment.ms": "60000",
        "index.interval.bytes": "100",
        "message.timestamp.after.max.ms": str(2**63 - 1),
    },
    "append-time": {**SMALL, "message.timestamp.type": "LogAppendTime"},
    "deleted": SMALL,
}
DELETED = 33
QUICKLY = {
    "log.cleaner.backoff.ms": "200",
    "log.retention.check.interval.ms": "500",
    "log.initial.task.delay.ms": "500",
}
CONFIG: dict[str, Any] = {"index_interval_bytes": 100, "segment_ms": 60_000, "producer_id_expiration_ms": 1 << 60}
PLAIN: Mapping[str, Any] = MappingProxyType({})


class Writer:
    """Writes with librdkafka, whose batches the broker appends as they come."""

    def __init__(self, bootstrap: str) -> None:
        self.config: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, "linger.ms": 50}

    def write(
        self,
        topic: str,
        first: int,
        count: int,
        *,
        keys: int = 1000,
        step_ms: int = 10,
        config: Mapping[str, Any] = PLAIN,
    ) -> None:
        """Batches of five, some values null where keys are few."""
        producer = Producer({**self.config, **config})
        if "transactional.id" in config:
            producer.init_transactions(30)
            producer.begin_transaction()
        for number in range(first, first + count):
            value = None if number % 17 == 0 and keys < 1000 else f"value-{number}-" + "x" * (number * 7 % 60)
            timestamp = BASE_MS + number * step_ms + number % 3
            producer.produce(topic, value, f"key-{number % keys}", timestamp=timestamp, partition=0)
            if number % 5 == 4:
                producer.flush()
        producer.flush()
        if "transactional.id" in config:
            end = producer.abort_transaction if config["transactional.id"] == "aborts" else producer.commit_transaction
            end(30)

    def transact(self, topic: str, turns: int, *, keys: int) -> None:
        """Committed and aborted ones after each other, with plain records between."""
        for turn in range(turns):
            first = 1000 + 20 * turn
            self.write(topic, first, 7, keys=keys, config={"transactional.id": "commits"})
            self.write(topic, first + 7, 6, keys=keys, config={"transactional.id": "aborts", "compression.type": "lz4"})
            self.write(topic, first + 13, 3, keys=keys)


def write_everything(kafka: real.KafkaCluster) -> None:
    writer, admin = Writer(kafka.bootstrap), AdminClient({"bootstrap.servers": kafka.bootstrap})
    for made in admin.create_topics([NewTopic(name, 1, 1, config=config) for name, config in TOPICS.items()]).values():
        made.result(30)
    for number, codec in enumerate(CODECS):
        writer.write(codec, 0, 60, config={"compression.type": codec, "enable.idempotence": number % 2 == 0})
    writer.transact("transactions", 5, keys=1000)
    for topic in ("compacted", "compacted-later"):
        for codec in CODECS:
            writer.write(topic, CODECS.index(codec) * 31, 31, keys=9, config={"compression.type": codec})
        writer.transact(topic, 3, keys=9)
        writer.write(topic, 2000, 40, keys=1000)
    writer.write("rolled", 0, 40, step_ms=7_000)
    writer.write("append-time", 0, 40)
    writer.write("deleted", 0, 60, config={"compression.type": "zstd"})
    (deleted,) = admin.delete_records([Place("deleted", 0, DELETED)]).values()
    assert deleted.result(30).low_watermark == DELETED


def bases(kafka: real.KafkaCluster, topic: str) -> list[int]:
    """Where the segments of a topic begin."""
    return sorted(int(path.stem) for path in (kafka.log_folder(1) / f"{topic}-0").glob("*.log"))


def is_deleted(kafka: real.KafkaCluster) -> bool:
    """Whether no segment lies below what was deleted: as long as one does, Kafka finds no older time than its last."""
    first, second, *_ = bases(kafka, "deleted")
    return first > 0 and second > DELETED


def is_cleaned(kafka: real.KafkaCluster) -> bool:
    """Whether both compacted topics are clean up to their active segments."""
    fs = PosixFileSystem(kafka.log_folder(1))
    cleaned = checkpoints.read_offsets(fs, checkpoints.CLEANER_OFFSETS)
    return all(cleaned.get((topic, 0), -1) == bases(kafka, topic)[-1] for topic in ("compacted", "compacted-later"))


@pytest.fixture(scope="module")
def written(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    return write_and_ask(tmp_path_factory.mktemp("written"))


def write_and_ask(folder: Path) -> tuple[Path, list[str]]:
    """Kafka's data directory after it stopped, and what it answered before."""
    with real.running(folder, config=QUICKLY) as kafka:
        write_everything(kafka)
        wait_until(lambda: is_cleaned(kafka), what="the cleaner is done", timeout_s=90)
        wait_until(lambda: is_deleted(kafka), what="deleted segments are gone", timeout_s=90)
        said = real.tool(str(ASK), kafka.bootstrap, *TOPICS, timeout_s=300).splitlines()
        kafka.stop()
    return kafka.log_folder(1), said


@pytest.mark.parametrize("stop", ["clean", "unclean", "without indexes", "with another policy"])
@pytest.mark.parametrize("topic", TOPICS)
def test_our_log_answers_as_kafka_has_answered(
    written: tuple[Path, list[str]], tmp_path: Path, topic: str, stop: str
) -> None:
    folder, said = written
    shutil.copytree(folder / f"{topic}-0", tmp_path / f"{topic}-0")
    if stop == "without indexes":
        for path in tmp_path.glob("*/*index"):
            path.unlink()
    start = checkpoints.read_offsets(PosixFileSystem(folder), checkpoints.START_OFFSETS).get((topic, 0), 0)
    asked = by_topic(said)[topic]
    assert len(asked) > 100
    fs = PosixFileSystem(tmp_path)
    is_compacted = "compacted" in topic and stop != "with another policy"
    config = LogConfig(**CONFIG, compacted=is_compacted)
    is_clean = stop in ("clean", "with another policy")
    log = Log.open(fs, f"{topic}-0", config, now_ms=NOW_MS, clean=is_clean, start_offset=start)
    assert log.recovery.cut_bytes == 0
    assert answers(log, asked) == asked
    log.close()


def test_the_folders_have_what_they_should(written: tuple[Path, list[str]]) -> None:
    folder, said = written
    segments = {topic: len(list((folder / f"{topic}-0").glob("*.log"))) for topic in TOPICS}
    assert all(count > 1 for count in segments.values()), segments
    words = by_topic(said)
    begins = {topic: int(each[1]) for topic, asked in words.items() for each in asked if each[0] == "begin"}
    assert begins["deleted"] == DELETED
    committed, everything = (
        {line[3] for line in words["transactions"] if line[:2] == ["read", isolation]}
        for isolation in ("read_committed", "read_uncommitted")
    )
    assert committed < everything
    gaps = [line for line in words["compacted"] if line[0] == "read" and line[3] not in ("-1", line[2])]
    assert len(gaps) > 50
