"""Batches under a topic's own codec, beside what Apache Kafka's leader makes of the same bytes."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model.batch_model import HEADER, ModelBatch
from records.recompressed_batches import Recompressed, cases
from records.record_strategies import model_batches
from records.refused_batches import Verdict

from kstore.codec import decompress
from kstore.errors import InvalidRecord, KafkaError, MessageTooLarge
from kstore.log import LogConfig
from kstore.log.preparing import needs_preparing, prepared
from kstore.records import BatchBuilder, RecordBatch, parse_batches, recompressed

CASES = list(cases())
LINES = (Path(__file__).parent / "golden/recompressed.tsv").read_text().splitlines()
LIMIT = 1 << 20
SQUARES = b" ".join(b"%d" % (number * number) for number in range(40_000))


def opened(data: bytes) -> tuple[tuple[int, ...], bytes]:
    """A batch as its header's fields but size and checksum, and its records decompressed."""
    offset, _, epoch, magic, _, attributes, *rest = HEADER.unpack(data[:61])
    return (offset, epoch, magic, attributes, *rest), decompress(attributes & 7, data[61:], limit_bytes=LIMIT)


def ours(each: Recompressed) -> Verdict:
    case = each.case
    config = LogConfig(
        compression_type=each.target,
        compacted=case.compacted,
        message_timestamp_type=case.timestamp_type,
        message_timestamp_before_max_ms=case.before_max_ms,
        message_timestamp_after_max_ms=case.after_max_ms,
    )
    found = prepared(parse_batches(case.data), config, case.now_ms, True)
    if isinstance(found, KafkaError):
        return Verdict(found.name, ",".join(str(index) for index, _ in found.record_errors), "", "")
    (one,) = found
    stamped = one.batch.stamped(100, 7, one.log_append_time, max_timestamp=one.max_timestamp)
    stamped.verify_crc()
    return Verdict("NONE", "", str(one.max_timestamp), stamped.to_bytes().hex())


def test_the_answers_are_to_the_questions_as_they_stand() -> None:
    assert [line.rsplit("\t", 4)[0] for line in LINES] == [each.line() for each in CASES]


@pytest.mark.parametrize("at", range(len(CASES)), ids=[each.case.name for each in CASES])
def test_a_batch_for_a_topic_with_a_codec_is_what_kafka_makes_of_it(at: int) -> None:
    kafkas, found = Verdict(*LINES[at].split("\t")[-4:]), ours(CASES[at])
    assert found[:3] == kafkas[:3]
    if kafkas.stamped:
        assert opened(bytes.fromhex(found.stamped)) == opened(bytes.fromhex(kafkas.stamped))


def test_a_batch_of_the_right_codec_keeps_its_bytes() -> None:
    (batch,) = parse_batches(CASES[0].case.data)
    config = LogConfig(compression_type=batch.compression)
    assert not needs_preparing([batch], config)
    (one,) = as_list(prepared([batch], config, CASES[0].case.now_ms, True))
    assert one.batch is batch


def as_list(found: object) -> list:
    assert isinstance(found, list), found
    return found


def built(value: bytes, compression: int = 0, **options: Any) -> RecordBatch:
    builder = BatchBuilder(compression=compression, **options)
    builder.append(0, b"k", value)
    return parse_batches(builder.build())[0]


@pytest.mark.parametrize("target", range(5))
def test_control_batches_stay_as_they_are(target: int) -> None:
    marker = built(b"", control=True)
    config = LogConfig(compression_type=target)
    assert not needs_preparing([marker], config)
    (one,) = as_list(prepared([marker], config, 0, False))
    assert one.batch is marker


def test_a_batch_has_to_be_small_enough_as_it_comes_and_as_it_is_written() -> None:
    small = built(bytes(5000), compression=1)
    for target, error in ((0, MessageTooLarge), (2, None), (4, None)):
        found = prepared([small], LogConfig(compression_type=target, max_message_bytes=1000), 0, True)
        assert isinstance(found, error or list)
    large = built(bytes(5000))
    assert isinstance(
        prepared([large], LogConfig(compression_type=4, max_message_bytes=1000), 0, True), MessageTooLarge
    )


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_a_bomb_is_refused_before_it_is_compressed_anew(codec: int) -> None:
    bomb = built(bytes(20 << 20), compression=codec)
    config = LogConfig(compression_type=codec % 4 + 1, max_message_bytes=2 << 20, message_timestamp_before_max_ms=1)
    limit = config.max_decompressed_bytes
    assert limit < 128 << 20
    found = prepared([built(bytes(limit + 1), compression=codec)], config, 0, True)
    assert isinstance(found, MessageTooLarge)
    assert isinstance(prepared([bomb], config, 0, True), list)


@pytest.mark.parametrize(("codec", "low", "high"), [("gzip", 1, 9), ("lz4", 9, 17), ("zstd", -50, 19)])
def test_a_batch_is_compressed_at_the_configs_level(codec: str, low: int, high: int) -> None:
    sizes = []
    for level in (low, high):
        config = LogConfig.from_topic({"compression.type": codec, f"compression.{codec}.level": str(level)})
        (one,) = as_list(prepared([built(SQUARES)], config, 0, True))
        assert one.batch.records()[0].value == SQUARES
        sizes.append(one.batch.size_bytes)
    assert sizes[1] < sizes[0] * 0.99


@given(model_batches(), st.integers(0, 4))
def test_a_recompressed_batch_holds_the_same_records(model: ModelBatch, compression: int) -> None:
    (batch,) = parse_batches(model.to_bytes())
    plain = batch.decompressed(LIMIT) if batch.compression else None
    found = recompressed(batch, plain, compression)
    found.verify_crc()
    assert found.attributes == compression | model.is_transactional << 4
    for name in ("base_offset", "leader_epoch", "count", "max_timestamp", "producer_id", "producer_epoch"):
        assert getattr(found, name) == getattr(batch, name)
    assert (found.base_sequence, found.last_offset_delta) == (batch.base_sequence, batch.count - 1)
    for before, after in zip(batch.records(), found.records(), strict=True):
        assert (after.offset, after.timestamp) == (before.offset, before.timestamp)
        assert (after.key, after.value, after.headers) == (before.key, before.value, before.headers)
    assert found.base_timestamp == found.records()[0].timestamp


@given(model_batches(), st.data())
def test_records_that_are_none_are_refused(model: ModelBatch, draw: st.DataObject) -> None:
    (batch,) = parse_batches(model.to_bytes())
    plain = bytes(batch.decompressed(LIMIT))
    cut = plain[: draw.draw(st.integers(0, len(plain) - 1))]
    try:
        found = recompressed(batch, cut, 3)
    except InvalidRecord:
        return
    with pytest.raises(InvalidRecord):
        found.records()
