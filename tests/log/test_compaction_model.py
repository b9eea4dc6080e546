"""Random logs are compacted as the model compacts them, and stay what a log has to be."""

from __future__ import annotations

from collections import defaultdict
from random import Random

import pytest
from hypothesis import example, given, note
from hypothesis import strategies as st
from log.batching import NOW_MS
from log.compacted import (
    DAY_MS,
    PATH,
    batches,
    begin,
    compact,
    end_transaction,
    entries,
    kept,
    keyed,
    last_values,
    opened,
    roll,
)
from model.compaction_model import Kept, ModelCleaning, Rules

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log import Log
from kstore.log.cleanable import cleanable
from kstore.log.cleaning import last_of
from kstore.records import RecordBatch

KEYS = [b"a", b"b", b"c", b"d", b"long" * 80, b""]
PRODUCERS = 3


class Writer:
    """Appends at random what producers send, with their sequences, transactions and markers."""

    def __init__(self, log: Log, random: Random) -> None:
        self.log = log
        self.random = random
        self.sequences: dict[int, int] = defaultdict(int)
        self.open: set[int] = set()
        self.now_ms = NOW_MS

    def write(self) -> None:
        random = self.random
        self.now_ms += random.randrange(1000)
        producer = random.randrange(-1, 2 * PRODUCERS)
        if producer in self.open and random.random() < 0.4:
            self.open.discard(producer)
            commits = random.random() < 0.5
            end_transaction(self.log, producer, commits=commits, timestamp=self.now_ms, leader_epoch=self.leader_epoch)
            return
        transactional = producer >= PRODUCERS
        pairs = [(self.key(), None if random.random() < 0.3 else b"%d" % random.randrange(100)) for _ in range(4)]
        batch = keyed(
            *pairs[: random.randrange(1, 5)],
            timestamp=self.now_ms + random.choice([0, 0, -500]),
            producer=producer,
            sequence=self.sequences[producer],
            compression=random.choice([0, 0, 1, 2, 3, 4]),
            transactional=transactional,
        )
        append_time = self.now_ms if random.random() < 0.2 else None
        batch = batch.stamped(self.log.end_offset, self.leader_epoch, append_time)
        self.log.append_as_follower([batch], self.now_ms)  # a leader refuses records without a key
        self.sequences[producer] += batch.count
        if transactional:
            self.open.add(producer)

    @property
    def leader_epoch(self) -> int:
        return self.log.end_offset // 40

    def key(self) -> bytes | None:
        return None if self.random.random() < 0.05 else self.random.choice(KEYS)

    def write_some(self) -> None:
        for _ in range(self.random.randrange(1, 25)):
            self.write()
            if self.random.random() < 0.1:
                self.log.roll(self.now_ms)
        self.log.advance_high_watermark(self.random.randint(self.log.high_watermark, self.log.end_offset))


def rules_of(log: Log, first_dirty: int | None, now_ms: int, room: int) -> Rules:
    found = cleanable(log, first_dirty, now_ms)
    return Rules(
        [each.base_offset for each in log.segments],
        found.first_dirty_offset,
        found.first_uncleanable_offset,
        room,
        now_ms,
        log.config.delete_retention_ms,
        {each.producer_id: last_of(each) for each in log.producers},
        log.high_watermark,
    )


def expected(log: Log, first_dirty: int | None, now_ms: int, room: int) -> tuple[list[Kept], int]:
    """What the log is to hold after a cleaning, and where it is dirty then."""
    rules = rules_of(log, first_dirty, now_ms, room)
    model = ModelCleaning(batches(log), rules)
    model.note_keys()
    cleaned_to = max(model.latest + 1, rules.first_dirty)
    upper = min(cleaned_to, rules.up_to)
    old = [list(segment.batches(0)) for segment in log.segments if segment.base_offset < upper]
    rest = [each for segment in log.segments if segment.base_offset >= upper for each in segment.batches(0)]
    return [*model.cleaned(old), *map(Kept.of, rest)], cleaned_to


def committed(log: Log) -> list[tuple[int, bytes | None, bytes | None]]:
    """What a reader of committed records gets, up to the last stable offset."""
    found, offset = [], 0
    while (read := log.read_committed(offset, 1 << 20)).size_bytes:
        aborted = {(each.producer_id, each.first_offset): each.last_offset for each in read.aborted}
        for batch in log.batches(offset, read.next_offset):
            if batch.is_control or is_left_out(batch, aborted):
                continue
            found += [(record.offset, record.key, record.value) for record in batch.records()]
        offset = read.next_offset
    return found


