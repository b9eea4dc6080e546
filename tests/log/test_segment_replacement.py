"""Segments that are replaced by one with fewer records: whole, or not at all, wherever a crash comes."""

from fnmatch import fnmatch
from random import Random

import pytest
from log.batching import NOW_MS, append, batch, everything, small_config

from kstore.errors import KafkaStorageError
from kstore.fs import FileSystem, MemoryFileSystem
from kstore.fs.faulty import WRITING, Fault, FaultyFileSystem
from kstore.log import Log, LogDamaged
from kstore.log.names import CLEANED, LOG, SWAP, segment_file
from kstore.log.segment import Segment
from kstore.log.writing import note_batches

PATH = "orders-0"
CONFIG = small_config(compacted=True, hot_tail_bytes=0)


class Dying(Fault):
    """After so many operations that change the disk, none happens any more."""

    def __init__(self, operations_left: int) -> None:
        super().__init__(frozenset(WRITING), "*", 5, times=None, chance=1.0, torn=False)
        self.operations_left = operations_left

    def meets(self, operation: str, path: str, random: Random) -> bool:
        if operation not in self.operations:
            return False
        self.operations_left -= 1
        return self.operations_left < 0


def filled(fs: FileSystem) -> Log:
    log = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)
    for number in range(20):
        append(log, batch(2, size=30, timestamp=NOW_MS + number, producer=7, sequence=2 * number))
    assert len(log.segments) >= 5
    return log


def cleaned(log: Log, old: list[Segment]) -> Segment:
    """Every other batch of some segments, and the last."""
    new = Segment(log.fs, PATH, old[0].base_offset, create=True, now_ms=NOW_MS, stage=CLEANED)
    batches = [each for segment in old for each in segment.batches(0)]
    for kept in [*batches[:-1:2], batches[-1]]:
        position = new.size_bytes
        new.file.append([kept.to_bytes()], kept.size_bytes)
        note_batches(new, [kept], position, CONFIG.index_interval_bytes)
    new.seal()
    for sync in new.sync_later():
        sync()
    return new


def reopen(fs: FileSystem) -> Log:
    return Log.open(fs, PATH, CONFIG, now_ms=NOW_MS)


def names(fs: FileSystem) -> list[str]:
    return [name for name in fs.listdir(PATH) if not name.endswith(".snapshot")]


def assert_is_sound(log: Log, batches: list[bytes]) -> None:
    """It holds these batches, finds each, and its folder has nothing else."""
    assert everything(log) == batches
    for each in log.batches(0):
        (first, *_) = log.batches(each.base_offset)
        assert first.base_offset == each.base_offset
    suffixes = (".log", ".index", ".timeindex", "leader-epoch-checkpoint")
    assert all(name.endswith(suffixes) for name in names(log.fs))
    for segment in log.segments:
        entries = [segment.offset_index.entry(number) for number in range(len(segment.offset_index))]
        segment.rebuild_indexes(CONFIG.index_interval_bytes)
        assert [segment.offset_index.entry(number) for number in range(len(segment.offset_index))] == entries


def test_a_segment_takes_the_place_of_those_that_it_was_made_from(fs: FileSystem) -> None:
    log = filled(fs)
    before, bases = everything(log), log.segments.base_offsets[:]
    old = list(log.segments)[1:4]
    gone = [each.to_bytes() for segment in old for each in segment.batches(0)]
    new = cleaned(log, old)
    kept = [each.to_bytes() for each in new.batches(0)]
    assert len(kept) < len(gone)
    unlinks = log.segments.replace(old, new)
    first = before.index(gone[0])
    after = [*before[:first], *kept, *before[first + len(gone) :]]
    assert everything(log) == after
    assert log.segments.base_offsets == [*bases[:2], *bases[4:]]
    assert sum(name.endswith(".deleted") for name in fs.listdir(PATH)) == 3 * 3
    for unlink in unlinks:
        unlink()
    append(log, batch(2, size=30, producer=7, sequence=40))
    log.close()
    assert_is_sound(reopen(fs), everything(log))


def replaced_until(operations_left: int) -> tuple[FileSystem, list[bytes], list[bytes], bool]:
    """A disk on which a replacement was cut short; what the log held before, and would hold after; whether it was."""
    memory = MemoryFileSystem()
    faulty = FaultyFileSystem(memory)
    log = filled(faulty)
    log.flush()
    before = everything(log)
    old = list(log.segments)[1:4]
    gone = [each.to_bytes() for segment in old for each in segment.batches(0)]
    new = cleaned(log, old)
    kept = [each.to_bytes() for each in new.batches(0)]
    first = before.index(gone[0])
    after = [*before[:first], *kept, *before[first + len(gone) :]]
    faulty.faults.append(Dying(operations_left))
    try:
        for unlink in log.segments.replace(old, new):
            unlink()
    except OSError:
        return memory, before, after, True
    return memory, before, after, False


