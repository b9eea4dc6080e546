"""An error of the disk at any operation closes the log or harms nothing, and a crash after it loses nothing promised.

The workloads, and what must hold, are those of ``test_crash_points.py``: here one operation fails, or the disk is full,
and then the power is lost, or the process ends.
"""

from __future__ import annotations

import contextlib
import errno
from random import Random

import pytest
from log.crash_node import CrashNode
from log.crash_points import as_written, count
from log.crash_workload import Workload
from log.crashed import assert_is_sound

from actors.node.folder import FolderError
from kstore.errors import KafkaError
from kstore.fs.faulty import OPERATIONS, Fault
from kstore.fs.forgetful import ForgetfulFileSystem

STEPS = 40
TROUBLE = (KafkaError, OSError, FolderError)


class OneOperation(Fault):
    """The operation of this number fails; without one, they are counted."""

    def __init__(self, number: int, at: int | None) -> None:
        super().__init__(frozenset(OPERATIONS) - {"exists", "lock"}, "*", number, times=None, chance=1.0, torn=False)
        self.at = at
        self.passed = 0
        self.failed = ""

    def meets(self, operation: str, path: str, random: Random) -> bool:
        if operation not in self.operations:
            return False
        self.passed += 1
        if self.passed != self.at:
            return False
        self.failed = f"{operation} of {path}"
        return True


def run_until_trouble(workload: Workload) -> bool:
    """Do steps until the log is closed or can't be opened; whether it came to that."""
    try:
        workload.begin()
    except TROUBLE:
        return True
    for _ in range(STEPS):
        step = workload.drawn_step()
        try:
            workload.step(step)
        except TROUBLE:
            if workload.node.log.failure is not None or not workload.node.is_claimed or "start" in step:
                return True
        if workload.node.log.failure is not None:
            return True
    return False


def assert_is_closed(workload: Workload) -> None:
    """Nothing is appended, and nothing more is promised: pages may be lost that a later fsync says nothing of."""
    node, log = workload.node, workload.node.log
    point, end = log.recovery_point, log.end_offset
    with pytest.raises(KafkaError):
        workload.append()
    workload.ledger.now = [each for each in workload.ledger.now if each.last < max(end, workload.ledger.durable)]
    node.fs.heal()
    with contextlib.suppress(*TROUBLE):
        node.flush()
    assert (log.recovery_point, log.end_offset) == (point, end), "a closed log goes on"


@pytest.mark.parametrize("compacts", [False, True])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_one_error_at_any_operation_loses_nothing_that_was_promised(seed: int, number: int, compacts: bool) -> None:
    disk = ForgetfulFileSystem()
    counted = OneOperation(number, None)
    workload = Workload(disk, Random(seed), compacts=compacts)
    workload.node.fs.faults.append(counted)
    assert not run_until_trouble(workload)
    closed = 0
    for at in range(1 + seed % 3, counted.passed, 3):
        disk = ForgetfulFileSystem()
        workload = Workload(disk, Random(seed), compacts=compacts)
        fault = OneOperation(number, at)
        workload.node.fs.faults.append(fault)
        try:
            if run_until_trouble(workload) and hasattr(workload.node, "log") and workload.node.log.failure is not None:
                closed += 1
                assert_is_closed(workload)
            workload.node.fs.heal()
            count("disk error")
            for left in (disk.power_loss(Random(at)), as_written(disk)):
                again = CrashNode(left, workload.node.config)
                assert_is_sound(again.start(workload.now_ms), workload.ledger)
        except Exception as error:
            error.add_note(f"after an error in the {fault.failed}, operation {at}")
            raise
    assert closed > 20


@pytest.mark.parametrize("compacts", [False, True])
def test_a_full_disk_refuses_what_does_not_fit_and_heals_when_there_is_room(seed: int, compacts: bool) -> None:
    disk = ForgetfulFileSystem(capacity_bytes=3_000)
    workload = Workload(disk, Random(seed), compacts=compacts)
    full = 0
    for _ in range(15):
        in_trouble = run_until_trouble(workload)
        if in_trouble and hasattr(workload.node, "log") and workload.node.log.failure is not None:
            full += 1
            assert_is_closed(workload)
        workload.node.die()
        for left in (disk.power_loss(Random(full)), as_written(disk)):
            left.capacity_bytes = None
            assert_is_sound(CrashNode(left, workload.node.config).start(workload.now_ms), workload.ledger)
        assert disk.capacity_bytes is not None
        disk.capacity_bytes += 1_000
        workload.ledger.now = assert_is_sound(workload.node.start(workload.now_ms), workload.ledger)
        workload.node.die()
    assert full
