"""The order in which Java's hash tables are walked, as far as Kafka's assignors let it decide who gets what.

A ``HashMap`` has 16 buckets and doubles them when more than three quarters as many keys are in it; it is walked bucket
by bucket, and inside a bucket in the order of insertion. Two leaders of a group, one in Java and one here, so come to
the same assignment for the same members.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from actors.clients.structs import TopicPartition

T = TypeVar("T")
BUCKETS_AT_FIRST = 16


def hash_of_text(text: str) -> int:
    """``String.hashCode``, as 32 bits without a sign.

    >>> hash_of_text("consumer-1") == -166239206 % 2**32
    True
    """
    code = 0
    data = text.encode("utf-16-be", "surrogatepass")
    for high, low in zip(data[::2], data[1::2], strict=True):
        code = (31 * code + (high << 8 | low)) & 0xFFFFFFFF
    return code


def hash_of_partition(partition: TopicPartition) -> int:
    """``TopicPartition.hashCode``, as 32 bits without a sign."""
    return (31 * (31 + partition.partition) + hash_of_text(partition.topic)) & 0xFFFFFFFF


def in_hash_order(keys: Iterable[T], code: Callable[[T], int]) -> list[T]:
    """The keys, given in the order of insertion, as a ``HashMap`` of them is walked."""
    inserted = list(dict.fromkeys(keys))
    last = buckets(inserted) - 1

    def bucket(key: T) -> int:
        h = code(key)
        return (h ^ h >> 16) & last

    return sorted(inserted, key=bucket)


def buckets(keys: Collection[object]) -> int:
    """How many buckets a table has that grew to hold so many keys."""
    count = BUCKETS_AT_FIRST
    while len(keys) * 4 > count * 3:
        count *= 2
    return count
