"""Bytes that were cut, flipped or made up: every reader raises one of Kafka's errors or reads something, nothing else.

The checksum is made to fit again after each change, so that what lies behind it is reached.
"""

import struct
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from model.batch_model import ModelBatch, ModelRecord, varint
from records.record_strategies import model_batches

from kstore.codec import compress, crc32c
from kstore.errors import KafkaError
from kstore.records import parse_batches, recompressed, scan_batches, validate_for_append

LIMIT = 1 << 20
uncompressed = st.just(0)
hostile_numbers = st.one_of(
    st.integers(-(2**31), 2**31 - 1), st.sampled_from([-(2**31), -2, -1, 0, 1, 2**31 - 1, 2**30, 127, 128])
)


def with_fitting_crc(data: bytearray) -> bytes:
    if len(data) >= 61:
        struct.pack_into(">I", data, 17, crc32c(data[21:]))
    return bytes(data)


def read_every_way(data: bytes) -> None:
    """All readers over the same bytes; what the walk of a leader accepts, a consumer can read."""
    scan_batches(data)
    with suppress(KafkaError):
        for batch in parse_batches(data, allow_partial=True):
            repr(batch)
            assert batch.size_bytes == 61 + len(batch.payload)
            with suppress(KafkaError):
                recompressed(batch, batch.decompressed(LIMIT), 3)
            with suppress(KafkaError):
                batch.records(limit_bytes=LIMIT)
            try:
                validate_for_append(batch, max_decompressed_bytes=LIMIT, from_client=False)
            except KafkaError:
                continue
            assert len(batch.records(limit_bytes=LIMIT)) == batch.count


@given(model_batches(), st.data())
def test_flipped_bits_under_a_fitting_checksum(model: ModelBatch, draw: st.DataObject) -> None:
    data = bytearray(model.to_bytes())
    for _ in range(draw.draw(st.integers(1, 3))):
        data[draw.draw(st.integers(0, len(data) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    read_every_way(with_fitting_crc(data))


@given(model_batches(uncompressed), st.data())
def test_hostile_numbers_at_any_place(model: ModelBatch, draw: st.DataObject) -> None:
    data = bytearray(model.to_bytes())
    at = draw.draw(st.integers(0, len(data) - 4))
    struct.pack_into(">i", data, at, draw.draw(hostile_numbers))
    read_every_way(with_fitting_crc(data))


@given(model_batches(uncompressed), hostile_numbers, st.data())
def test_hostile_varints_at_any_place(model: ModelBatch, number: int, draw: st.DataObject) -> None:
    data = bytearray(model.to_bytes())
    at = draw.draw(st.integers(61, len(data)))
    data[at : at + draw.draw(st.integers(0, 5))] = varint(number)
    struct.pack_into(">i", data, 8, len(data) - 12)
    read_every_way(with_fitting_crc(data))


@given(model_batches(uncompressed), st.data())
def test_payloads_cut_anywhere_under_a_length_that_fits(model: ModelBatch, draw: st.DataObject) -> None:
    data = bytearray(model.to_bytes())
    del data[draw.draw(st.integers(61, len(data))) :]
    struct.pack_into(">i", data, 8, len(data) - 12)
    read_every_way(with_fitting_crc(data))


@given(st.integers(0, 7), st.binary(max_size=300), st.integers(-1, 300), st.booleans())
def test_noise_as_records_under_any_codec(codec: int, noise: bytes, count: int, is_compressed: bool) -> None:
    payload = compress(codec, noise) if is_compressed and codec <= 4 else noise
    record = ModelRecord(0, 0, None, None)
    model = ModelBatch([record], compression=codec, payload=payload, record_count=count, last_offset_delta=count - 1)
    read_every_way(model.to_bytes())


@given(st.binary(max_size=400))
def test_noise_as_batches(noise: bytes) -> None:
    read_every_way(noise)
    read_every_way(noise[:16] + b"\x02" + noise[17:])
