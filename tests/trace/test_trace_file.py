"""``.ktrace`` files: what is written is read again, and a damaged one gives what is whole of it, or a typed error."""

import errno
from pathlib import Path
from typing import Any

import pytest
from cluster.members import GROUP, pair
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.clock import Clock
from actors.runtime.recorder import Recorder
from actors.runtime.world import real_world, virtual_world
from actors.trace import Trace, TraceFileError
from actors.trace.file import block, end_block, header, name_blocks, parse, row_blocks, save
from actors.trace.recording import Names, Recording
from actors.trace.spool import Spool
from kstore.fs.posix import PosixFile


def recorded(count: int, capacity: int = 1024) -> Recorder:
    rows = Recorder(Clock(True), capacity)
    for number in range(count):
        rows.note(rows.intern(f"actor-{number % 3}"), "Row", number, f"t-{number % 5}", number, -1, f"word {number}")
    return rows


def saved(count: int = 20) -> bytes:
    data, names = recorded(count).copy()
    parts = [header(1_700_000_000_000_000, virtual=True), *name_blocks(enumerate(names)), *row_blocks(data)]
    return b"".join([*parts, end_block(count + 1)])


WHOLE = saved()


def test_what_is_saved_is_read_again_row_by_row(tmp_path: Path) -> None:
    recorder = recorded(5000)
    trace = Trace(recorder, base_us=123, virtual=True)
    trace.save(tmp_path / "run.ktrace")
    again = Trace.load(tmp_path / "run.ktrace").recording
    assert list(again.rows()) == list(trace.recording.rows())
    assert (again.first, again.is_cut, len(again)) == (3977, True, 1024)
    assert (again.base_us, again.virtual, again.damage) == (123, True, "")


def test_a_file_gives_the_same_answers_as_the_cluster(start: Any, tmp_path: Path) -> None:
    client = start()
    pair(client)
    client.say("t", b"a", b"b")
    live = Trace.of(client.cluster.world)
    live.save(tmp_path / "run.ktrace")
    read = Trace.load(tmp_path / "run.ktrace")
    assert read.why_rebalance(GROUP).to_dict() == live.why_rebalance(GROUP).to_dict()
    assert str(read.record("t", 0, 0)) == str(live.record("t", 0, 0))
    assert str(read.why_leader("t", 1)) == str(live.why_leader("t", 1))
    assert read.actor("broker-1#1/controller").to_dict() == live.actor("broker-1#1/controller").to_dict()
    assert read.deepest(5) == live.deepest(5)


def test_a_saved_file_is_saved_again_as_it_is(tmp_path: Path) -> None:
    save(parse(WHOLE), tmp_path / "again.ktrace")
    assert list(parse((tmp_path / "again.ktrace").read_bytes()).rows()) == list(parse(WHOLE).rows())


def test_a_trace_without_rows_can_be_saved(tmp_path: Path) -> None:
    Trace(recorded(0)).save(tmp_path / "empty.ktrace")
    read = Trace.load(tmp_path / "empty.ktrace")
    assert len(read.recording) == 0
    assert read.actors() == read.slowest() == read.deepest() == []
    assert "the trace has nothing about offset 0" in str(read.record("t", 0, 0))


def test_a_file_cut_off_anywhere_gives_the_rows_before_the_cut() -> None:
    rows = list(parse(WHOLE).rows())
    for length in range(len(WHOLE)):
        if length < 64:
            with pytest.raises(TraceFileError):
                parse(WHOLE[:length])
            continue
        found = parse(WHOLE[:length])
        assert found.damage
        assert list(found.rows()) in (rows, [])


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_file_with_a_wrong_byte_is_known_as_such(at: int, flip: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[at] ^= flip
    try:
        found = parse(bytes(damaged))
    except TraceFileError:
        assert at < 64
        return
    rows = list(parse(WHOLE).rows())
    assert list(found.rows()) in (rows, [])
    assert found.damage


@given(st.lists(st.tuples(st.sampled_from([b"ROWS", b"NAME", b"DONE", b"WHAT"]), st.binary(max_size=200))))
def test_whatever_whole_blocks_hold_a_reader_takes_only_what_makes_sense(blocks: list[tuple[bytes, bytes]]) -> None:
    found = parse(header(0, virtual=False) + b"".join(block(kind, payload) for kind, payload in blocks))
    for row in found.rows():
        assert found.chain(row.sequence)
        str(row)


def test_a_length_is_never_trusted() -> None:
    lying = b"ROWS" + (2**32 - 1).to_bytes(4, "little") + bytes(8)
    found = parse(header(0, virtual=False) + lying)
    assert (len(found), "cut off" in found.damage) == (0, True)


def test_rows_that_do_not_go_on_from_the_last_are_damage() -> None:
    data, _ = recorded(4).copy()
    found = parse(header(0, virtual=False) + block(b"ROWS", data[:128]) + block(b"ROWS", data[192:]))
    assert ([row.sequence for row in found.rows()], "don't continue" in found.damage) == ([1, 2], True)


def test_a_row_whose_cause_comes_after_it_is_not_followed() -> None:
    data = bytearray(recorded(2).copy()[0])
    data[16:24] = (2).to_bytes(8, "little")
    found = parse(header(0, virtual=False) + block(b"ROWS", bytes(data)))
    assert [row.sequence for row in found.chain(2)] == [2, 1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "isn't a .ktrace file"),
        (b"PK\x03\x04" + bytes(100), "isn't a .ktrace file"),
        (WHOLE[:40], "within its header"),
    ],
)
def test_what_is_no_trace_is_refused_with_words(data: bytes, words: str) -> None:
    with pytest.raises(TraceFileError, match=words):
        parse(data)


