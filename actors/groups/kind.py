"""A kind of group, as classic groups are one: what the shard calls for all groups of that kind together.

What it calls for one group is in ``Group``. A kind keeps its groups among those of the shard, knows its own requests
and its own records, and says what each of its appends is for (``purpose``), so that it is told what became of it. Kinds
are told of purposes, timers and the life of the shard one after another; each takes what is its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from actors.coordinator.event import Event
from actors.coordinator.shard import Handler
from actors.groups.records import ConsumerGroupRecord, GroupRecord
from actors.groups.timers import TimerKey
from kstore.errors import KafkaError
from kstore.schema.struct import Message

KindRecord: TypeAlias = GroupRecord | ConsumerGroupRecord
"""A record of any kind's."""


class Part(Protocol):
    """What takes part in the life of a shard's groups."""

    @property
    def handlers(self) -> Mapping[type[Message], Handler]:
        """What members ask of it, and what is done then."""

    def stored(self, purpose: object, event: Event) -> None:
        """The records of an append have been applied."""

    def refused(self, purpose: object, error: KafkaError, event: Event) -> None:
        """The records of an append will never be in the log."""

    def overdue(self, purpose: object, error: KafkaError, event: Event) -> None:
        """The records of an append will be in the log too late for those who wait, if at all."""

    def loaded(self, event: Event) -> None:
        """All of the log has been read: groups move from now on."""

    def timer_fired(self, key: TimerKey, event: Event) -> None:
        """The time of a group's timer has come; it may be one of another kind."""

    def unloaded(self, event: Event) -> None:
        """Another broker coordinates the groups now: everybody who waits is told so."""


class Kind(Part, Protocol):
    """A kind of groups: what its protocol's requests, records, timers and appends mean."""

    @property
    def record_type(self) -> type[KindRecord]:
        """Its records, as ``records.decode_entry`` gives them."""

    def apply(self, record: KindRecord, event: Event) -> None:
        """Take a committed record of its own."""
