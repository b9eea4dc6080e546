"""Leader epochs: where each began, where each ends, and what is forgotten when a log is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log.epochs import LeaderEpochs


def epochs(fs: FileSystem, *entries: tuple[int, int]) -> LeaderEpochs:
    made = LeaderEpochs(fs, "leader-epoch-checkpoint")
    for epoch, start in entries:
        made.assign(epoch, start)
    return made


def test_the_file_is_kafkas(fs: FileSystem) -> None:
    epochs(fs, (0, 0), (3, 17))
    assert fs.read_bytes("leader-epoch-checkpoint") == b"0\n2\n0 0\n3 17\n"
    assert LeaderEpochs.read(fs, "leader-epoch-checkpoint").entries == [(0, 0), (3, 17)]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (-1, (-1, -1)),
        (0, (0, 10)),
        (2, (2, 20)),
        (3, (2, 20)),
        (4, (2, 20)),
        (5, (5, 30)),
        (7, (7, 99)),
        (8, (-1, -1)),
    ],
)
def test_an_epoch_ends_where_the_next_one_begins(fs: FileSystem, asked: int, answer: tuple[int, int]) -> None:
    assert epochs(fs, (2, 10), (5, 20), (7, 30)).end_offset(asked, 99) == answer


def test_without_epochs_nothing_is_known(fs: FileSystem) -> None:
    assert epochs(fs).end_offset(0, 99) == (-1, -1)
    assert epochs(fs).latest == -1
    assert epochs(fs).at(5) == -1


def test_the_epoch_of_an_offset_is_found(fs: FileSystem) -> None:
    known = epochs(fs, (2, 10), (5, 20))
    assert [known.at(offset) for offset in (9, 10, 19, 20, 1000)] == [-1, 2, 2, 5, 5]


def test_only_news_is_written(fs: FileSystem) -> None:
    known = epochs(fs, (2, 10))
    known.unsynced = False
    assert not known.assign(2, 10)
    assert not known.assign(2, 15)
    assert not known.unsynced
    assert known.assign(2, 5)
    assert known.unsynced
    assert known.entries == [(2, 5)]


def test_what_stands_out_of_order_gives_way_to_the_newest(fs: FileSystem) -> None:
    assert epochs(fs, (2, 10), (5, 20), (7, 30), (5, 25)).entries == [(2, 10), (5, 25)]
    assert epochs(fs, (2, 10), (5, 20), (7, 20)).entries == [(2, 10), (7, 20)]
    with pytest.raises(ValueError, match="negative"):
        epochs(fs, (-1, 0))


def test_a_cut_at_the_end_forgets_the_epochs_that_began_there(fs: FileSystem) -> None:
    known = epochs(fs, (2, 10), (5, 20), (7, 30))
    known.truncate_from_end(31)
    assert known.latest == 7
    known.truncate_from_end(30)
    assert known.entries == [(2, 10), (5, 20)]
    assert LeaderEpochs.read(fs, known.path).entries == known.entries
    known.truncate_from_end(0)
    assert known.entries == []


def test_a_cut_at_the_start_keeps_the_epoch_that_holds_the_new_start(fs: FileSystem) -> None:
    known = epochs(fs, (2, 10), (5, 20), (7, 30))
    known.truncate_from_start(10)
    assert known.entries == [(2, 10), (5, 20), (7, 30)]
    known.truncate_from_start(25)
    assert known.entries == [(5, 25), (7, 30)]
    known.truncate_from_start(30)
    assert known.entries == [(7, 30)]
    assert LeaderEpochs.read(fs, known.path).entries == known.entries


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 100)), max_size=12), st.integers(0, 110))
def test_epochs_and_their_starts_always_rise_and_survive_a_restart(entries: list[tuple[int, int]], end: int) -> None:
    fs = MemoryFileSystem()
    known = epochs(fs, *entries)
    if end < 105:
        known.truncate_from_end(end)
    pairs = known.entries
    assert pairs == sorted(pairs)
    assert len({epoch for epoch, _ in pairs}) == len({start for _, start in pairs}) == len(pairs)
    if entries:
        assert LeaderEpochs.read(fs, known.path).entries == pairs