def is_left_out(batch: RecordBatch, aborted: dict[tuple[int, int], int]) -> bool:
    return batch.is_transactional and any(
        producer == batch.producer_id and first <= batch.base_offset < last
        for (producer, first), last in aborted.items()
    )


def sequences(log: Log) -> dict[int, tuple[int, ...]]:
    """What a producer's next batch is held against, and its open transaction."""
    return {
        each.producer_id: (each.epoch, each.window[-1].last_sequence, each.window[-1].last_offset)
        + (each.transaction_first_offset,)
        for each in log.producers
        if each.window
    }


@pytest.mark.parametrize("retention_ms", [0, DAY_MS])
@given(seed=st.integers(0, 2**32), room=st.sampled_from([1, 2, 3, 1000]))
@example(seed=332, room=1)  # the map is full at a segment's first record, behind a gap
def test_a_random_log_is_compacted_as_the_model_does_it(retention_ms: int, seed: int, room: int) -> None:
    random = Random(seed)
    fs = MemoryFileSystem()
    log = opened(fs, delete_retention_ms=retention_ms, segment_bytes=random.choice([500, 2000]))
    writer = Writer(log, random)
    first_dirty: int | None = None
    now_ms = NOW_MS
    for _ in range(random.randrange(1, 4)):
        writer.write_some()
        now_ms = max(writer.now_ms, now_ms + random.choice([0, 1, DAY_MS, DAY_MS + 1]))
        before, read = last_values(committed(log)), sequences(log)
        wanted, dirty = expected(log, first_dirty, now_ms, room)
        cleaning = compact(log, first_dirty=first_dirty, now_ms=now_ms, room=room)
        note(f"{cleaning.stats}")
        assert [Kept.of(each) for each in batches(log)] == wanted
        assert cleaning.cleaned_to == dirty
        assert last_values(committed(log)) == before
        first_dirty = dirty
        assert_it_opens_again(fs, log, read)


def assert_it_opens_again(fs: FileSystem, log: Log, read: dict[int, tuple[int, ...]]) -> None:
    """Without its snapshots and indexes it is the same: the batches say it all."""
    copy = MemoryFileSystem()
    copy.mkdir(PATH)
    for name in fs.listdir(PATH):
        if name.endswith((".log", "checkpoint")):
            copy.replace(f"{PATH}/{name}", fs.read_bytes(f"{PATH}/{name}"))
    again = Log.open(copy, PATH, log.config, now_ms=NOW_MS, high_watermark=log.high_watermark)
    assert batches_of(again) == batches_of(log)
    assert sequences(again) == read
    assert again.recovery.cut_offset is None
    assert committed(again) == committed(log)
    for segment in log.segments:
        if segment is not log.segments.active:
            indexes = entries(log)
            segment.rebuild_indexes(log.config.index_interval_bytes)
            assert entries(log) == indexes


def batches_of(log: Log) -> list[bytes]:
    return [each.to_bytes() for each in batches(log)]


@given(seed=st.integers(0, 2**32))
def test_once_all_is_clean_another_cleaning_changes_nothing(seed: int) -> None:
    log = opened(MemoryFileSystem(), delete_retention_ms=0)
    writer = Writer(log, Random(seed))
    for _ in range(30):
        writer.write()
    roll(log)
    for _ in range(4):
        compact(log, now_ms=writer.now_ms)
    found = batches_of(log)
    compact(log, now_ms=writer.now_ms)
    assert batches_of(log) == found
    compact(log, first_dirty=log.segments.active.base_offset, now_ms=writer.now_ms)
    assert batches_of(log) == found


@given(seed=st.integers(0, 2**32), slices=st.integers(0, 30))
def test_a_log_that_is_written_to_meanwhile_is_compacted_all_the_same(seed: int, slices: int) -> None:
    log = opened(MemoryFileSystem())
    writer = Writer(log, Random(seed))
    for _ in range(30):
        writer.write()
    roll(log)
    cleaning = begin(log, now_ms=writer.now_ms)
    before = last_values(kept(log)) if not writer.open else None
    for _ in range(slices):
        cleaning.step(writer.now_ms)
    end_offset = log.end_offset
    for _ in range(5):
        writer.write()
    added = [each.to_bytes() for each in log.batches(end_offset)]
    while cleaning.step(writer.now_ms):
        pass
    assert cleaning.failure is None
    assert [each.to_bytes() for each in log.batches(end_offset)] == added
    if before is not None and not any(each.is_transactional for each in batches(log)):
        assert before.keys() <= {key for _, key, _ in kept(log)}
