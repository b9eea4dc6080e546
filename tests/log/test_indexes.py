"""The sparse indexes beside plain lists, saved at any time, cut anywhere, opened again."""

import struct
from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kstore.codec.checksum import crc32c
from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log.indexes import IndexFileError, OffsetIndex, TimeIndex

BASE = 1 << 40
STEPS = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 9000), st.booleans()), max_size=60)


@given(STEPS, st.integers(0, 3000), st.booleans(), st.integers(0, 3200))
def test_the_offset_index_finds_what_a_list_would(
    steps: list[tuple[int, int, bool]], wanted: int, reopened: bool, cut: int
) -> None:
    fs = MemoryFileSystem()
    index = OffsetIndex(fs, "i", BASE)
    model: list[tuple[int, int]] = []
    offset = position = 0
    for by, far, saved in steps:
        offset += by
        position += far
        index.append(BASE + offset, position)
        model.append((offset, position))
        if saved:
            index.save()
    if cut < 3000:
        index.truncate_to(BASE + cut, position + 1)
        model = [each for each in model if each[0] < cut]
    index.save()
    if reopened:
        index = OffsetIndex(fs, "i", BASE)
        index.load(position + 1, BASE + offset + 1)
    assert fs.read_bytes("i") == b"".join(struct.pack(">ii", *each) for each in model)
    assert len(index) == len(model)
    assert index.last_offset == BASE + (model[-1][0] if model else 0)
    found = bisect_right([each[0] for each in model], wanted)
    assert index.position_before(BASE + wanted) == (model[found - 1][1] if found else 0)
    found = bisect_right([each[1] for each in model], wanted * 100)
    assert index.position_not_above(wanted * 100) == (model[found - 1][1] if found else 0)


@given(STEPS, st.integers(-1, 3000), st.integers(0, 3200))
def test_the_time_index_finds_what_a_list_would(steps: list[tuple[int, int, bool]], wanted: int, cut: int) -> None:
    fs = MemoryFileSystem()
    index = TimeIndex(fs, "t", BASE)
    model: list[tuple[int, int]] = []
    offset = time = 0
    for by, far, saved in steps:
        offset += by
        time += far % 7
        index.maybe_append(time, BASE + offset)
        if time > (model[-1][0] if model else -1):
            model.append((time, offset))
        if saved:
            index.save()
    if cut < 3000:
        index.truncate_to(BASE + cut)
        model = [each for each in model if each[1] < cut]
    index.save()
    assert fs.read_bytes("t") == b"".join(struct.pack(">qi", *each) for each in model)
    again = TimeIndex(fs, "t", BASE)
    again.load(BASE + 3201)
    for each in (index, again):
        assert (each.last_timestamp, each.last_offset - BASE) == (model[-1] if model else (-1, 0))
        found = bisect_right([pair[0] for pair in model], wanted)
        assert each.entry_before(wanted)[1] == BASE + (model[found - 1][1] if found else 0)


def test_a_long_index_is_bisected_in_the_file(fs: FileSystem) -> None:
    index = OffsetIndex(fs, "i", 0)
    for number in range(1, 5000):
        index.append(number * 10, number * 100)
    index.save()
    for number in range(5000, 5010):
        index.append(number * 10, number * 100)
    for wanted in (0, 9, 10, 11, 5119, 5120, 25_001, 49_989, 49_990, 49_999, 50_000, 50_089, 50_095, 1 << 40):
        assert index.position_before(wanted) == min(wanted // 10, 5009) * 100


def test_offsets_in_an_index_only_rise(fs: FileSystem) -> None:
    index = OffsetIndex(fs, "i", 5)
    index.append(7, 100)
    with pytest.raises(ValueError, match="isn't above"):
        index.append(7, 200)


ENDS: dict[type, tuple[int, ...]] = {OffsetIndex: (500, 150), TimeIndex: (150,)}  # of a segment that begins at 100


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (OffsetIndex, b"\0" * 7),
        (OffsetIndex, b"\0" * 8),
        (OffsetIndex, struct.pack(">iiii", 5, 100, -3, 200)),
        (OffsetIndex, struct.pack(">iiii", 5, 100, 7, 90)),
        (OffsetIndex, struct.pack(">iiiiii", 5, 100, 7, 90, 9, 400)),
        (OffsetIndex, struct.pack(">iiiiii", 5, 100, 3, 200, 9, 400)),
        (OffsetIndex, struct.pack(">ii", 5, 500)),
        (OffsetIndex, struct.pack(">ii", 50, 100)),
        (TimeIndex, b"\0" * 13),
        (TimeIndex, b"\0" * 24),
        (TimeIndex, struct.pack(">qiqi", 5, 1, 4, 2)),
        (TimeIndex, struct.pack(">qiqiqi", 5, 1, 4, 2, 9, 3)),
        (TimeIndex, struct.pack(">qiqiqi", 5, 4, 6, 2, 9, 5)),
        (TimeIndex, struct.pack(">qi", 5, 50)),
        (TimeIndex, struct.pack(">qi", 5, -1)),
    ],
)
def test_a_file_that_cannot_be_an_index_is_refused(
    fs: FileSystem, kind: type[OffsetIndex] | type[TimeIndex], content: bytes
) -> None:
    fs.replace("i", content)
    with pytest.raises(IndexFileError):
        kind(fs, "i", 100).load(*ENDS[kind])


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.booleans()), max_size=40))
def test_the_checksum_of_an_index_is_that_of_its_file(steps: list[tuple[int, bool, bool]]) -> None:
    fs = MemoryFileSystem()
    index = OffsetIndex(fs, "i", 0)
    for by, saved, cut in steps:
        index.append(index.last_offset + by, index.last_offset * 10 + 1)
        if saved:
            index.save()
        if cut:
            index.truncate_to(index.last_offset - 3, 1 << 30)
    index.save()
    assert index.crc == crc32c(fs.read_bytes("i"))
    again = OffsetIndex(fs, "i", 0)
    again.load(1 << 30, 1 << 30)
    assert (again.crc, again.size_bytes) == (index.crc, fs.size("i"))


def test_a_new_segments_index_does_not_inherit_a_file_of_the_same_name(fs: FileSystem) -> None:
    fs.replace("i", struct.pack(">ii", 5, 100))
    index = OffsetIndex(fs, "i", 0)
    index.append(1, 50)
    index.save()
    assert fs.read_bytes("i") == struct.pack(">ii", 1, 50)
