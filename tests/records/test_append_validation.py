"""The leader's checks beyond those that Kafka's verdicts cover: limits, coordinators, and what the result says."""

from typing import Any

import pytest

from kstore.errors import CorruptMessage, InvalidRecord, InvalidTimestamp, MessageTooLarge
from kstore.records import (
    BatchBuilder,
    EndTransactionMarker,
    RecordBatch,
    end_transaction_batch,
    parse_batches,
    validate_for_append,
)
from kstore.records.validator import RECORD_ERRORS_MAX

TIMES = [100, 700, 300, 700]


def batch(compression: int = 0, **options: Any):
    builder = BatchBuilder(compression=compression, **options)
    for time in TIMES:
        builder.append(time, b"k", b"v")
    return parse_batches(builder.build())[0]


@pytest.mark.parametrize("compression", range(5))
def test_the_result_names_the_first_record_with_the_largest_timestamp(compression: int) -> None:
    result = validate_for_append(batch(compression))
    assert (result.max_timestamp, result.offset_of_max_timestamp, result.log_append_time) == (700, 1, None)
    assert result.record_bytes == validate_for_append(batch()).record_bytes


@pytest.mark.parametrize("compression", range(5))
def test_the_brokers_time_counts_where_the_topic_says_so(compression: int) -> None:
    result = validate_for_append(batch(compression), timestamp_type=1, now_ms=5000, before_max_ms=0, after_max_ms=0)
    assert (result.max_timestamp, result.offset_of_max_timestamp, result.log_append_time) == (5000, 0, 5000)


def test_a_batch_larger_than_the_topic_accepts_is_refused() -> None:
    found = batch()
    validate_for_append(found, max_batch_bytes=found.size_bytes)
    with pytest.raises(MessageTooLarge):
        validate_for_append(found, max_batch_bytes=found.size_bytes - 1)


@pytest.mark.parametrize("compression", [1, 2, 3, 4])
def test_a_bomb_is_refused_before_it_is_walked(compression: int) -> None:
    builder = BatchBuilder(compression=compression)
    builder.append(0, None, bytes(3_000_000))
    with pytest.raises(MessageTooLarge):
        validate_for_append(parse_batches(builder.build())[0], max_decompressed_bytes=1_000_000)


def test_a_coordinator_may_write_control_batches_at_any_offset() -> None:
    marker = parse_batches(end_transaction_batch(EndTransactionMarker(True, 1), 5, 9, 0, base_offset=70))[0]
    assert validate_for_append(marker, from_client=False).max_timestamp == 5
    with pytest.raises(InvalidRecord, match="begins at offset 0"):
        validate_for_append(marker)
    with pytest.raises(InvalidRecord, match="control"):
        validate_for_append(marker.stamped(0, 0))


def test_a_coordinators_batch_is_still_checked_for_its_checksum_and_records() -> None:
    data = bytearray(batch().to_bytes())
    data[-1] ^= 1
    with pytest.raises(CorruptMessage):
        validate_for_append(parse_batches(data)[0], from_client=False)


def test_every_record_that_is_refused_is_listed_up_to_a_limit() -> None:
    builder = BatchBuilder()
    for _ in range(RECORD_ERRORS_MAX + 500):
        builder.append(10, None, b"v")
    with pytest.raises(InvalidRecord, match="1500 records") as found:
        validate_for_append(parse_batches(builder.build())[0], topic_compacted=True)
    assert [index for index, _ in found.value.record_errors] == list(range(RECORD_ERRORS_MAX))


def test_a_wrong_time_outweighs_a_missing_key_in_what_the_batch_is_told() -> None:
    builder = BatchBuilder()
    builder.append(10, None, b"")
    builder.append(99, b"k", b"")
    with pytest.raises(InvalidTimestamp, match="2 records") as found:
        validate_for_append(parse_batches(builder.build())[0], topic_compacted=True, now_ms=10, after_max_ms=5)
    assert [index for index, _ in found.value.record_errors] == [0, 1]
    assert "compacted" in found.value.record_errors[0][1]


def test_bounds_of_time_do_not_overflow() -> None:
    far = 2**63 - 1
    for now in (0, -1, far):
        validate_for_append(batch(), now_ms=now, before_max_ms=far, after_max_ms=far)
    with pytest.raises(InvalidTimestamp):
        validate_for_append(batch(), now_ms=far, before_max_ms=1, after_max_ms=far)


def test_a_result_shows_what_it_says() -> None:
    assert repr(validate_for_append(batch())) == (
        "ValidationResult(max_timestamp=700, offset_of_max_timestamp=1, log_append_time=None, record_bytes=39)"
    )


def of_sizes(*sizes: int, compression: int) -> RecordBatch:
    """Records without a key. One counts as 6 bytes and its value, from 64 bytes on as 7: its length takes two."""
    builder = BatchBuilder(compression=compression)
    for number, size in enumerate(sizes):
        builder.append(number, None, bytes(size))
    return parse_batches(builder.build())[0]


@pytest.mark.parametrize("compression", [1, 2, 3, 4])
def test_a_record_of_a_compressed_batch_is_bounded_by_what_it_is_decompressed(compression: int) -> None:
    found = of_sizes(10, 100, 10, compression=compression)
    validate_for_append(found, max_record_bytes=107)
    said = "Invalid record size: 107 exceeds the configured maximum record size of 106."
    with pytest.raises(InvalidRecord, match=said) as refused:
        validate_for_append(found, max_record_bytes=106)
    assert not refused.value.record_errors


def test_a_record_of_a_batch_that_is_not_compressed_is_not_bounded() -> None:
    validate_for_append(of_sizes(100, compression=0), max_record_bytes=1)


@pytest.mark.parametrize("compression", [0, 1])
def test_a_search_by_time_finds_what_lies_before_a_record_that_is_too_large(compression: int) -> None:
    found = of_sizes(10, 100, 10, compression=compression).stamped(50, 3)
    assert found.find_timestamp(0, 0, max_record_bytes=50) == (0, 50)
    assert found.find_timestamp(0, 52) == (2, 52)
    assert found.find_timestamp(3, 0) is None
    if not compression:
        assert found.find_timestamp(1, 0, max_record_bytes=50) == (1, 51)
        return
    for timestamp in (1, 2, 3):
        with pytest.raises(InvalidRecord, match="Invalid record size: 107 exceeds"):
            found.find_timestamp(timestamp, 0, max_record_bytes=50)
