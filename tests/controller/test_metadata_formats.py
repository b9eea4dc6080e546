"""The metadata log's formats, against a log that Apache Kafka wrote: read whole, written back byte for byte."""

import base64
from pathlib import Path
from typing import Any

import pytest

from actors.controller.metadata_log import (
    QuorumState,
    Replay,
    encode_batch,
    encode_leader_change,
    read_quorum_state,
    version_of,
    write_quorum_state,
)
from actors.image.image import ClusterImage
from kstore.fs import MemoryFileSystem
from kstore.records import BatchBuilder, RecordBatch, parse_batches
from kstore.schema import SchemaError
from kstore.schema.envelopes import decode_metadata, encode_metadata
from kstore.schema.messages import metadata_records as m

GOLDEN = Path(__file__).parent / "golden"
ORDERS = base64.urlsafe_b64decode("boPO5XkxR7aLPSery0oHdA==")
METADATA_VERSIONS = {"4.3.1": 30, "4.4.0": 33}


@pytest.fixture(params=list(METADATA_VERSIONS))
def release(request: pytest.FixtureRequest) -> str:
    """Of Apache Kafka's, that wrote a log."""
    return str(request.param)


@pytest.fixture
def written_by_kafka(release: str) -> list[RecordBatch]:
    return parse_batches((GOLDEN / f"kafka-{release}-cluster-metadata.log").read_bytes())


def replayed(batches: list[RecordBatch]) -> ClusterImage:
    replay, image = Replay(), ClusterImage()
    for batch in batches:
        image, _ = image.apply(replay.records(batch), batch.last_offset, batch.leader_epoch)
    return image


def test_a_log_of_kafka_gives_the_cluster_that_kafka_had(release: str, written_by_kafka: list[RecordBatch]) -> None:
    image = replayed(written_by_kafka)
    assert (image.controller_id, image.epoch, image.next_producer_id) == (1, 1, 1000)
    assert image.features["metadata.version"] == METADATA_VERSIONS[release]
    assert {b.id: (b.fenced, b.endpoints[0].host) for b in image.brokers.values()} == {
        1: (False, "127.0.0.1"),
        2: (True, "127.0.0.1"),
    }
    first, second = (image.brokers[number].endpoints[0].port for number in (1, 2))
    assert second == first + 1
    assert list(image.topics) == ["orders"]
    assert image.topic_names_by_id == {image.topics["orders"].id: "orders"}
    assert image.topic_config("orders") == {"flush.ms": "5000", "min.insync.replicas": "1"}
    partitions = image.topics["orders"].partitions
    assert sorted(partitions) == [0, 1, 2, 3]
    for each in partitions.values():
        assert sorted(each.replicas) == [1, 2]
        moved = each.replicas[0] == 2  # it led until it was stopped
        assert (each.isr, each.leader, each.leader_epoch) == ((1,), 1, int(moved))


def test_every_record_of_kafka_is_written_back_byte_for_byte(written_by_kafka: list[RecordBatch]) -> None:
    count = 0
    for batch in written_by_kafka:
        for record in () if batch.is_control else batch.records():
            assert record.value is not None
            message = decode_metadata(record.value)
            assert encode_metadata(message, record.value[2]) == record.value
            count += 1
    assert count > 30


def test_our_versions_of_records_are_those_that_kafka_writes(written_by_kafka: list[RecordBatch]) -> None:
    for batch in written_by_kafka:
        for record in () if batch.is_control else batch.records():
            assert record.value is not None
            message = decode_metadata(record.value)
            cordoned = getattr(message, "cordoned_log_dirs", None) is not None
            if not cordoned:
                assert version_of(message) == record.value[2], message


def test_a_change_of_leader_is_written_as_kafka_writes_it(written_by_kafka: list[RecordBatch]) -> None:
    theirs = written_by_kafka[0]
    change: Any
    one_voter: Any
    (change,) = Replay().records(theirs)
    assert (change.leader_id, [voter.voter_id for voter in change.voters]) == (1, [1, 2])
    (ours,) = parse_batches(encode_leader_change(1, [1], 0, 1, theirs.base_timestamp))
    (one_voter,) = Replay().records(ours)
    assert (one_voter.leader_id, [voter.voter_id for voter in one_voter.voters]) == (1, [1])
    assert (ours.is_control, ours.attributes, ours.leader_epoch) == (True, theirs.attributes, theirs.leader_epoch)


def test_a_decision_is_one_batch_without_keys() -> None:
    records = [m.TopicRecord(name="orders", topic_id=ORDERS), m.PartitionRecord(topic_id=ORDERS, partition_id=0)]
    (batch,) = parse_batches(encode_batch(records, 7, 3, 99))
    assert (batch.base_offset, batch.last_offset, batch.leader_epoch, batch.base_timestamp) == (7, 8, 3, 99)
    assert all(record.key is None for record in batch.records())
    assert Replay().records(batch) == records


def test_records_of_an_open_transaction_wait_for_its_end() -> None:
    def batch(*records: m.Message) -> RecordBatch:
        return parse_batches(encode_batch(records, 0, 1, 0))[0]

    topic = m.TopicRecord(name="orders", topic_id=ORDERS)
    replay = Replay()
    assert replay.records(batch(m.BeginTransactionRecord(name="long"), topic)) == []
    assert replay.records(batch(m.NoOpRecord())) == []
    assert replay.records(batch(m.EndTransactionRecord())) == [topic, m.NoOpRecord()]
    assert replay.records(batch(m.BeginTransactionRecord(), topic, m.AbortTransactionRecord())) == []
    assert replay.records(batch(topic)) == [topic]


def test_a_record_of_another_kind_of_log_is_refused() -> None:
    builder = BatchBuilder()
    builder.append(0, None, b"\x07nonsense")
    with pytest.raises(SchemaError):
        Replay().records(parse_batches(builder.build())[0])


def test_quorum_state_is_read_and_written_as_kafka_does(release: str) -> None:
    fs = MemoryFileSystem()
    fs.mkdir("log")
    assert read_quorum_state(fs, "log") == QuorumState(-1, 0)
    kafkas = (GOLDEN / f"kafka-{release}-quorum-state").read_bytes()
    fs.replace("log/quorum-state", kafkas)
    assert read_quorum_state(fs, "log") == QuorumState(1, 1)
    write_quorum_state(fs, "log", QuorumState(1, 1), [1, 2])
    assert fs.read_bytes("log/quorum-state") == kafkas
