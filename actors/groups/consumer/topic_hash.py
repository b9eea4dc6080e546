"""The hash of a group's topics in its record of type 3, by which a coordinator sees that topics have changed.

It is that of Kafka's ``Utils.computeGroupHash`` and ``computeTopicHash``, so that a group that moves between Kafka and
kstore goes on in the same epoch. Both are 64-bit XXH3, seen as a signed number. All numbers are little-endian:

    of a topic    byte 0 (the version of the hash), the upper and the lower half of the topic's id as 8-byte numbers,
                  its name, the number of partitions, and of each partition its number and the racks of its replicas,
                  sorted, each with its length in front
    of a group    the hashes of its topics as 8-byte numbers, in the order of their names; 0 if there are none

A string is its UTF-16 code units, then how many they are, as 4 bytes: a rack has its length on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

MAGIC = b"\0"


def topic_hash(topic_id: bytes, name: str, racks: Sequence[Iterable[str]]) -> int:
    """The hash of a topic; ``racks`` has those of the replicas of each partition.

    >>> topic_hash(bytes(range(16)), "orders", [[], []])
    1502989681467347195
    """
    upper, lower = topic_id[:8][::-1], topic_id[8:][::-1]
    parts = [MAGIC, upper, lower, *_string(name), _int(len(racks))]
    for number, of_partition in enumerate(racks):
        parts.append(_int(number))
        for rack in sorted(of_partition, key=lambda each: each.encode("utf-16-be")):
            text, length = _string(rack)
            parts += (length, text, length)
    return _xxh3(b"".join(parts))


def group_hash(hashes: Mapping[str, int]) -> int:
    """The hash of a group from those of its topics, by name.

    >>> group_hash({})
    0
    """
    if not hashes:
        return 0
    return _xxh3(b"".join(hashes[name].to_bytes(8, "little", signed=True) for name in sorted(hashes)))


def shape_hash(topics: Iterable[tuple[bytes, int] | None]) -> int:
    """A hash of topics without their racks, from their ids and numbers of partitions, in the order of their names. It
    stands in no record.
    """
    return _xxh3(b"".join([each[0] + _int(each[1]) for each in topics if each is not None]))


def _int(number: int) -> bytes:
    return number.to_bytes(4, "little")


def _string(text: str) -> tuple[bytes, bytes]:
    encoded = text.encode("utf-16-le")
    return encoded, _int(len(encoded) // 2)


def _xxh3(data: bytes) -> int:
    from xxhash import xxh3_64_digest

    return int.from_bytes(xxh3_64_digest(data), "big", signed=True)