def test_a_later_version_is_refused_by_its_number() -> None:
    from actors.trace.file import CRC, HEADER, MAGIC
    from kstore.codec.checksum import crc32c

    begin = HEADER.pack(MAGIC, 2, 64, 0, 0, bytes(32))
    with pytest.raises(TraceFileError, match="version 2"):
        parse(begin + CRC.pack(crc32c(begin)))


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Trace.load(tmp_path / "missing" / "run.ktrace")
    assert not (tmp_path / "missing").exists()


def test_names_hold_until_their_number_is_given_again() -> None:
    names = Names(["", "a"])
    names.define(1, "b", 10)
    names.define(1, "c", 20)
    assert [names.text(1, sequence) for sequence in (1, 9, 10, 19, 20, 99)] == list("aabbcc")
    assert names.numbers("a") == names.numbers("c") == {1}
    assert names.text(7, 1) == "?7"


def test_a_spooled_file_has_all_rows_however_few_the_ring_keeps(tmp_path: Path) -> None:
    world = virtual_world(1, trace_rows=64)
    world.recorder.note(0, "Before", 0)
    spool = Spool(world, tmp_path / "run.ktrace")
    for number in range(10_000):
        world.recorder.note(0, "Row", 0, f"topic-{number % 100}-0", number)
    spool.close()
    spool.close()
    read = Trace.load(tmp_path / "run.ktrace").recording
    assert (len(read), read.damage, read.is_cut) == (10_001, "", False)
    assert [row.partition for row in read.last(2)] == ["topic-98-0", "topic-99-0"]
    assert not Trace(world.recorder).recording.row(1)


def test_numbers_of_names_that_are_given_again_are_read_as_they_were_meant(tmp_path: Path) -> None:
    world = virtual_world(1, trace_rows=64)
    spool = Spool(world, tmp_path / "run.ktrace")
    count = 70_000
    for number in range(count):
        world.recorder.note(0, "Row", 0, f"topic-{number}-0", number)
    spool.close()
    read = Trace.load(tmp_path / "run.ktrace").recording
    assert all(row.partition == f"topic-{row.offset1}-0" for row in read.rows())
    assert [row.offset1 for row in read.find("Row", partition="topic-5-0")] == [5]


def test_a_file_that_is_not_ended_yet_can_be_read(tmp_path: Path) -> None:
    world = virtual_world(1, trace_rows=64)
    Spool(world, tmp_path / "run.ktrace")
    for number in range(100):
        world.recorder.note(0, "Row", 0, "", number)
    read = Trace.load(tmp_path / "run.ktrace").recording
    assert len(read) == 96
    assert "no end" in read.damage


def test_in_real_time_a_file_has_what_happened_a_second_ago(tmp_path: Path) -> None:
    world = real_world()
    spool = Spool(world, tmp_path / "run.ktrace")
    world.recorder.note(0, "Row", 0)
    world.driver.drive(lambda: Trace.load(tmp_path / "run.ktrace").recording.last_of("Row"), 60)
    assert Trace.load(tmp_path / "run.ktrace").recording.last_of("Row")
    spool.close()


def test_a_disk_that_is_full_ends_the_spooling_and_not_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = virtual_world(1, trace_rows=64)
    spool = Spool(world, tmp_path / "run.ktrace")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(PosixFile, "append", full)
    for number in range(200):
        world.recorder.note(0, "Row", 0, "", number)
    spool.close()
    assert spool.failure is not None
    assert spool.failure.errno == errno.ENOSPC
    assert world.recorder.count("TraceFileFailed") == 1


def test_a_trace_that_is_there_already_is_kept_under_another_name(tmp_path: Path) -> None:
    path, kept = tmp_path / "run.ktrace", []
    for run in ("First", "Second", "Third"):
        world = virtual_world(1)
        spool = Spool(world, path)
        kept.append(spool.kept_as)
        world.recorder.note(0, run, 0)
        spool.close()
    assert kept == ["", "run.ktrace.1", "run.ktrace.2"]
    assert Trace.load(tmp_path / "run.ktrace.1").recording.last_of("First")
    assert Trace.load(tmp_path / "run.ktrace.2").recording.last_of("Second")
    assert Trace.load(path).recording.last_of("Third")


def test_a_trace_that_is_being_written_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "run.ktrace"
    world = virtual_world(1)
    spool = Spool(world, path)
    with pytest.raises(TraceFileError, match=r"run\.ktrace is being written by another server or cluster"):
        Spool(virtual_world(2), path)
    world.recorder.note(0, "Row", 0)
    spool.close()
    assert Trace.load(path).recording.damage == ""
    assert [each.name for each in tmp_path.iterdir()] == ["run.ktrace"]


def test_a_file_that_cannot_be_made_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        Spool(virtual_world(1), tmp_path)


def test_an_empty_recording_answers() -> None:
    empty = Recording(b"", Names())
    assert (empty.row(1), empty.chain(1), empty.last(3), list(empty.find("Row"))) == (None, [], [], [])
