"""What a consumer reads: topics by name or by pattern, or partitions by hand; and where it is in each of them. Pure.

A pattern is matched by the consumer, which then knows the ``topics``, or by the broker, and then there are none.

A partition's ``position`` is the next record for the user, with the leader epoch of the record before it. It has none
until a committed offset, a reset or a seek gave it one. ``fetch_offset`` runs ahead of it by what was fetched and not
read yet. ``version`` changes with everything that makes earlier fetches of the partition worthless (a seek, a reset,
a new assignment), so that their answers are told from those that count.

A consumer may have thousands of partitions, so no poll walks through all of them: those without a position, and those
that have changed and must be looked at, are in tables of their own (``Notes``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Protocol

from actors.clients.structs import ConsumerRebalanceListener, SubscriptionPattern, TopicPartition
from kstore.named import NamedTuple

EARLIEST = "earliest"
LATEST = "latest"
NONE = "none"
FOREVER_US = 2**63 - 1

NOTHING = "nothing"
TOPICS = "topics"
PATTERN = "pattern"
PATTERN_OF_BROKER = "pattern that the broker matches"
PARTITIONS = "partitions"


class Position(NamedTuple):
    """The next record to read, and the leader epoch of the record read last (-1: not known)."""

    offset: int
    leader_epoch: int = -1


class Notes:
    """Of all states of one consumer: those that have no ``position``, and those to be ``seen`` to, in order."""

    __slots__ = ("seen", "without_place")

    def __init__(self) -> None:
        self.without_place: dict[PartitionState, None] = {}
        self.seen: dict[PartitionState, None] = {}


class FetchedFrom(Protocol):
    """Where a partition is fetched from."""

    def drop(self, state: PartitionState) -> None:
        """Don't fetch it from here."""


class PartitionState:
    """One assigned partition. ``source`` is who it is fetched from, as its fetcher knows it."""

    __slots__ = (
        "assigned",
        "buffered",
        "checked_epoch",
        "end_offset",
        "fetch_epoch",
        "fetch_offset",
        "high_watermark",
        "notes",
        "partition",
        "paused",
        "position",
        "quiet_until_us",
        "read_replica",
        "read_replica_until_us",
        "reset",
        "source",
        "version",
    )

    def __init__(self, partition: TopicPartition, notes: Notes) -> None:
        self.partition = partition
        self.notes = notes
        notes.without_place[self] = None
        self.assigned = True
        self.position: Position | None = None
        self.reset: str | None = None  # to where, once the leader is asked
        self.paused = False
        self.fetch_offset = -1
        self.fetch_epoch = -1  # of the record before that offset
        self.buffered = 0  # answers that wait for the user
        self.version = 0
        self.checked_epoch = -1  # the leader's epoch in which the position was found to be sound
        self.quiet_until_us = 0  # after an error: not fetched before
        self.high_watermark = -1  # as the last answer said it
        self.end_offset = -1  # up to where it may be read, likewise: the last stable offset, or the high watermark
        self.read_replica = -1  # the follower that the leader wants to be read from (KIP-392), and for how long
        self.read_replica_until_us = 0
        self.source: FetchedFrom | None = None
        self.touch()

    def touch(self) -> None:
        """Something of it has changed that decides whether and how it is fetched."""
        self.notes.seen[self] = None

    @property
    def needs_position(self) -> bool:
        """Whether nobody has said yet where to begin."""
        return self.position is None and self.reset is None

    def put(self, position: Position) -> None:
        """Be somewhere else."""
        self.position = position
        self.reset = None
        self.notes.without_place.pop(self, None)
        self._begin_anew(position)

    def ask_reset(self, strategy: str) -> None:
        """Be at the first or last offset, as soon as it is known."""
        self.position = None
        self.reset = strategy
        if self.assigned:
            self.notes.without_place[self] = None
        self._begin_anew(Position(-1))

    def pause(self, paused: bool) -> None:
        """Give out nothing of it for now, or go on."""
        self.paused = paused
        self.touch()

    def back_off(self, until_us: int) -> None:
        """Don't fetch it before then."""
        self.quiet_until_us = until_us
        self.touch()

    def forget(self) -> None:
        """It isn't assigned any more."""
        self.assigned = False
        self.version += 1
        self.notes.without_place.pop(self, None)
        self.touch()

    def _begin_anew(self, position: Position) -> None:
        self.version += 1
        self.fetch_offset, self.fetch_epoch = position
        self.buffered = 0
        self.checked_epoch = -1
        self.quiet_until_us = 0
        self.touch()


