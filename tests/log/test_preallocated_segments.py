"""``preallocate``: a segment's file has its full length from the start on, and the length of its batches once it is
closed. What a crash leaves of it are zeros, which are no damage.
"""

import errno
import os
from pathlib import Path

import pytest
from log.batching import NOW_MS, append, batch, content, everything

from kstore.errors import KafkaStorageError
from kstore.fs import FileSystem
from kstore.fs.faulty import FaultyFileSystem
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig, LogDamaged
from kstore.log.names import LOG, segment_file

PATH = "orders-0"
PLAIN = LogConfig(segment_bytes=1 << 20, hot_tail_bytes=0)
CONFIG = LogConfig(segment_bytes=1 << 20, preallocate=True, hot_tail_bytes=0)


@pytest.fixture
def disk(tmp_path: Path) -> PosixFileSystem:
    """A real file system: elsewhere nothing is set aside."""
    return PosixFileSystem(tmp_path)


def opened(fs: FileSystem, *, clean: bool = False, point: int = 0, config: LogConfig = CONFIG) -> Log:
    return Log.open(fs, PATH, config, now_ms=NOW_MS, clean=clean, recovery_point=point)


def lengths(fs: PosixFileSystem) -> dict[int, int]:
    """Of the segments' files, by base offset."""
    folder = Path(fs.root) / PATH
    return {int(path.stem): path.stat().st_size for path in folder.glob(f"*{LOG}")}


def test_a_segment_has_its_full_length_until_it_is_rolled(disk: PosixFileSystem) -> None:
    log = opened(disk)
    assert lengths(disk) == {0: 1 << 20}
    blocks = os.stat(Path(disk.root) / PATH / segment_file(0, LOG)).st_blocks
    assert blocks * 512 >= 1 << 20, "it isn't only its length: the disk has set room aside"
    append(log, batch(3))
    assert lengths(disk) == {0: 1 << 20}
    assert log.size_bytes < 1000
    written = log.size_bytes
    log.roll(NOW_MS)
    assert lengths(disk) == {0: written, 3: 1 << 20}
    log.close()
    assert lengths(disk) == {0: written, 3: 0}


def test_it_is_read_and_written_as_any_other(disk: PosixFileSystem) -> None:
    log, other = opened(disk), Log.open(disk, "users-0", PLAIN, now_ms=NOW_MS)
    for number in range(300):
        for each in (log, other):
            append(each, batch(number % 5 + 1, size=number * 20, timestamp=NOW_MS + number))
    disk.handles.close_all()
    assert everything(log) == everything(other)
    for offset in range(0, log.end_offset, 7):
        assert content(log.read(offset, 10_000)) == content(other.read(offset, 10_000))
        assert log.read(offset, 1 << 24).next_offset == other.read(offset, 1 << 24).next_offset
    assert log.size_bytes == other.size_bytes
    log.truncate_to(200)
    other.truncate_to(200)
    append(log, batch(2))
    append(other, batch(2))
    assert everything(log) == everything(other)


@pytest.mark.parametrize("point", [0, 3, 6])
def test_zeros_that_a_crash_left_are_room_and_no_damage(disk: PosixFileSystem, point: int) -> None:
    log = opened(disk)
    append(log, batch(3))
    append(log, batch(3))
    expected, written = everything(log), log.size_bytes
    log.shut()
    assert lengths(disk) == {0: 1 << 20}
    log = opened(disk, point=point)
    assert (log.recovery.cut_bytes, log.recovery.cut_offset, log.end_offset) == (0, None, 6)
    assert everything(log) == expected
    assert lengths(disk) == {0: written}
    append(log, batch(3))
    log.close()
    assert opened(disk, clean=True).end_offset == 9


def test_a_batch_that_was_torn_before_the_zeros_is_cut(disk: PosixFileSystem) -> None:
    log = opened(disk)
    append(log, batch(3))
    append(log, batch(3, size=500))
    log.shut()
    path = Path(disk.root) / PATH / segment_file(0, LOG)
    data = bytearray(path.read_bytes())
    data[log.size_bytes - 300 : log.size_bytes] = bytes(300)
    path.write_bytes(data)
    log = opened(disk)
    assert (log.recovery.cut_offset, log.end_offset) == (3, 3)


def test_zeros_where_batches_were_durable_are_damage(disk: PosixFileSystem) -> None:
    log = opened(disk)
    append(log, batch(3))
    kept = log.size_bytes
    append(log, batch(3))
    log.shut()
    path = Path(disk.root) / PATH / segment_file(0, LOG)
    path.write_bytes(path.read_bytes()[:kept].ljust(1 << 20, b"\0"))
    with pytest.raises(LogDamaged):
        opened(disk, point=6)


def test_a_disk_without_room_for_a_segment_refuses_the_roll(disk: PosixFileSystem) -> None:
    fs = FaultyFileSystem(disk)
    log = opened(fs)
    append(log, batch(3))
    fs.fail("append", f"*{segment_file(3, LOG)}", errno.ENOSPC)
    with pytest.raises((OSError, KafkaStorageError)):
        log.roll(NOW_MS)
    assert content(log.read(0, 1 << 20))


def test_kafkas_default_sets_nothing_aside(disk: PosixFileSystem) -> None:
    opened(disk, config=PLAIN)
    assert lengths(disk) == {0: 0}
