"""Which partition of an internal topic coordinates a key: a group's id, or a transactional one.

The partition is the absolute value of Java's ``String.hashCode`` of the key, over its UTF-16 units, modulo the number
of partitions; the one value without a positive counterpart counts as 0. (Not the mask that partitioners use.)
"""

from __future__ import annotations

from kstore.codec.partitioning import java_hash

_INT_MIN = -(2**31)


def partition_for(key: str, partition_count: int) -> int:
    value = java_hash(key)
    return 0 if value == _INT_MIN else abs(value) % partition_count
