"""The sticky assignor: as even as can be, and as little moved as can be; the first of the two counts for more.

Groups whose members all read the same topics are dealt with in one pass (``even.py``); others need a search for moves
that even things out (``uneven.py``). Results are those of Kafka's ``AbstractStickyAssignor`` without racks.

What a member owns is in its user data: an eager member says ``owned: []`` when it joins, as it has given all up. The
bytes are ``[topic, [partition: int32]]`` and, since version 1, ``generation: int32``; arrays have ``int32`` counts,
texts ``int16`` lengths.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping

from actors.clients.consumer.assignors.claims import Claim, Claims
from actors.clients.consumer.assignors.even import EvenAssignment
from actors.clients.consumer.assignors.interface import NO_GENERATION, Assignments, Assignor, MemberSubscription
from actors.clients.consumer.assignors.uneven import UnevenAssignment
from actors.clients.structs import TopicPartition

INT16 = struct.Struct(">h")
INT32 = struct.Struct(">i")
NOTHING = Claim((), None)


def encode_owned(owned: Collection[TopicPartition], generation: int) -> bytes:
    """User data of version 1.

    >>> encode_owned([TopicPartition("a", 7)], 3).hex()
    '00000001000161000000010000000700000003'
    """
    topics: dict[str, list[int]] = {}
    for partition in owned:
        topics.setdefault(partition.topic, []).append(partition.partition)
    out = [INT32.pack(len(topics))]
    for topic, numbers in topics.items():
        name = topic.encode()
        out += [INT16.pack(len(name)), name, INT32.pack(len(numbers)), *map(INT32.pack, numbers)]
    return b"".join(out) + INT32.pack(generation)


def decode_owned(data: bytes | None) -> Claim:
    """What user data says; nothing when it says nothing that can be read, as in Kafka."""
    if not data:
        return NOTHING
    try:
        return _decoded(data)
    except (struct.error, UnicodeDecodeError, ValueError):
        return NOTHING


def _decoded(data: bytes) -> Claim:
    owned: list[TopicPartition] = []
    (count,) = INT32.unpack_from(data, 0)
    at = INT32.size
    for _ in range(count):
        (length,) = INT16.unpack_from(data, at)
        at += INT16.size
        if length < 0:
            raise ValueError("a topic's name cannot have a negative length")
        topic = data[at : at + length].decode()
        at += length
        (numbers,) = INT32.unpack_from(data, at)
        at += INT32.size
        if not 0 <= numbers * INT32.size <= len(data) - at:
            raise ValueError(f"{numbers} partitions in {len(data) - at} bytes")
        owned += [TopicPartition(topic, n) for (n,) in INT32.iter_unpack(data[at : at + numbers * INT32.size])]
        at += numbers * INT32.size
    return Claim(tuple(owned), INT32.unpack_from(data, at)[0] if len(data) >= at + INT32.size else None)


class StickyAssignor(Assignor):
    """Kafka's ``StickyAssignor``, for eager rebalances."""

    name = "sticky"

    def __init__(self) -> None:
        self.owned: tuple[TopicPartition, ...] | None = None
        self.generation = NO_GENERATION

    def user_data(self, topics: Collection[str]) -> bytes | None:
        """What this member got last, and when; None before it got anything."""
        return None if self.owned is None else encode_owned(self.owned, self.generation)

    def on_assignment(self, assigned: Collection[TopicPartition], generation: int) -> None:
        """Keep what to say next time."""
        self.owned, self.generation = tuple(assigned), generation

    def claim(self, member: MemberSubscription) -> Claim:
        """What a member says it owns."""
        return decode_owned(member.user_data)

    def assign(self, partitions: Mapping[str, int], members: Mapping[str, MemberSubscription]) -> Assignments:
        """See ``Assignor.assign``."""
        return self.assign_and_tell(partitions, members)[0]

    def assign_and_tell(
        self, partitions: Mapping[str, int], members: Mapping[str, MemberSubscription]
    ) -> tuple[Assignments, dict[TopicPartition, str]]:
        """The assignment, and which partitions go to whom while another says it owns them."""
        read = {topic for member in members.values() for topic in member.topics}
        partitions = {topic: count for topic, count in partitions.items() if topic in read}
        claims = Claims(partitions.keys(), members, self.claim)
        if len({frozenset(member.topics) for member in members.values()}) <= 1:
            even = EvenAssignment(partitions, claims)
            return even.build(), even.transferred
        assigned = UnevenAssignment(partitions, members, claims).build()
        return assigned, transferred(members, assigned)


def transferred(members: Mapping[str, MemberSubscription], assigned: Assignments) -> dict[TopicPartition, str]:
    """Partitions that a member gets anew while another, who says it owns them, doesn't get them again."""
    given_up = {p for member, said in members.items() for p in said.owned if p not in set(assigned[member])}
    return {
        partition: member
        for member, got in assigned.items()
        for partition in got
        if partition in given_up and partition not in members[member].owned
    }
