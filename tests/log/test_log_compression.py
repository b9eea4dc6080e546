"""A log with a codec of its own: every batch is written under it, whatever it came with."""

from typing import Any

import pytest
from log.batching import NOW_MS, append, batch, everything

from kstore.errors import InvalidRecord, KafkaError, MessageTooLarge
from kstore.fs import FileSystem
from kstore.log import AppendInfo, Log, LogConfig
from kstore.log.preparing import prepared
from kstore.records import BatchBuilder, EndTransactionMarker, end_transaction_batch, parse_batches

CODECS = range(5)


def opened(fs: FileSystem, **settings: Any) -> Log:
    return Log.open(fs, "orders-0", LogConfig(**settings), now_ms=NOW_MS)


@pytest.mark.parametrize("codec", CODECS)
def test_every_batch_is_written_under_the_logs_codec(fs: FileSystem, codec: int) -> None:
    log = opened(fs, compression_type=codec)
    for came_with in CODECS:
        info = append(log, batch(3, compression=came_with), batch(2, compression=(came_with + 1) % 5), leader_epoch=4)
        assert (info.first_offset, info.last_offset) == (came_with * 5, came_with * 5 + 4)
    found = list(log.batches(0))
    assert {each.compression for each in found} == {codec}
    assert [(each.base_offset, each.leader_epoch) for each in found[:3]] == [(0, 4), (3, 4), (5, 4)]
    for each in found:
        each.verify_crc()
    assert [record.offset for each in found for record in each.records()] == list(range(25))


def test_a_log_without_a_codec_keeps_every_batchs_own(fs: FileSystem) -> None:
    log = opened(fs)
    for codec in CODECS:
        append(log, batch(3, compression=codec))
    assert [each.compression for each in log.batches(0)] == list(CODECS)


@pytest.mark.parametrize("codec", CODECS)
def test_a_retry_is_known_by_its_sequence_numbers_whatever_its_codec(fs: FileSystem, codec: int) -> None:
    log = opened(fs, compression_type=codec)
    first = append(log, batch(3, producer=7, compression=1))
    append(log, batch(2, producer=7, sequence=3))
    retry = prepared([batch(3, producer=7)], log.config, NOW_MS, True)
    assert isinstance(retry, list)
    for answer in log.append_as_leader([[batch(3, producer=7, compression=1)], retry], 0, NOW_MS):
        assert isinstance(answer, AppendInfo)
        assert (answer.first_offset, answer.last_offset, answer.duplicate) == (
            first.first_offset,
            first.last_offset,
            True,
        )
    assert log.end_offset == 5
    again = Log.open(fs, "orders-0", log.config, now_ms=NOW_MS)
    assert append(again, batch(3, producer=7)).duplicate


@pytest.mark.parametrize("codec", CODECS)
def test_the_logs_time_is_set_on_a_batch_that_is_compressed_anew(fs: FileSystem, codec: int) -> None:
    log = opened(fs, compression_type=codec, message_timestamp_type=1)
    info = append(log, batch(2, compression=3), now_ms=NOW_MS + 9)
    assert (info.log_append_time, info.max_timestamp) == (NOW_MS + 9, NOW_MS + 9)
    (found,) = log.batches(0)
    assert (found.timestamp_type, found.compression) == (1, codec)
    assert {record.timestamp for record in found.records()} == {NOW_MS + 9}


@pytest.mark.parametrize("codec", [-1, *CODECS])
@pytest.mark.parametrize("came_with", CODECS)
def test_a_compacted_log_takes_no_record_without_a_key(fs: FileSystem, codec: int, came_with: int) -> None:
    log = opened(fs, compression_type=codec, compacted=True)
    builder = BatchBuilder(compression=came_with)
    for key in (b"a", None, b"", None):
        builder.append(NOW_MS, key, b"v")
    with pytest.raises(InvalidRecord) as found:
        append(log, *parse_batches(builder.build()))
    message = "compacted topic cannot accept message without key"
    assert found.value.record_errors == ((1, message), (3, message))
    append(log, batch(2, compression=came_with))
    assert (log.end_offset, len(everything(log))) == (2, 1)


def test_a_batch_that_grows_too_large_leaves_the_log_as_it_was(fs: FileSystem) -> None:
    log = opened(fs, compression_type=0, max_message_bytes=1000)
    large, small = [batch(size=5000, compression=1)], [batch(size=100, compression=1)]
    answers = log.append_as_leader([small, large, small], 0, NOW_MS)
    assert [type(each) for each in answers] == [AppendInfo, MessageTooLarge, AppendInfo]
    assert isinstance(answers[2], AppendInfo)
    assert (answers[2].first_offset, log.end_offset) == (1, 2)


def test_what_coordinators_control_is_not_compressed(fs: FileSystem) -> None:
    log = opened(fs, compression_type=4)
    append(log, batch(1, producer=7, transactional=True))
    marker = parse_batches(end_transaction_batch(EndTransactionMarker(True, 1), NOW_MS, 7, 0))
    log.append_as_leader([marker], 0, NOW_MS, from_client=False)
    assert [(each.compression, each.is_control) for each in log.batches(0)] == [(4, False), (0, True)]


def test_prepared_batches_are_appended_as_they_are_even_if_the_config_has_changed(fs: FileSystem) -> None:
    log = opened(fs, compression_type=2)
    ready = prepared([batch(2)], log.config, NOW_MS, True)
    assert not isinstance(ready, KafkaError)
    log.config = LogConfig(compression_type=3)
    (info,) = log.append_as_leader([ready], 0, NOW_MS)
    assert isinstance(info, AppendInfo)
    assert [each.compression for each in log.batches(0)] == [2]


def test_followers_take_what_the_leader_wrote(fs: FileSystem) -> None:
    leader = opened(fs, compression_type=1)
    append(leader, batch(3))
    follower = Log.open(fs, "orders-1", LogConfig(compression_type=4), now_ms=NOW_MS)
    follower.append_as_follower(list(leader.batches(0)), NOW_MS)
    assert everything(follower) == everything(leader)
