"""The map of keys and their last offsets: a digest is the library's, and its memory is bounded."""

from random import Random

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from kstore.log.offset_map import OffsetMap, key_digest


def test_a_key_s_digest_is_that_of_the_xxhash_package_at_every_length(seed: int) -> None:
    random = Random(seed)
    for length in [*range(1100), 2047, 2048, 2049, 70_000]:
        key = random.randbytes(length)
        assert key_digest(key) == xxhash.xxh3_128_digest(key), length


@given(st.lists(st.tuples(st.binary(max_size=2), st.integers(0, 2**62))))
def test_it_has_the_offset_that_was_put_last(puts: list[tuple[bytes, int]]) -> None:
    offsets, model = OffsetMap(24 * 400), {}
    for key, offset in puts:
        assert offsets.put(key, offset)
        model[key] = offset
    assert len(offsets) == len(model)
    assert all(offsets.get(key) == offset for key, offset in model.items())
    assert offsets.get(b"none") == -1


def test_a_full_map_refuses_new_keys_and_takes_those_that_it_has() -> None:
    offsets = OffsetMap(24 * 100, 0.75)
    taken = [number for number in range(100) if offsets.put(b"%d" % number, number)]
    assert taken == list(range(75))
    assert offsets.put(b"3", 103)
    assert [offsets.get(b"3"), offsets.get(b"74"), offsets.get(b"75")] == [103, 74, -1]


def test_a_map_may_be_full_to_its_last_slot_but_one() -> None:
    offsets = OffsetMap(24 * 50, 1.0)
    assert [offsets.put(b"%d" % number, number) for number in range(50)] == [True] * 49 + [False]
    assert offsets.get(b"none") == -1


def test_a_cleared_map_is_as_new() -> None:
    offsets = OffsetMap(24 * 100)
    offsets.put(b"key", 5)
    offsets.latest_offset = 7
    offsets.clear()
    assert (len(offsets), offsets.latest_offset, offsets.get(b"key")) == (0, -1, -1)


@pytest.mark.parametrize(("size_bytes", "load_factor"), [(0, 0.9), (24, 0.9), (48, 0.4), (2400, 0.0), (2400, 1.1)])
def test_a_map_without_room_for_a_key_is_refused(size_bytes: int, load_factor: float) -> None:
    with pytest.raises(ValueError, match="load factor"):
        OffsetMap(size_bytes, load_factor)
