"""The splitting of bytes into batches, and what a batch says of itself."""

import pickle
import struct
import weakref
from typing import Any

import pytest

from kstore.codec import crc32c
from kstore.errors import CorruptMessage, InvalidRecord, KafkaError, MessageTooLarge
from kstore.records import HEADER_BYTES, BatchBuilder, Record, RecordBatch, parse_batches, scan_batches


def built(values: int = 3, **options: Any) -> bytes:
    builder = BatchBuilder(**options)
    for at in range(values):
        builder.append(1000 + at, b"k", b"value %d" % at)
    return builder.build()


def changed(data: bytes, at: int, form: str, value: int) -> bytes:
    """A field overwritten and the checksum made to fit."""
    out = bytearray(data)
    struct.pack_into(">" + form, out, at, value)
    struct.pack_into(">I", out, 17, crc32c(out[21:]))
    return bytes(out)


def test_nothing_holds_no_batches() -> None:
    assert parse_batches(b"") == parse_batches(b"", allow_partial=True) == []


def test_a_header_is_copied_and_a_payload_shared() -> None:
    data = built()
    batch = parse_batches(memoryview(b"xx" + data)[2:])[0]
    assert batch.header == data[:HEADER_BYTES]
    assert batch.payload == data[HEADER_BYTES:]
    assert batch.payload is batch.payload
    assert batch.size_bytes == len(data)


@pytest.mark.parametrize("wrap", [bytearray, memoryview, lambda data: memoryview(data).cast("b")])
def test_any_contiguous_buffer_is_read(wrap) -> None:
    data = built()
    assert parse_batches(wrap(data))[0].to_bytes() == data


def test_a_buffer_with_gaps_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="contiguous"):
        parse_batches(memoryview(built())[::2])
    with pytest.raises(TypeError):
        parse_batches("text")  # type: ignore[arg-type]


def test_the_payload_outlives_the_buffers_name() -> None:
    batch = parse_batches(bytearray(built(100)))[0]
    assert [record.value for record in batch.records()] == [b"value %d" % at for at in range(100)]


def test_a_last_batch_that_is_not_whole_is_refused_or_dropped_at_every_length() -> None:
    first, second = built(1), built(2)
    for length in range(1, len(second)):
        data = first + second[:length]
        with pytest.raises(CorruptMessage, match="middle"):
            parse_batches(data)
        assert [batch.count for batch in parse_batches(data, allow_partial=True)] == [1]


@pytest.mark.parametrize("magic", [0, 1])
def test_formats_before_v2_are_refused_by_name(magic: int) -> None:
    data = bytearray(built())
    data[16] = magic
    with pytest.raises(InvalidRecord, match=f"format {magic}"):
        parse_batches(data)


@pytest.mark.parametrize("magic", [3, 127, 255])
def test_a_magic_that_never_was_is_corrupt(magic: int) -> None:
    data = bytearray(built())
    data[16] = magic
    with pytest.raises(CorruptMessage, match=str(magic)):
        parse_batches(data, allow_partial=True)


@pytest.mark.parametrize("length", [-(2**31), -13, -1, 0, 1, 48])
def test_a_length_shorter_than_a_header_is_corrupt(length: int) -> None:
    data = bytearray(built())
    struct.pack_into(">i", data, 8, length)
    with pytest.raises(CorruptMessage):
        parse_batches(data, allow_partial=True)


def test_a_batch_beyond_the_limit_is_too_large_even_when_it_is_not_whole() -> None:
    data = built()
    assert len(parse_batches(data, max_batch_bytes=len(data))) == 1
    for given in (data, data[:30]):
        with pytest.raises(MessageTooLarge):
            parse_batches(given, max_batch_bytes=len(data) - 1, allow_partial=True)


def test_a_flipped_bit_behind_the_checksum_is_found_wherever_it_is() -> None:
    data = built()
    for at in range(17, len(data)):
        broken = bytearray(data)
        broken[at] ^= 4
        with pytest.raises(CorruptMessage, match="checksum"):
            parse_batches(broken)[0].verify_crc()


