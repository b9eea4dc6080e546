"""Batches written by Apache Kafka's own builder: every field and record is read as Kafka reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from kstore.codec import crc32c
from kstore.records import (
    BatchBuilder,
    ControlType,
    EndTransactionMarker,
    Record,
    RecordBatch,
    control_batch,
    control_type,
    end_transaction_batch,
    parse_batches,
    read_end_transaction_marker,
)

DELETE_HORIZON = 0x40  # the bit of a batch whose first timestamp is when its tombstones may go
LINES = (Path(__file__).parent / "golden/batches.jsonl").read_text().splitlines()
GOLDEN: dict[str, dict[str, Any]] = {found["name"]: found for found in map(json.loads, LINES)}


def batch(name: str) -> RecordBatch:
    return parse_batches(bytes.fromhex(GOLDEN[name]["bytes"]))[0]


def as_kafka_prints(record: Record) -> list[object]:
    value: object = record.value
    if record.value is not None:
        value = record.value.hex() if len(record.value) <= 100 else [len(record.value), crc32c(record.value)]
    headers = [[name.encode().hex(), None if data is None else data.hex()] for name, data in record.headers]
    return [record.offset, record.timestamp, None if record.key is None else record.key.hex(), value, headers]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_batch_of_kafkas_is_read_as_kafka_reads_it(name: str) -> None:
    data = bytes.fromhex(GOLDEN[name]["bytes"])
    expected = GOLDEN[name]["batches"]
    found = parse_batches(data)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        ours.verify_crc()
        fields = {field: getattr(ours, field) for field in theirs if field not in ("records", "delete_horizon_ms")}
        fields["delete_horizon_ms"] = ours.base_timestamp if ours.attributes & DELETE_HORIZON else None
        assert {**fields, "records": [as_kafka_prints(record) for record in ours.records()]} == theirs
    assert b"".join(ours.to_bytes() for ours in found) == data


@pytest.mark.parametrize("name", [*(name for name in GOLDEN if name.endswith(" none")), "timestamps"])
def test_the_builder_writes_the_bytes_that_kafkas_builder_writes(name: str) -> None:
    theirs = batch(name)
    builder = BatchBuilder(
        producer_id=theirs.producer_id,
        producer_epoch=theirs.producer_epoch,
        base_sequence=theirs.base_sequence,
        transactional=theirs.is_transactional,
        base_offset=theirs.base_offset,
        leader_epoch=theirs.leader_epoch,
        base_timestamp=theirs.base_timestamp,
        log_append_time=theirs.max_timestamp if theirs.timestamp_type else None,
    )
    for at, record in enumerate(theirs.records()):
        timestamp = theirs.base_timestamp + at if theirs.timestamp_type else record.timestamp
        builder.append(timestamp, record.key, record.value, record.headers)
    assert builder.build() == theirs.to_bytes()


@pytest.mark.parametrize("is_commit", [False, True])
def test_markers_are_written_and_read_as_kafkas(is_commit: bool) -> None:
    theirs = batch("marker commit" if is_commit else "marker abort")
    marker = EndTransactionMarker(is_commit, 11)
    record = theirs.records()[0]
    assert read_end_transaction_marker(record) == marker
    ours = end_transaction_batch(marker, record.timestamp, 9, 2, base_offset=77, leader_epoch=4)
    assert ours == theirs.to_bytes()


def test_a_leader_change_is_written_as_kafkas() -> None:
    theirs = batch("leader change")
    record = theirs.records()[0]
    assert control_type(record) is ControlType.LEADER_CHANGE
    assert read_end_transaction_marker(record) is None
    assert record.value is not None
    ours = control_batch(ControlType.LEADER_CHANGE, record.value, record.timestamp, base_offset=0, leader_epoch=1)
    assert ours == theirs.to_bytes()
