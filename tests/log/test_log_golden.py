"""A log directory that Apache Kafka 4.4.0 wrote: we read it, and writing the same batches gives the same bytes.

It holds five segments of every compression, rolled by age, and two with transactions: see ``golden/make.py``.
"""

import json
from pathlib import Path

import pytest
from log.batching import NOW_MS

from kstore.fs import FileSystem
from kstore.log import Log, LogConfig, checkpoints, snapshot
from kstore.log.answers import AbortedTransaction
from kstore.log.log import TimestampedOffset

KAFKA = Path(__file__).parent / "golden" / "kafka-4.4.0"
CONFIG = LogConfig(index_interval_bytes=100, segment_ms=60_000, producer_id_expiration_ms=1 << 60)
BASE_OFFSETS = [0, 12, 24, 36, 48, 60, 61]


@pytest.fixture
def directory(fs: FileSystem) -> FileSystem:
    for path in sorted(KAFKA.rglob("*")):
        name = path.relative_to(KAFKA).as_posix()
        if path.is_dir():
            fs.mkdir(name)
        else:
            fs.replace(name, path.read_bytes())
    return fs


def reopen(fs: FileSystem, *, clean: bool = True) -> Log:
    return Log.open(fs, "golden-0", CONFIG, now_ms=NOW_MS, clean=clean)


@pytest.mark.parametrize("clean", [True, False])
def test_kafkas_log_is_read_whole(directory: FileSystem, clean: bool) -> None:
    log = reopen(directory, clean=clean)
    assert (log.start_offset, log.end_offset, log.epochs.entries) == (0, 66, [(0, 0)])
    assert log.segments.base_offsets == BASE_OFFSETS
    assert log.recovery.rebuilt_indexes == log.recovery.cut_bytes == 0
    batches = list(log.batches(0))
    for batch in batches:
        batch.verify_crc()
    assert sorted({batch.compression for batch in batches}) == [0, 1, 2, 3, 4]
    values = [record.value for batch in batches if not batch.is_control for record in batch.records()]
    assert values[:60] == [b"value-%d-" % n + b"x" * (n % 40) for n in range(60)]
    assert values[60:] == [b"committed", b"aborted", b"committed too"]
    log.advance_high_watermark(66)
    assert log.producers.transactions.first_unstable_offset == -1


ABORTED = AbortedTransaction(producer_id=5, first_offset=62, last_offset=63, last_stable_offset=64)


@pytest.mark.parametrize("clean", [True, False])
def test_the_transaction_that_kafka_aborted_is_known_to_readers_of_committed_records(
    directory: FileSystem, clean: bool
) -> None:
    log = reopen(directory, clean=clean)
    log.advance_high_watermark(66)
    assert log.last_stable_offset == 66
    assert log.segments.aborted(0, 66) == [ABORTED]
    assert log.segments.aborted(62, 63) == log.segments.aborted(63, 64) == [ABORTED]
    assert log.segments.aborted(0, 62) == log.segments.aborted(64, 66) == []
    assert list(log.read_committed(61, 1 << 20).aborted) == [ABORTED]
    assert list(log.read(61, 1 << 20).aborted) == []
    assert list(log.read_committed(66, 1 << 20).aborted) == []


@pytest.mark.parametrize("left", [b"", b"\0" * 34, b"\0\0\0", None])
def test_a_transaction_index_that_a_crash_took_is_made_anew_as_kafka_made_it(
    directory: FileSystem, left: bytes | None
) -> None:
    path = "golden-0/00000000000000000061.txnindex"
    before = directory.read_bytes(path)
    directory.unlink(path)
    if left is not None:
        directory.replace(path, left)
    log = reopen(directory, clean=False)
    assert log.segments.aborted(0, 66) == [ABORTED]
    log.close()
    assert directory.read_bytes(path) == before


@pytest.mark.parametrize("spoilt", [b"\0\1", b"\0\0\xff"])
def test_a_transaction_index_that_can_t_be_right_is_made_anew_after_a_clean_stop_too(
    directory: FileSystem, spoilt: bytes
) -> None:
    path = "golden-0/00000000000000000061.txnindex"
    before = directory.read_bytes(path)
    directory.replace(path, spoilt + before[len(spoilt) :] if spoilt[1] else before + spoilt)
    log = reopen(directory)
    assert log.recovery.rebuilt_indexes == 1
    assert log.segments.aborted(0, 66) == [ABORTED]
    log.close()
    assert directory.read_bytes(path) == before


