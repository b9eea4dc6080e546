"""Transactions that ended in an abort: noted beside the segment with the marker, and found by what is read."""

from random import Random

import pytest
from log.batching import NOW_MS, append, batch, small_config

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log import AppendInfo, Log
from kstore.log.answers import AbortedTransaction
from kstore.log.indexes import IndexFileError
from kstore.log.manifest import note_log, read_manifest, write_manifest
from kstore.log.transaction_index import TransactionIndex
from kstore.records import EndTransactionMarker, end_transaction_batch, parse_batches

PATH = "orders-0"
CONFIG = small_config(segment_bytes=1000)


def opened(fs: FileSystem, *, clean: bool = False, recovery_point: int = 0) -> Log:
    return Log.open(fs, PATH, CONFIG, now_ms=NOW_MS, clean=clean, recovery_point=recovery_point)


class Writers:
    """Producers that write to a log in transactions; ``aborted`` is what a slow reader would make of their markers."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.began: dict[int, int] = {}
        self.sequences: dict[int, int] = {}
        self.aborted: list[AbortedTransaction] = []

    def write(self, producer: int) -> None:
        sequence = self.sequences.get(producer, 0)
        self.sequences[producer] = sequence + 1
        info = append(self.log, batch(producer=producer, sequence=sequence, transactional=True))
        self.began.setdefault(producer, info.first_offset)

    def end(self, producer: int, *, commit: bool) -> None:
        marker = parse_batches(end_transaction_batch(EndTransactionMarker(commit, 1), NOW_MS, producer, 0))
        (info,) = self.log.append_as_leader([marker], 0, NOW_MS, from_client=False)
        assert isinstance(info, AppendInfo)
        began = self.began.pop(producer, None)
        if began is not None and not commit:
            stable = min(self.began.values(), default=info.last_offset + 1)
            self.aborted.append(AbortedTransaction(producer, began, info.last_offset, stable))

    def at_random(self, random: Random, times: int) -> None:
        for _ in range(times):
            producer = random.randrange(4)
            if producer in self.began and random.random() < 0.4:
                self.end(producer, commit=random.random() < 0.4)
            else:
                self.write(producer)


def assert_found(log: Log, aborted: list[AbortedTransaction]) -> None:
    """Every range has those that overlap it, in the order of their markers."""
    for offset in range(0, log.end_offset, 3):
        for up_to in (offset + 1, offset + 7, log.end_offset):
            overlapping = [each for each in aborted if each.last_offset >= offset and each.first_offset < up_to]
            assert log.segments.aborted(offset, up_to) == overlapping


def written(fs: FileSystem, seed: int, times: int = 150) -> Writers:
    writers = Writers(opened(fs))
    writers.at_random(Random(seed), times)
    assert len(writers.log.segments) > 5
    assert len(writers.aborted) > 10
    return writers


def test_what_was_aborted_is_found_in_every_range(fs: FileSystem, seed: int) -> None:
    writers = written(fs, seed)
    assert_found(writers.log, writers.aborted)
    writers.log.flush()
    assert_found(writers.log, writers.aborted)


def test_a_clean_stop_and_a_crash_keep_what_was_aborted(fs: FileSystem, seed: int) -> None:
    writers = written(fs, seed)
    writers.log.flush()
    point = writers.log.recovery_point
    writers.at_random(Random(seed + 1), 50)
    crashed = opened(fs, recovery_point=point)
    assert_found(crashed, writers.aborted)
    crashed.close()
    assert_found(opened(fs, clean=True), writers.aborted)


def test_a_crash_loses_no_index_that_waited_in_memory(fs: FileSystem, seed: int) -> None:
    writers = written(fs, seed)
    assert_found(opened(fs), writers.aborted)


@pytest.mark.parametrize("missing", [True, False], ids=["gone", "emptied"])
def test_indexes_that_a_crash_took_are_made_anew_from_the_markers(fs: FileSystem, seed: int, missing: bool) -> None:
    writers = written(fs, seed)
    writers.log.flush()
    writers.log.shut()
    for name in fs.listdir(PATH):
        if name.endswith(".txnindex"):
            fs.unlink(f"{PATH}/{name}")
            if not missing:
                fs.replace(f"{PATH}/{name}", b"")
    log = opened(fs)
    assert_found(log, writers.aborted)
    log.close()
    assert_found(opened(fs, clean=True), writers.aborted)


@pytest.mark.parametrize("missing", [True, False], ids=["gone", "emptied"])
def test_indexes_of_segments_that_were_durable_are_made_anew_after_a_crash(
    fs: FileSystem, seed: int, missing: bool
) -> None:
    writers = written(fs, seed)
    writers.log.flush()
    point = writers.log.recovery_point
    writers.log.shut()
    for name in fs.listdir(PATH):
        if name.endswith(".txnindex"):
            fs.unlink(f"{PATH}/{name}")
            if not missing:
                fs.replace(f"{PATH}/{name}", b"")
    log = opened(fs, recovery_point=point)
    assert_found(log, writers.aborted)
    assert log.recovery.rebuilt_indexes > 0


def test_a_log_without_transactions_is_not_read_for_them(fs: FileSystem) -> None:
    log = opened(fs)
    for sequence in range(60):
        append(log, batch(producer=1, sequence=sequence))
    log.flush()
    log.shut()
    again = opened(fs, recovery_point=log.recovery_point)
    assert len(again.segments) > 3
    assert (again.recovery.walked_segments, again.recovery.rebuilt_indexes) == (1, 0)


def test_a_truncation_takes_the_aborted_transactions_along(fs: FileSystem, seed: int) -> None:
    writers = written(fs, seed)
    log = writers.log
    while log.end_offset > 10:
        log.truncate_to(log.end_offset - Random(seed).randint(1, 9))
        assert_found(log, [each for each in writers.aborted if each.last_offset < log.end_offset])
    log.close()
    assert_found(opened(fs, clean=True), [each for each in writers.aborted if each.last_offset < log.end_offset])


def test_a_transaction_that_a_truncation_opened_again_is_aborted_by_a_later_marker(fs: FileSystem) -> None:
    writers = Writers(opened(fs))
    writers.write(1)
    writers.end(1, commit=False)
    writers.log.truncate_to(1)
    writers.began[1] = 0
    writers.aborted.clear()
    writers.write(2)
    writers.end(1, commit=False)
    assert_found(writers.log, [AbortedTransaction(1, 0, 2, 1)])


def test_an_empty_transaction_and_a_committed_one_are_not_noted(fs: FileSystem) -> None:
    writers = Writers(opened(fs))
    writers.end(1, commit=False)
    writers.write(2)
    writers.end(2, commit=True)
    assert_found(writers.log, [])
    writers.log.close()
    assert not [name for name in fs.listdir(PATH) if name.endswith(".txnindex")]


def test_a_committed_read_ends_at_the_last_stable_offset_and_names_what_was_aborted(fs: FileSystem) -> None:
    writers = Writers(opened(fs))
    writers.write(1)
    writers.end(1, commit=False)
    writers.write(2)
    log = writers.log
    log.advance_high_watermark(log.end_offset)
    for _ in ("hot", "from the file"):
        read = log.read_committed(0, 1 << 20)
        assert (read.next_offset, list(read.aborted)) == (2, [AbortedTransaction(1, 0, 1, 2)])
        assert list(log.read_committed(2, 1 << 20).aborted) == []
        assert list(log.read(0, 1 << 20).aborted) == []
        log.hot.clear()


def test_a_folder_whose_index_was_changed_since_a_clean_stop_has_it_made_anew(fs: FileSystem, seed: int) -> None:
    writers = written(fs, seed)
    log = writers.log
    log.close()
    fs.replace(".kafka_cleanshutdown", b"{}")
    write_manifest(fs, b"{}", {PATH: note_log(log)})
    note = read_manifest(fs)[PATH]
    assert note == note_log(log)
    for name in fs.listdir(PATH):
        if name.endswith(".txnindex"):
            fs.unlink(f"{PATH}/{name}")
    again = Log.open(fs, PATH, CONFIG, now_ms=NOW_MS, clean=True, note=note)
    assert_found(again, writers.aborted)
    assert again.recovery.rebuilt_indexes > 0


@pytest.mark.parametrize(
    "entries",
    [
        [AbortedTransaction(1, 5, 4, 5)],
        [AbortedTransaction(1, -1, 4, 5)],
        [AbortedTransaction(1, 0, 4, 5), AbortedTransaction(2, 0, 3, 5)],
        [AbortedTransaction(1, 0, 100, 101)],
    ],
)
def test_an_index_that_can_t_be_right_is_refused(entries: list[AbortedTransaction]) -> None:
    fs = MemoryFileSystem()
    index = TransactionIndex(fs, "a.txnindex", 0)
    for each in entries:
        index.last_offset = -1
        index.append(each)
    index.save()
    with pytest.raises(IndexFileError):
        TransactionIndex(fs, "a.txnindex", 0).load(100)


def test_a_long_index_is_searched_by_halves_and_read_on_until_nothing_more_can_come() -> None:
    fs = MemoryFileSystem()
    index = TransactionIndex(fs, "a.txnindex", 0)
    entries = [AbortedTransaction(number % 7, 3 * number, 3 * number + 2, 3 * number + 3) for number in range(2000)]
    for each in entries[:1500]:
        index.append(each)
    index.save()
    for each in entries[1500:]:
        index.append(each)
    for offset, up_to in [(0, 1), (2999, 3010), (4490, 4510), (5999, 6000), (6000, 6001)]:
        found: list[AbortedTransaction] = []
        complete = index.collect(offset, up_to, found)
        assert found == [each for each in entries if each.last_offset >= offset and each.first_offset < up_to]
        assert complete == (up_to <= 6000)