def test_a_scan_ends_at_the_first_batch_that_is_not_sound() -> None:
    good = built(1) + built(2)
    broken = bytearray(built(3))
    broken[-1] ^= 1
    batches, error = scan_batches(good)
    assert ([batch.count for batch in batches], error) == ([1, 2], None)
    for tail in (bytes(broken) + built(1), built(3)[:-1], bytes(70), b"\x01", built(1)[:16] + b"\x07" + bytes(60)):
        batches, error = scan_batches(good + tail)
        assert [batch.count for batch in batches] == [1, 2]
        assert isinstance(error, KafkaError)


def test_sequence_numbers_wrap_past_the_largest_int32() -> None:
    wrapped = parse_batches(built(5, producer_id=1, producer_epoch=0, base_sequence=2**31 - 3))[0]
    assert (wrapped.base_sequence, wrapped.last_sequence) == (2**31 - 3, 1)
    assert parse_batches(built(5, producer_id=1, producer_epoch=0, base_sequence=7))[0].last_sequence == 11
    assert parse_batches(built(5))[0].last_sequence == -1


def test_max_timestamp_is_put_right_with_its_checksum_only_when_it_changes() -> None:
    batch = parse_batches(built())[0]
    same = batch.stamped(5, 1, max_timestamp=batch.max_timestamp)
    assert (same.crc, same.header[21:]) == (batch.crc, batch.header[21:])
    lower = batch.stamped(5, 1, max_timestamp=7)
    lower.verify_crc()
    assert lower.max_timestamp == 7


@pytest.mark.parametrize("count", [-1, 0, 2, 4, 2**31 - 1])
def test_a_count_that_is_not_that_of_the_records_is_refused(count: int) -> None:
    batch = parse_batches(changed(built(3), 57, "i", count))[0]
    batch.verify_crc()
    with pytest.raises(InvalidRecord):
        batch.records()


def test_a_compression_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="compression 6"):
        parse_batches(changed(built(3), 21, "h", 6))[0].records()


def test_records_beyond_the_limit_are_not_decompressed() -> None:
    builder = BatchBuilder(compression=4)
    builder.append(0, None, bytes(10_000_000))
    batch = parse_batches(builder.build())[0]
    with pytest.raises(MessageTooLarge):
        batch.records(limit_bytes=1_000_000)
    assert batch.records()[0].value == bytes(10_000_000)


def test_a_header_name_that_is_not_utf_8_is_read_with_marks_in_it() -> None:
    builder = BatchBuilder()
    builder.append(0, None, b"", [("NAME", b"v")])
    data = bytearray(builder.build().replace(b"NAME", b"N\xffME"))
    struct.pack_into(">I", data, 17, crc32c(data[21:]))
    assert parse_batches(data)[0].records()[0].headers == (("N\N{REPLACEMENT CHARACTER}ME", b"v"),)


def test_batches_and_records_show_what_they_are() -> None:
    batch = parse_batches(built(2, compression=3, producer_id=9, producer_epoch=1, base_sequence=4))[0]
    assert repr(batch.stamped(10, 3)) == (
        f"<RecordBatch 10..11 epoch 3: 2 records, {batch.size_bytes} bytes lz4 producer 9/1 sequence 4>"
    )
    assert repr(batch.records()[0]) == "Record(offset=0, timestamp=1000, key=b'k', value=b'value 0')"


def test_batches_and_records_are_plain_values() -> None:
    batch = parse_batches(built())[0]
    for value in (batch, batch.records()[0]):
        with pytest.raises(TypeError):
            weakref.ref(value)
        with pytest.raises(TypeError):
            pickle.dumps(value)
        with pytest.raises(AttributeError):
            setattr(value, "offset", 3)  # noqa: B010 - mypy would refuse it, too
    with pytest.raises(TypeError):
        RecordBatch()
    with pytest.raises(TypeError):
        type("Sub", (Record,), {})
