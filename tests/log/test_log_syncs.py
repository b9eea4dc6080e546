"""What a log syncs, file by file: what has changed, once, and nothing else."""

import os
from pathlib import Path

import pytest
from log.batching import NOW_MS, append, batch, everything

from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig
from kstore.log.checkpoints import write_partition_metadata

PATH = "orders-0"
CONFIG = LogConfig()


class Syncs:
    """The paths that were synced since one asked, in order."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seen: list[str] = []

    def note(self, descriptor: int) -> None:
        self.seen.append(os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), self.root))

    def taken(self) -> list[str]:
        seen, self.seen = self.seen, []
        return seen


@pytest.fixture
def syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Syncs:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("tells files by /proc")
    syncs = Syncs(tmp_path)
    real = os.fsync

    def fsync(descriptor: int) -> None:
        syncs.note(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return syncs


def opened(root: Path, *, clean: bool = True) -> Log:
    return Log.open(PosixFileSystem(root), PATH, CONFIG, now_ms=NOW_MS, clean=clean, recovery_point=0)


def ended(log: Log) -> None:
    for work in log.closing_work():
        work.run()
        work.done(None)
    log.shut()


def in_folder(*names: str) -> list[str]:
    return [f"{PATH}/{name}" for name in names]


def test_a_log_that_nothing_was_appended_to_syncs_nothing(tmp_path: Path, syncs: Syncs) -> None:
    log = opened(tmp_path)
    log.assign_epoch(3, 0)
    ended(log)
    assert syncs.taken() == []
    again = opened(tmp_path)
    again.assign_epoch(4, 0)
    ended(again)
    assert syncs.taken() == []


def test_closing_syncs_each_file_that_changed_and_the_folder_once(tmp_path: Path, syncs: Syncs) -> None:
    log = opened(tmp_path)
    append(log, batch(3), leader_epoch=1)
    ended(log)
    base, end = "0" * 20, "3".zfill(20)
    names = (f"{base}.log", f"{base}.timeindex", f"{end}.snapshot", "leader-epoch-checkpoint")
    assert sorted(syncs.taken()) == sorted([*in_folder(*names), PATH])
    assert log.recovery_point == 3
    log = opened(tmp_path)
    assert (log.end_offset, log.recovery_point) == (3, 3)
    ended(log)
    assert syncs.taken() == []


def test_the_first_sync_covers_the_name_of_the_folder_and_the_next_ones_only_the_batches(
    tmp_path: Path, syncs: Syncs
) -> None:
    log = opened(tmp_path)
    append(log, batch(3), leader_epoch=1)
    log.flush()
    assert syncs.taken()[-2:] == [PATH, "."]
    append(log, batch(3), leader_epoch=1)
    log.flush()
    assert syncs.taken() == in_folder("0" * 20 + ".log")
    assert log.recovery_point == 6


def test_a_rolled_segments_successor_gets_its_name_synced(tmp_path: Path, syncs: Syncs) -> None:
    log = opened(tmp_path)
    append(log, batch(3), leader_epoch=1)
    log.flush()
    log.roll(NOW_MS)
    log.flush()
    syncs.taken()
    append(log, batch(3), leader_epoch=1)
    log.flush()
    assert syncs.taken() == [*in_folder("3".zfill(20) + ".log"), PATH]


def test_what_was_cut_is_synced_though_nothing_is_appended(tmp_path: Path, syncs: Syncs) -> None:
    log = opened(tmp_path)
    for _ in range(4):
        append(log, batch(3), leader_epoch=1)
    log.flush()
    syncs.taken()
    assert log.truncate_to(6) == 6
    log.flush()
    assert set(in_folder("0" * 20 + ".log")) < set(syncs.taken())
    log.flush()
    assert syncs.taken() == []


def test_what_recovery_cut_is_synced_by_the_next_sync(tmp_path: Path, syncs: Syncs) -> None:
    log = opened(tmp_path)
    for _ in range(4):
        append(log, batch(3), leader_epoch=1)
    log.flush()
    path = tmp_path / PATH / ("0" * 20 + ".log")
    os.truncate(path, path.stat().st_size - 1)
    log.abandon()
    syncs.taken()
    log = opened(tmp_path, clean=False)
    assert log.end_offset == 9
    kept = everything(log)
    ended(log)
    assert set(in_folder("0" * 20 + ".log")) < set(syncs.taken())
    assert everything(opened(tmp_path)) == kept


def test_closing_at_once_makes_the_folders_name_durable_too(tmp_path: Path, syncs: Syncs) -> None:
    log = opened(tmp_path)
    write_partition_metadata(log.fs, PATH, bytes(16))
    append(log, batch(3), leader_epoch=1)
    syncs.taken()
    log.close()
    assert syncs.taken()[-2:] == [PATH, "."]
