"""What the shard asks of a group of any kind. How a kind of group moves is the business of its own folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from actors.coordinator.event import Event
from actors.groups.memory_use import MemoryUse
from actors.groups.records import Record
from kstore.named import NamedTuple
from kstore.schema.messages.describe_groups import DescribedGroup
from kstore.schema.messages.offset_commit import OffsetCommitRequest
from kstore.schema.messages.txn_offset_commit import TxnOffsetCommitRequest


class Expiry(NamedTuple):
    """Which offsets of a group may expire, and from when their time is counted."""

    kept_topics: frozenset[str]
    since_ms: int | None
    """None: from each one's commit."""


class Group(Protocol):
    """What every kind of group has, whatever its protocol."""

    group_id: str
    nbytes: int
    """What it takes in memory, roughly."""
    is_committed: bool
    """Whether anything of it has reached the log: until then readers aren't told of it."""

    @property
    def group_type(self) -> str:
        """Its kind, as ListGroups names it: ``classic``."""

    @property
    def protocol_type(self) -> str | None:
        """What its members have in common: ``consumer`` for those of consumers; None while nobody has been in it."""

    @property
    def shown_state(self) -> str:
        """Its state, by Kafka's name, as readers are told it."""

    @property
    def member_count(self) -> int:
        """How many are in it."""

    @property
    def is_vacant(self) -> bool:
        """Whether nobody is in it, or on the way into it, nor is the group itself on its way to the log."""

    def described(self) -> DescribedGroup | None:
        """What DescribeGroups tells of it; None if that request isn't for groups of its kind."""

    def check_commit(self, request: OffsetCommitRequest, version: int) -> None:
        """Raise the KafkaError for which a commit is refused, that is asked for in a version of OffsetCommit."""

    def check_commit_in_transaction(self, request: TxnOffsetCommitRequest) -> None:
        """Raise the KafkaError for which a commit within a transaction is refused."""

    def check_fetch(self, member_id: str | None, member_epoch: int) -> None:
        """Raise the KafkaError for which its offsets aren't told."""

    def check_offset_delete(self) -> None:
        """Raise the KafkaError for which none of its offsets may be deleted."""

    def check_delete(self) -> None:
        """Raise the KafkaError for which it may not be deleted."""

    def member_committed(self, member_id: str, event: Event) -> None:
        """A member that commits is alive."""

    def topics_read(self, topics: Iterable[str]) -> frozenset[str]:
        """Those of the topics that its members read, or may be reading."""

    def expiry(self) -> Expiry | None:
        """None: none of its offsets expires now."""

    def tombstones(self) -> list[Record]:
        """The records that end it in the log."""

    def mark_deleted(self, event: Event) -> None:
        """Note that its tombstones are on their way: nothing may change it any more, and readers see it as before."""

    def undo_deletion(self) -> None:
        """Its tombstones couldn't be written."""

    def note_deleted(self, because: str, event: Event) -> None:
        """Its tombstones are in the log."""

    def count_in(self, memory_use: MemoryUse) -> None:
        """It is one of a shard's groups from now on."""

    def count_out(self) -> None:
        """It is gone."""

    def check(self) -> None:
        """Assert what its kind promises."""
