"""What a clean stop wrote down of a log, and what the next start finds: compared, unless another program ran since."""

from collections.abc import Callable

import pytest
from log.batching import NOW_MS, append, batch, everything, small_config

from kstore.fs import FileSystem
from kstore.log import Log, LogDamaged
from kstore.log.checkpoints import CLEAN_SHUTDOWN, CheckpointError, clean_shutdown, write_clean_shutdown
from kstore.log.manifest import MANIFEST, LogNote, misfit, note_log, read_manifest, write_manifest
from kstore.log.names import INDEX, LOG, TIME_INDEX, segment_file

PATH = "orders-0"
EPOCH = 7


def stopped(fs: FileSystem, path: str = PATH, batches: int = 12, fill: bytes = b"v") -> tuple[Log, LogNote]:
    """A log after a clean stop, and what is to be written down of it."""
    log = Log.open(fs, path, small_config(), now_ms=NOW_MS)
    for number in range(batches):
        append(log, batch(3, producer=7, sequence=number * 3, fill=fill), leader_epoch=number // 5)
    log.advance_high_watermark(log.end_offset - 1)
    log.close()
    assert len(log.segments) > 3
    return log, note_log(log)


def marked(fs: FileSystem, *notes: tuple[str, LogNote]) -> None:
    write_manifest(fs, clean_shutdown(EPOCH), dict(notes))
    write_clean_shutdown(fs, EPOCH)


def reopen(fs: FileSystem, note: LogNote) -> Log:
    return Log.open(fs, PATH, small_config(), now_ms=NOW_MS, clean=True, note=note)


def test_a_manifest_is_read_as_it_was_written(fs: FileSystem) -> None:
    notes = [(path, stopped(fs, path)[1]) for path in (PATH, "some.other-topic-17")]
    marked(fs, *notes)
    assert read_manifest(fs) == dict(notes)
    assert notes[0][1].high_watermark == 35
    assert notes[0][1].end_offset == 36


def test_a_log_that_is_as_it_was_left_fits(fs: FileSystem) -> None:
    log, note = stopped(fs)
    expected = everything(log)
    assert misfit(fs, PATH, note) is None
    after = reopen(fs, note)
    assert after.recovery.rebuilt_indexes == after.recovery.walked_segments == 0
    assert everything(after) == expected
    after.close()
    assert note_log(after)[2:] == note[2:]


def test_a_manifest_of_another_mark_is_not_compared(fs: FileSystem) -> None:
    """Apache Kafka has run since: its mark has its own broker epoch, and its logs may be anything."""
    _, note = stopped(fs)
    marked(fs, (PATH, note))
    write_clean_shutdown(fs, EPOCH + 1)
    assert read_manifest(fs) == {}


def test_a_manifest_without_a_mark_is_not_compared(fs: FileSystem) -> None:
    _, note = stopped(fs)
    marked(fs, (PATH, note))
    fs.unlink(CLEAN_SHUTDOWN)
    assert read_manifest(fs) == {}


@pytest.mark.parametrize("keep", [0, 5, -1])
def test_a_damaged_manifest_says_so(fs: FileSystem, keep: int) -> None:
    _, note = stopped(fs)
    marked(fs, (PATH, note))
    fs.replace(MANIFEST, fs.read_bytes(MANIFEST)[:keep])
    with pytest.raises(CheckpointError, match=MANIFEST):
        read_manifest(fs)


def name_of(log: Log, number: int, suffix: str = LOG) -> str:
    return f"{PATH}/{segment_file(log.segments.base_offsets[number], suffix)}"


def first_gone(fs: FileSystem, log: Log) -> str:
    fs.unlink(name_of(log, 0))
    return "is gone since the last clean stop"


def last_gone(fs: FileSystem, log: Log) -> str:
    fs.unlink(name_of(log, -1))
    return "is gone since the last clean stop"


def folder_gone(fs: FileSystem, log: Log) -> str:
    fs.remove_tree(PATH)
    return "is gone since the last clean stop"


def end_cut_between_batches(fs: FileSystem, log: Log) -> str:
    name = name_of(log, -1)
    fs.replace(name, fs.read_bytes(name)[: list(log.segments)[-1].tail()[0]])
    return "as at the last clean stop"


def extra_at_the_end(fs: FileSystem, log: Log) -> str:
    fs.replace(f"{PATH}/{segment_file(log.end_offset, LOG)}", b"")
    return "wasn't there at the last clean stop"


@pytest.mark.parametrize("damage", [first_gone, last_gone, folder_gone, end_cut_between_batches, extra_at_the_end])
def test_what_only_the_manifest_knows_is_noticed(fs: FileSystem, damage: Callable[[FileSystem, Log], str]) -> None:
    log, note = stopped(fs)
    said = damage(fs, log)
    wrong = misfit(fs, PATH, note)
    assert wrong is not None
    assert PATH in wrong
    assert said in wrong
    with pytest.raises(LogDamaged, match=said):
        reopen(fs, note)
    with pytest.raises(LogDamaged, match=said):
        reopen(fs, note)


@pytest.mark.parametrize("number", [0, 1, -1])
def test_a_segment_of_another_log_with_the_same_name_and_size_is_noticed(fs: FileSystem, number: int) -> None:
    log, note = stopped(fs)
    other, _ = stopped(fs, "other-0", fill=b"w")
    data = fs.read_bytes(f"other-0/{segment_file(other.segments.base_offsets[number], LOG)}")
    fs.replace(name_of(log, number), data)
    assert misfit(fs, PATH, note) is None
    with pytest.raises(LogDamaged, match="isn't that of the last clean stop"):
        reopen(fs, note)


@pytest.mark.parametrize("suffix", [INDEX, TIME_INDEX])
def test_an_index_that_could_be_right_and_is_not_as_it_was_left_is_built_anew(fs: FileSystem, suffix: str) -> None:
    log, note = stopped(fs)
    before = fs.read_bytes(name_of(log, 1, suffix))
    fs.replace(name_of(log, 1, suffix), b"")
    after = reopen(fs, note)
    assert after.recovery.rebuilt_indexes == 1
    assert fs.read_bytes(name_of(log, 1, suffix)) == before


def test_an_epoch_file_that_is_not_as_it_was_left_is_built_anew(fs: FileSystem) -> None:
    log, note = stopped(fs)
    fs.replace(log.epochs.path, b"0\n2\n0 0\n2 30\n")
    assert reopen(fs, note).epochs.entries == log.epochs.entries == [(0, 0), (1, 15), (2, 30)]
