"""Batches of another client's, aiokafka's, under every compression, and ours read by it."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from kstore.codec import codec_name
from kstore.records import BatchBuilder, parse_batches, validate_for_append

NOW = 1_700_000_000_000
RECORDS = [
    (at, NOW + at, None if at % 3 else b"key %d" % at, b"value %d " % at * (at * 40), [("h", b"x")] if at % 5 else [])
    for at in range(60)
]
codecs = pytest.mark.parametrize("codec", range(5), ids=codec_name)


@codecs
def test_a_batch_of_aiokafkas_is_read_and_accepted(codec: int) -> None:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=1,
        producer_id=7,
        producer_epoch=1,
        base_sequence=3,
        batch_size=1 << 20,
    )
    for offset, timestamp, key, value, headers in RECORDS:
        assert builder.append(offset, timestamp, key, value, headers)
    batch = parse_batches(bytes(builder.build()))[0]
    assert validate_for_append(batch, now_ms=NOW).max_timestamp == NOW + 59
    assert (batch.compression, batch.producer_id, batch.last_sequence) == (codec, 7, 62)
    found = [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in batch.records()]
    assert found == RECORDS


@codecs
def test_a_batch_of_ours_is_read_by_aiokafka(codec: int) -> None:
    builder = BatchBuilder(compression=codec)
    for _, timestamp, key, value, headers in RECORDS:
        builder.append(timestamp, key, value, headers)
    batch = DefaultRecordBatch(builder.build())
    assert batch.validate_crc()
    assert [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in batch] == RECORDS
