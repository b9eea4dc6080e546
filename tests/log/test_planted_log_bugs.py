"""Planted bugs of logs on disks are noticed by the crash points of drawn workloads."""

from __future__ import annotations

import errno
from collections.abc import Callable
from random import Random

import pytest
from log import log_mutations as planted
from log.crash_node import CrashNode
from log.crash_points import crash_points_of
from log.crash_workload import Workload
from log.crashed import assert_is_sound
from log.log_mutations import Mutation
from log.test_crash_points_and_disk_errors import OneOperation, run_until_trouble

from actors.node.folder import FolderError
from kstore.errors import KafkaError
from kstore.fs.forgetful import ForgetfulFileSystem

SEED = 1  # each comes to light with others as well, some of them later
SEEDS = 10
NOTICED = (AssertionError, KafkaError, FolderError)


def crash_workloads(seed: int) -> None:
    for number in range(SEEDS):
        crash_points_of(seed + number, 40, stride=2)


@pytest.mark.parametrize(
    "mutation",
    [
        planted.files_are_never_synced,
        planted.segments_are_never_synced,
        planted.folders_are_never_synced,
        planted.the_epoch_file_is_believed,
        planted.the_clean_mark_stays_until_logs_are_recovered,
        planted.the_removal_of_the_clean_mark_is_not_synced,
        planted.indexes_are_not_rebuilt,
        planted.snapshots_are_believed,
    ],
)
def test_a_planted_bug_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    with pytest.raises(NOTICED) as noticed:
        crash_workloads(SEED)
    assert "operation" in "".join(noticed.value.__notes__), "it came to light at a crash point"


class LosesPages(ForgetfulFileSystem):
    """After a failed fsync the pages of that file count as written: later ones succeed, and do nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: set[str] = set()

    def sync_path_later(self, path: str) -> Callable[[], None]:
        sync = super().sync_path_later(path)
        return lambda: None if path in self.lost else sync()


class FailedSync(OneOperation):
    """An fsync fails, and the pages are lost."""

    def __init__(self, disk: LosesPages, at: int) -> None:
        super().__init__(errno.EIO, at)
        self.operations = frozenset({"sync"})
        self.disk = disk

    def meets(self, operation: str, path: str, random: Random) -> bool:
        failed = super().meets(operation, path, random)
        if failed:
            self.disk.lost.add(path)
        return failed


def crash_after_failed_syncs(seed: int) -> None:
    """Workloads in each of which one fsync fails; the power is lost at their end."""
    for at in range(1, 30):
        disk = LosesPages()
        workload = Workload(disk, Random(seed))
        workload.node.fs.faults.append(FailedSync(disk, at))
        run_until_trouble(workload)
        for number in range(5):
            again = CrashNode(disk.power_loss(Random(number)), workload.node.config)
            assert_is_sound(again.start(workload.now_ms), workload.ledger)


def crash_workloads_after_failed_syncs(seed: int) -> None:
    for number in range(SEEDS // 2):
        crash_after_failed_syncs(seed + number)


def test_after_a_failed_fsync_nothing_is_promised_over_lost_pages(seed: int) -> None:
    crash_workloads_after_failed_syncs(seed)


def test_an_append_after_an_error_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    planted.a_log_goes_on_after_an_error(monkeypatch)
    with pytest.raises(NOTICED):
        crash_workloads_after_failed_syncs(SEED)