class Subscription:
    """All of it for one consumer. Topics, a pattern of either kind and partitions by hand exclude each other, as in
    Java.
    """

    def __init__(self) -> None:
        self.kind = NOTHING
        self.topics: frozenset[str] = frozenset()
        self.pattern: re.Pattern[str] | None = None
        self.regex: str | None = None  # that the broker matches
        self.listener: ConsumerRebalanceListener | None = None
        self.partitions: dict[TopicPartition, PartitionState] = {}
        self.notes = Notes()

    def _become(self, kind: str) -> None:
        if self.kind not in (NOTHING, kind):
            raise ValueError(
                "subscription to topics, to a pattern and to partitions exclude each other: unsubscribe() first"
            )
        self.kind = kind

    @property
    def is_by_group(self) -> bool:
        """Whether topics are read, and not partitions by hand."""
        return self.kind in (TOPICS, PATTERN, PATTERN_OF_BROKER)

    def subscribe_topics(self, topics: Iterable[str], listener: ConsumerRebalanceListener | None) -> None:
        """Read topics by name."""
        self._become(TOPICS)
        self.topics = frozenset(topics)
        self.listener = listener

    def subscribe_pattern(self, pattern: str | re.Pattern[str], listener: ConsumerRebalanceListener | None) -> None:
        """Read the topics whose whole name matches; ``match`` is told which these are."""
        self._become(PATTERN)
        self.pattern = re.compile(pattern)
        self.topics = frozenset()
        self.listener = listener

    def subscribe_at_broker(self, pattern: SubscriptionPattern, listener: ConsumerRebalanceListener | None) -> None:
        """Read the topics that the broker finds."""
        self._become(PATTERN_OF_BROKER)
        self.regex = pattern.pattern
        self.listener = listener

    def match(self, names: Iterable[str]) -> bool:
        """The topics that there are; whether that changes what is read."""
        if self.pattern is None:
            return False
        matching = frozenset(name for name in names if self.pattern.fullmatch(name))
        changed = matching != self.topics
        self.topics = matching
        return changed

    def assign_by_hand(self, partitions: Iterable[TopicPartition]) -> bool:
        """Read exactly these; whether anything changes."""
        self._become(PARTITIONS)
        wanted = dict.fromkeys(partitions)
        changed = set(wanted) != set(self.partitions)
        self.become_assigned(wanted)
        return changed

    def become_assigned(self, partitions: Collection[TopicPartition] | dict[TopicPartition, None]) -> None:
        """Have exactly these; those that stay keep their place."""
        before = self.partitions
        self.partitions = {each: before.get(each) or PartitionState(each, self.notes) for each in partitions}
        for partition, state in before.items():
            if partition not in self.partitions:
                state.forget()

    def unsubscribe(self) -> None:
        """Read nothing."""
        self.become_assigned(())
        self.kind = NOTHING
        self.topics = frozenset()
        self.pattern = None
        self.regex = None
        self.listener = None

    def fits(self, assigned: Iterable[TopicPartition]) -> bool:
        """Whether a group's assignment is of topics that this consumer reads."""
        return all(each.topic in self.topics for each in assigned)

    def consumed(self) -> dict[TopicPartition, Position]:
        """Where the user is, for each partition that has a position."""
        return {each: state.position for each, state in self.partitions.items() if state.position is not None}

    def without_position(self) -> list[PartitionState]:
        """Those where nobody has said yet where to begin."""
        return [state for state in self.notes.without_place if state.needs_position]

    def to_reset(self) -> list[PartitionState]:
        """Those whose first or last offset is wanted."""
        return [state for state in self.notes.without_place if state.reset is not None]

    def touch(self, topics: Collection[str] | None) -> None:
        """Note that what is known of these topics (None: of all) has changed: each of their partitions is looked at."""
        for partition, state in self.partitions.items():
            if topics is None or partition.topic in topics:
                state.touch()
