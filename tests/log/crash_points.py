"""Crashes at the operations of a disk: at each, what a power loss may leave is recovered and judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from log.batching import everything
from log.compacted import keyed
from log.crash_node import CrashNode, EachOperation
from log.crash_workload import Workload
from log.crashed import assert_is_sound, sequences

from kstore.fs import FileSystem
from kstore.fs.forgetful import ForgetfulFileSystem
from kstore.log import AppendInfo, Log

STEPS_EACH = 40

tried: dict[str, int] = {}
"""How many crash points this run has tried, by kind; the end of the run prints them."""


def count(kind: str) -> None:
    tried[kind] = tried.get(kind, 0) + 1


def as_written(fs: FileSystem) -> ForgetfulFileSystem:
    """A disk with all that was written, synced or not: what the end of a process leaves."""
    copy = ForgetfulFileSystem()

    def take(path: str) -> None:
        for name in fs.listdir(path):
            below = f"{path}/{name}" if path else name
            try:
                copy.replace(below, fs.read_bytes(below))
            except FileNotFoundError:
                copy.mkdir(below)
                take(below)
        copy.sync_dir(path)

    take("")
    return copy


def state(log: Log) -> tuple[Any, ...]:
    """What a log is, as far as its users see; of a producer's batches before its last, a snapshot may know fewer."""
    producers = {
        each.producer_id: (each.epoch, sequences(each)[-1:], each.transaction_first_offset) for each in log.producers
    }
    return log.start_offset, log.end_offset, everything(log), log.epochs.entries, producers


class CrashPoints:
    """Crashes a workload at each operation, or at one of ``stride``; the workload goes on as if nothing happened."""

    def __init__(self, workload: Workload, disk: ForgetfulFileSystem, random: Random, *, stride: int = 1) -> None:
        self.workload = workload
        self.disk = disk
        self.random = random
        self.stride = stride
        self.passed = 0
        self.done: list[str] = []
        workload.node.fs.faults.append(EachOperation(self.meet))

    def run(self, steps: Sequence[str] | int) -> None:
        """Begin the workload, and do steps of it: these, or so many that are drawn."""
        self.workload.begin()
        for each in range(steps) if isinstance(steps, int) else steps:
            step = self.workload.drawn_step() if isinstance(each, int) else each
            self.done.append(step)
            self.workload.step(step)

    def meet(self, operation: str, path: str) -> None:
        """The operation is about to happen."""
        self.passed += 1
        if self.passed % self.stride:
            return
        ledger, node = self.workload.ledger, self.workload.node
        if hasattr(node, "log") and not node.stopping:
            ledger.promise(node.log.recovery_point)
        with self.explained(f"power loss before {operation} of {path}"):
            self.crash(self.disk.power_loss(self.random))
        if self.random.random() < 0.2:
            with self.explained(f"process killed before {operation} of {path}"):
                self.crash(as_written(self.disk), killed=True)

    def crash(self, left: ForgetfulFileSystem, *, killed: bool = False) -> None:
        """Recover what is left, judge it, and crash at some operations of that as well."""
        count("kill" if killed else "power loss")
        node = CrashNode(left, self.workload.node.config)
        interrupted: list[tuple[str, ForgetfulFileSystem]] = []
        chance = self.random.choice((0, 0, 0, 0.3))

        def meet(operation: str, path: str) -> None:
            if self.random.random() < chance:
                interrupted.append((f"{operation} of {path}", left.power_loss(self.random)))

        hook = EachOperation(meet)
        node.fs.faults.append(hook)
        log = node.start(self.workload.now_ms)
        node.fs.faults.remove(hook)
        assert_is_sound(log, self.workload.ledger, killed=killed)
        found = state(log)
        for where, again in interrupted:
            count("power loss in recovery")
            with self.explained(f"then, in recovery, before {where}"):
                recovered = CrashNode(again, node.config).start(self.workload.now_ms)
                assert_is_sound(recovered, self.workload.ledger)
                for one, other in zip(state(recovered), found, strict=True):
                    assert one == other, f"an interrupted recovery has changed what is recovered: {one}, not {other}"
        if self.random.random() < 0.2:
            self.go_on(node, left)

    def go_on(self, node: CrashNode, left: ForgetfulFileSystem) -> None:
        """The log is as good as before: what is appended now survives, with what was recovered."""
        log = node.log
        before = everything(log)
        epoch = self.workload.newest_epoch + 1
        batch = keyed((b"new", b"x" * self.random.choice((10, 100))), timestamp=self.workload.now_ms)
        (answer,) = log.append_as_leader([[batch]], epoch, self.workload.now_ms)
        assert isinstance(answer, AppendInfo), answer
        node.flush()
        after = [*before, batch.stamped(answer.first_offset, epoch).to_bytes()]
        again = CrashNode(left.power_loss(self.random), node.config).start(self.workload.now_ms)
        assert everything(again)[-len(after) :] == after, "what was flushed after a recovery is lost"
        node.stop()
        node.start(self.workload.now_ms)
        assert node.log.recovery.clean
        assert everything(node.log) == after

    @contextmanager
    def explained(self, where: str) -> Iterator[None]:
        """Say where it was that something failed."""
        try:
            yield
        except Exception as error:
            error.add_note(f"{where}, operation {self.passed}, in the last of {', '.join(self.done[-8:])}")
            raise


def crash_points_of(seed: int, steps: Sequence[str] | int, *, stride: int = 1, compacts: bool = False) -> int:
    """Crash a workload that a seed draws; how many crash points it had."""
    before = sum(tried.values())
    disk = ForgetfulFileSystem()
    points = CrashPoints(Workload(disk, Random(seed), compacts=compacts), disk, Random(seed + 1), stride=stride)
    with points.explained(f"seed {seed}"):
        points.run(steps)
    return sum(tried.values()) - before


def try_at_least(count: int, seed: int, *, stride: int = 1, compacts: bool = False) -> None:
    """Crash workloads, one after the other, at so many points."""
    while count > 0:
        count -= crash_points_of(seed, STEPS_EACH, stride=stride, compacts=compacts)
        seed += 1
