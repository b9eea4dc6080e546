"""Which partition of the offsets topic a group belongs to."""

import pytest

from actors.coordinator.routing import partition_for
from kstore.codec.partitioning import java_hash


@pytest.mark.parametrize(
    ("group_id", "hashed", "partition"),
    [
        ("", 0, 0),
        ("g", 103, 3),
        ("order-events", -782987144, 44),
        ("polygenelubricants", -(2**31), 0),
        ("naïve𝄞", None, None),
    ],
)
def test_the_partition_of_a_group_is_javas(group_id: str, hashed: int | None, partition: int | None) -> None:
    if hashed is None:
        assert java_hash(group_id) == _slow_java_hash(group_id)
        return
    assert java_hash(group_id) == hashed
    assert partition_for(group_id, 50) == partition


def _slow_java_hash(text: str) -> int:
    units: list[int] = []
    for character in map(ord, text):
        if character > 0xFFFF:
            units += [0xD800 + ((character - 0x10000) >> 10), 0xDC00 + ((character - 0x10000) & 0x3FF)]
        else:
            units.append(character)
    total = sum(unit * 31 ** (len(units) - 1 - index) for index, unit in enumerate(units)) % 2**32
    return total - 2**32 if total >= 2**31 else total
