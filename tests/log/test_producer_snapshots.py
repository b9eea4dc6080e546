"""The producer snapshot file: read as written, and no wrong byte passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from present import present

from kstore.log.producers import ProducerStates
from kstore.log.snapshot import SnapshotEntry, SnapshotError, decode, encode

INT64 = st.integers(-1, (1 << 63) - 1)
INT32 = st.integers(-1, (1 << 31) - 1)
ENTRIES = st.builds(SnapshotEntry, INT64, st.integers(-1, 32767), INT32, INT64, INT32, INT64, INT32, INT64)


@given(st.lists(ENTRIES, max_size=6))
def test_a_snapshot_is_read_as_written(entries: list[SnapshotEntry]) -> None:
    assert decode(encode(entries)) == entries


@given(st.lists(ENTRIES, max_size=3), st.data())
def test_no_wrong_byte_passes(entries: list[SnapshotEntry], data: st.DataObject) -> None:
    good = encode(entries)
    place = data.draw(st.integers(0, len(good) - 1))
    broken = bytearray(good)
    broken[place] ^= data.draw(st.integers(1, 255))
    for wrong in (bytes(broken), good[:place], good + b"\0"):
        with pytest.raises(SnapshotError):
            decode(wrong)


def test_the_last_batch_of_a_producer_is_known_from_its_snapshot_even_where_sequences_wrapped() -> None:
    states = ProducerStates()
    states.restore([SnapshotEntry(9, 3, 1, 104, 4, 77, -1, -1), SnapshotEntry(8, 0, -1, -1, 0, 5, 2, 50)])
    written = present(states.get(9)).window[0]
    assert (written.first_sequence, written.last_sequence) == ((1 << 31) - 3, 1)
    assert (written.first_offset, written.last_offset) == (100, 104)
    assert present(states.get(8)).window == []
    assert states.transactions.first_unstable_offset == 50
    assert [entry.last_sequence for entry in states.snapshot()] == [1, -1]
