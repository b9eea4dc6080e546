"""What Apache Kafka writes to disk, our reader reads: every batch, with its checksum, and every record in it."""

from pathlib import Path

import pytest
from confluent_kafka import Producer
from present import present

from bench.peers.kafka import KafkaCluster, tool
from kstore.records import parse_batches

COUNT = 500


def produced_file(kafka: KafkaCluster, topic: str, **config: str) -> Path:
    """Produce COUNT records with keys and headers; the log file they are in."""
    base = {"bootstrap.servers": kafka.bootstrap, "acks": "all", "linger.ms": "5", "batch.num.messages": "64"}
    producer = Producer({**base, **config})
    for i in range(COUNT):
        producer.produce(topic, key=f"key-{i}", value=f"value-{i}" * 10, headers={"number": str(i)})
    assert producer.flush(60) == 0
    return kafka.log_folder(1) / f"{topic}-0" / f"{0:020d}.log"


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("idempotence", ["false", "true"])
def test_we_read_every_record_that_kafka_has_written(kafka: KafkaCluster, compression: str, idempotence: str) -> None:
    topic = f"read-{compression}-{idempotence}"
    config = {"compression.type": compression, "enable.idempotence": idempotence}
    batches = parse_batches(produced_file(kafka, topic, **config).read_bytes())
    for batch in batches:
        batch.verify_crc()
        assert (batch.producer_id >= 0) == (idempotence == "true")
    records = [record for batch in batches for record in batch.records()]
    assert [record.offset for record in records] == list(range(COUNT))
    assert [bytes(present(record.key)) for record in records] == [b"key-%d" % i for i in range(COUNT)]
    assert [bytes(present(record.value)) for record in records] == [b"value-%d" % i * 10 for i in range(COUNT)]
    assert [[(name, bytes(present(value))) for name, value in record.headers] for record in records] == [
        [("number", b"%d" % i)] for i in range(COUNT)
    ]


def test_our_view_of_a_batch_is_that_of_kafkas_own_tool(kafka: KafkaCluster) -> None:
    path = produced_file(kafka, "view", **{"enable.idempotence": "true"})
    printed = tool("org.apache.kafka.tools.DumpLogSegments", "--files", path)
    theirs = [dict(_pairs(line)) for line in printed.splitlines() if line.startswith("baseOffset:")]
    ours = [
        {
            "baseOffset": str(batch.base_offset),
            "lastOffset": str(batch.last_offset),
            "count": str(batch.count),
            "baseSequence": str(batch.base_sequence),
            "lastSequence": str(batch.last_sequence),
            "producerId": str(batch.producer_id),
            "producerEpoch": str(batch.producer_epoch),
            "partitionLeaderEpoch": str(batch.leader_epoch),
            "size": str(batch.size_bytes),
            "magic": str(batch.magic),
            "crc": str(batch.crc),
            "isvalid": "true",
        }
        for batch in parse_batches(path.read_bytes())
    ]
    assert ours
    assert [{key: batch[key] for key in ours[0]} for batch in theirs] == ours


def _pairs(line: str) -> list[tuple[str, str]]:
    words = line.split()
    return [(name.rstrip(":"), value) for name, value in zip(words[::2], words[1::2], strict=False)]