def test_every_offset_is_found_by_kafkas_indexes(directory: FileSystem) -> None:
    log = reopen(directory)
    for offset in range(66):
        read = log.read(offset, 1)
        assert read.next_offset > offset
        assert read.size_bytes > 61
    base_ms = 1_700_000_000_000
    assert log.offset_for_timestamp(base_ms + 13_500 + 70_000) == TimestampedOffset(base_ms + 84_000, 14, 0)
    assert log.offset_for_timestamp(0) == TimestampedOffset(base_ms, 0, 0)


def test_kafkas_producers_are_those_of_its_snapshots_and_of_a_replay(directory: FileSystem) -> None:
    log = reopen(directory)
    states = snapshot.decode(directory.read_bytes("golden-0/00000000000000000066.snapshot"))
    assert [entry.snapshot() for entry in log.producers] == states
    for name in directory.listdir("golden-0"):
        if name.endswith(".snapshot"):
            directory.unlink(f"golden-0/{name}")
    replayed = reopen(directory)
    assert replayed.recovery.replayed_from == 0
    assert [entry.snapshot() for entry in replayed.producers] == states
    assert [len(entry.window) for entry in replayed.producers] == [len(entry.window) for entry in log.producers]


def test_the_same_batches_make_the_same_files_byte_for_byte(directory: FileSystem) -> None:
    theirs = reopen(directory)
    ours = Log.open(directory, "ours-0", CONFIG, now_ms=NOW_MS)
    for batch in theirs.batches(0):
        ours.append_as_follower([batch], NOW_MS)
    ours.close()
    compared = 0
    for name in directory.listdir("golden-0"):
        if (
            name.endswith((".log", ".index", ".timeindex", ".txnindex", ".snapshot"))
            or name == "leader-epoch-checkpoint"
        ):
            assert (name, directory.read_bytes(f"ours-0/{name}")) == (name, directory.read_bytes(f"golden-0/{name}"))
            compared += 1
    assert compared == 7 * 3 + 7 + 1 + 1


def test_opening_and_closing_kafkas_log_changes_none_of_its_files(directory: FileSystem) -> None:
    before = {name: directory.read_bytes(f"golden-0/{name}") for name in directory.listdir("golden-0")}
    for clean in (True, False):
        reopen(directory, clean=clean).close()
        after = {name: directory.read_bytes(f"golden-0/{name}") for name in directory.listdir("golden-0")}
        assert after == before


def test_kafkas_checkpoints_are_read_and_written_alike(directory: FileSystem) -> None:
    points = checkpoints.read_offsets(directory, checkpoints.RECOVERY_POINTS)
    assert points["golden", 0] == 66
    assert len(points) == 51
    before = directory.read_bytes(checkpoints.RECOVERY_POINTS)
    checkpoints.write_offsets(directory, checkpoints.RECOVERY_POINTS, points)
    assert directory.read_bytes(checkpoints.RECOVERY_POINTS) == before
    assert checkpoints.read_offsets(directory, checkpoints.START_OFFSETS) == {}


def test_kafkas_clean_shutdown_mark_is_read_and_written_alike(directory: FileSystem) -> None:
    before = directory.read_bytes(checkpoints.CLEAN_SHUTDOWN)
    epoch = json.loads(before)["brokerEpoch"]
    assert epoch > 0
    assert checkpoints.take_clean_shutdown(directory)
    assert not checkpoints.take_clean_shutdown(directory)
    assert not directory.exists(checkpoints.CLEAN_SHUTDOWN)
    checkpoints.write_clean_shutdown(directory, epoch)
    assert directory.read_bytes(checkpoints.CLEAN_SHUTDOWN) == before


def test_kafkas_meta_properties_and_partition_metadata_are_read(directory: FileSystem) -> None:
    meta = checkpoints.read_meta_properties(directory)
    assert meta is not None
    assert f"\ncluster.id={meta.cluster_id}\n" in (KAFKA / "meta.properties").read_text()
    assert (meta.node_id, len(meta.directory_id)) == (1, 16)
    checkpoints.write_meta_properties(directory, meta)
    assert checkpoints.read_meta_properties(directory) == meta
    before = directory.read_bytes("golden-0/partition.metadata")
    topic_id = checkpoints.read_partition_metadata(directory, "golden-0")
    assert topic_id is not None
    checkpoints.write_partition_metadata(directory, "golden-0", topic_id)
    assert directory.read_bytes("golden-0/partition.metadata") == before