def test_a_crash_at_any_operation_leaves_the_old_segments_or_the_new_one() -> None:
    found, operations = [], 0
    while True:
        memory, before, after, died = replaced_until(operations)
        log = reopen(memory)
        assert everything(log) in (before, after)
        assert_is_sound(log, everything(log))
        found.append(everything(log) == after)
        if not died:
            break
        operations += 1
    assert operations >= 3 + 3 * 3 + 3 + 3 * 3
    assert found == sorted(found), "once it is the new one, it stays"
    assert [found[0], found[-1]] == [False, True]


def test_a_crash_at_any_operation_of_the_start_after_it_changes_nothing() -> None:
    tried = 0
    for operations in range(0, 30, 3):
        memory, *_ = replaced_until(operations)
        expected = everything(reopen(memory))
        left = 0
        while True:
            memory, *_ = replaced_until(operations)
            faulty = FaultyFileSystem(memory)
            faulty.faults.append(Dying(left))
            try:
                reopen(faulty)
            except KafkaStorageError:
                assert_is_sound(reopen(memory), expected)
                left += 1
                tried += 1
                continue
            break
    assert tried > 40


def left_by_kafka(fs: FileSystem, *changes: tuple[str, str]) -> Log:
    """A log whose segments 1 to 3 Kafka was about to replace: the names that are changed, by patterns."""
    log = filled(fs)
    log.flush()
    new = cleaned(log, list(log.segments)[1:4])
    new.close()
    log.shut()
    for pattern, suffix in changes:
        for name in fs.listdir(PATH):
            if fnmatch(name, pattern):
                fs.rename(f"{PATH}/{name}", f"{PATH}/{name.removesuffix(CLEANED).removesuffix(SWAP)}{suffix}")
    return log


@pytest.mark.parametrize(
    ("changes", "is_new"),
    [
        ([], False),
        ([("*.log.cleaned", ".swap")], False),
        ([("*.cleaned", ".swap")], True),
        ([("*.cleaned", ".swap"), ("{1}.index", ".deleted"), ("{1}.log", ".deleted")], True),
        ([("*.cleaned", ".swap"), ("{123}.*[gx]", ".deleted")], True),
        ([("*.cleaned", ".swap"), ("{123}.*[gx]", ".deleted"), ("*.log.swap", "")], True),
        ([("*.cleaned", ".swap"), ("{123}.*[gx]", ".deleted"), ("*.log.swap", ""), ("*.index.swap", "")], True),
    ],
)
def test_a_folder_that_was_left_in_the_middle_opens_as_kafka_opens_it(
    fs: FileSystem, changes: list[tuple[str, str]], is_new: bool
) -> None:
    bases = filled(MemoryFileSystem()).segments.base_offsets
    spelled: list[tuple[str, str]] = []
    for pattern, suffix in changes:
        if pattern.startswith("{"):
            numbers, _, rest = pattern[1:].partition("}")
            spelled += [(f"{bases[int(number)]:020d}{rest}", suffix) for number in numbers]
        else:
            spelled.append((pattern, suffix))
    left_by_kafka(fs, *spelled)
    log = reopen(fs)
    assert log.segments.base_offsets == ([*bases[:2], *bases[4:]] if is_new else bases)
    assert_is_sound(log, everything(log))
    assert log.end_offset == 40


def test_a_swapped_file_that_isn_t_whole_leaves_the_old_segments_untouched(fs: FileSystem) -> None:
    left_by_kafka(fs, ("*.cleaned", ".swap"))
    (name,) = [name for name in fs.listdir(PATH) if name.endswith(LOG + SWAP)]
    fs.replace(f"{PATH}/{name}", fs.read_bytes(f"{PATH}/{name}")[:-1])
    before = fs.listdir(PATH)
    with pytest.raises(LogDamaged, match="ends in the middle of a record batch"):
        reopen(fs)
    assert fs.listdir(PATH) == before


def test_the_active_segment_and_those_that_don_t_follow_on_each_other_can_t_be_replaced() -> None:
    log = filled(MemoryFileSystem())
    segments = list(log.segments)
    with pytest.raises(AssertionError, match="active"):
        log.segments.replace(segments[-2:], cleaned(log, segments[-2:]))
    with pytest.raises(AssertionError, match="follow"):
        log.segments.replace([segments[0], segments[2]], cleaned(log, segments[:1]))
    assert log.fs.exists(f"{PATH}/{segment_file(0, LOG)}")
