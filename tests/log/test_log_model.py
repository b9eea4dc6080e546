"""The log beside a list: whatever is done to both, and however the process ends, they hold the same."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from log.batching import NOW_MS, batch, content, stamped

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.fs.posix import PosixFileSystem
from kstore.log import AppendInfo, DiskWork, Log, LogConfig
from kstore.records import parse_batches

PATH = "orders-0"


class LogBesideAList(RuleBasedStateMachine):
    """``model`` holds (first offset, last offset, leader epoch, bytes of the payload) of every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kstore-model-"))
        self.model: list[tuple[int, int, int, bytes]] = []
        self.start = self.end = 0
        self.epoch = 0
        self.point = 0
        self.sequences: dict[int, int] = {}
        self.works: list[DiskWork] = []
        self.now_ms = NOW_MS
        self.deleted = False

    @initialize(memory=st.booleans(), segment=st.sampled_from([400, 900, 1 << 20]), interval=st.sampled_from([0, 200]))
    def begin(self, memory: bool, segment: int, interval: int) -> None:
        self.fs: FileSystem = MemoryFileSystem() if memory else PosixFileSystem(self.folder, max_open_files=3)
        self.config = LogConfig(segment_bytes=segment, index_interval_bytes=interval, hot_tail_bytes=600)
        self.log = Log.open(self.fs, PATH, self.config, now_ms=NOW_MS)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def note(self, first: int, last: int, payload: bytes) -> None:
        self.model.append((first, last, self.epoch, payload))
        self.end = last + 1

    @rule(
        counts=st.lists(st.integers(1, 4), min_size=1, max_size=4), producer=st.integers(-1, 2), size=st.integers(0, 60)
    )
    def append_as_leader(self, counts: list[int], producer: int, size: int) -> None:
        groups = []
        for count in counts:
            sequence = self.sequences.get(producer, 0)
            groups.append([batch(count, producer=producer, sequence=sequence, size=size, timestamp=self.now_ms)])
            if producer >= 0:
                self.sequences[producer] = sequence + count
        answers = self.log.append_as_leader(groups, self.epoch, self.now_ms)
        for group, answer in zip(groups, answers, strict=True):
            assert isinstance(answer, AppendInfo)
            assert answer.first_offset == self.end
            self.note(answer.first_offset, answer.last_offset, bytes(group[0].payload))

    @rule(count=st.integers(1, 4), gap=st.integers(0, 3), size=st.integers(0, 60))
    def append_as_follower(self, count: int, gap: int, size: int) -> None:
        theirs = stamped(self.end + gap, count, leader_epoch=self.epoch, size=size, timestamp=self.now_ms)
        self.log.append_as_follower([theirs], self.now_ms)
        self.note(theirs.base_offset, theirs.last_offset, bytes(theirs.payload))

    @rule()
    def new_leader(self) -> None:
        self.epoch += 1
        self.log.assign_epoch(self.epoch, self.log.end_offset)

    @rule(step_ms=st.integers(0, 5000))
    def time_passes(self, step_ms: int) -> None:
        self.now_ms += step_ms
        self.works += self.log.tick(self.now_ms)

    @rule()
    def work_is_done(self) -> None:
        for work in self.works + self.log.take_work():
            work.run()
            work.done(None)
        self.works = []

    @rule()
    def flush(self) -> None:
        self.work_is_done()
        self.log.flush()
        self.point = self.log.recovery_point
        assert self.point == self.log.end_offset

    @rule()
    def roll(self) -> None:
        self.log.roll(self.now_ms)

    @precondition(lambda self: self.model)
    @rule(part=st.floats(0, 0.999), inside=st.integers(0, 3))
    def truncate(self, part: float, inside: int) -> None:
        """At a batch's first offset, or within it: either way the batch goes, but nothing before the log's start."""
        place = int(part * len(self.model))
        first, last, *_ = self.model[place]
        first = max(first, self.start)
        end = self.model[place - 1][1] + 1 if place else None
        found = self.log.truncate_to(min(first + inside, last))
        # before the first batch there may be the base of a segment, which is where an empty log ends
        end = found if end is None or end < self.log.segments.active.base_offset else end
        assert max(self.start, self.log.segments.first.base_offset) <= found == end <= first
        del self.model[place:]
        self.end = end
        self.point = min(self.point, self.log.recovery_point)
        self.forget_sequences()

    def forget_sequences(self) -> None:
        """A producer goes on behind what is left of its batches."""
        self.sequences = {}
        for entry in self.log.producers:
            if entry.window:
                self.sequences[entry.producer_id] = entry.window[-1].last_sequence + 1

    @rule(ahead=st.integers(0, 100))
    def start_over(self, ahead: int) -> None:
        self.start = self.end = self.point = self.end + ahead
        self.model = []
        self.sequences = {}
        self.log.truncate_fully_and_start_at(self.end, self.now_ms)

    @precondition(lambda self: self.model)
    @rule(part=st.floats(0, 1))
    def delete_records(self, part: float) -> None:
        """Up to anywhere; a batch stays while its last record does, a segment while one batch does or it is active."""
        offset = self.start + round(part * (self.end - self.start))
        self.log.advance_high_watermark(self.end)
        self.log.advance_start_offset(offset)
        self.deleted |= offset > self.start
        self.start = offset
        self.model = [each for each in self.model if each[1] >= offset]
        first = self.log.segments.first
        assert first is self.log.segments.active or self.log.segments.base_offsets[1] > offset
        assert min(self.log.segments.snapshot_offsets(), default=offset) >= first.base_offset

    @rule()
    def stop_cleanly(self) -> None:
        self.work_is_done()
        windows = self.windows()
        self.log.close()
        self.reopen(clean=True)
        assert self.log.recovery.walked_segments == 0
        self.remembers(windows)

    @rule(stale_point=st.floats(0, 1))
    def crash(self, stale_point: float) -> None:
        windows = self.windows()
        self.works = []
        self.reopen(clean=False, point=int(self.point * stale_point))
        assert self.log.recovery.cut_bytes == 0
        self.remembers(windows)

    @precondition(lambda self: self.model)
    @rule(torn=st.floats(0, 0.999))
    def crash_with_a_torn_tail(self, torn: float) -> None:
        active = self.log.segments.active
        if not active.size_bytes:
            return
        last = list(active.batches(0))[-1]
        file = self.fs.open(active.file.path)
        file.truncate(active.size_bytes - last.size_bytes + int(last.size_bytes * torn))
        self.works = []
        self.model.pop()
        durable = self.model[-1][1] + 1 if self.model else self.log.start_offset
        self.reopen(clean=False, point=min(self.point, durable))
        self.end = self.log.end_offset
        self.forget_sequences()

    def reopen(self, *, clean: bool, point: int = 0) -> None:
        self.log = Log.open(
            self.fs,
            PATH,
            self.config,
            now_ms=self.now_ms,
            clean=clean,
            recovery_point=point,
            start_offset=self.start,
            high_watermark=1 << 40,
        )
        self.point = self.log.recovery_point

    def windows(self) -> dict[int, tuple[int, list[object]]]:
        return {entry.producer_id: (entry.epoch, list(entry.window)) for entry in self.log.producers}

    def remembers(self, windows: dict[int, tuple[int, list[object]]]) -> None:
        """Each producer's last batches are known as before; of deleted ones the last, which a snapshot has."""
        found = self.windows()
        if not self.deleted:
            assert found == windows
        for producer_id, (epoch, window) in windows.items():
            assert found[producer_id][0] == epoch
            assert found[producer_id][1] == window[-len(found[producer_id][1]) :]

    @invariant()
    def both_hold_the_same(self) -> None:
        if not hasattr(self, "log"):
            return
        log = self.log
        found = [
            (b.base_offset, b.last_offset, b.leader_epoch, bytes(b.payload)) for b in log.batches(log.start_offset)
        ]
        assert found == self.model
        assert log.start_offset == self.start
        assert log.start_offset <= log.high_watermark <= log.end_offset
        assert log.recovery_point <= log.end_offset
        for epoch, start in log.epochs.entries:
            assert all((max(first, self.start) >= start) == (theirs >= epoch) for first, _, theirs, _ in self.model)

    @invariant()
    def every_offset_is_read(self) -> None:
        if not hasattr(self, "log") or not self.model:
            return
        for offset in {self.start, self.end - 1, (self.start + self.end) // 2}:
            (found, *_) = parse_batches(content(self.log.read(offset, 1)))
            wanted = next(each for each in self.model if each[1] >= offset)
            assert (found.base_offset, bytes(found.payload)) == (wanted[0], wanted[3])


TestLogBesideAList = LogBesideAList.TestCase
TestLogBesideAList.settings = settings(stateful_step_count=30)
