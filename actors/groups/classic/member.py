"""One member of a classic group: who it is, what it can speak, and which of its requests are parked.

A member that waits in a join or a sync counts as alive: the client can't send heartbeats meanwhile on that connection.
A member that has never been through a whole join (``is_new``) is the exception: nothing proves that its client still
listens, so it expires even while it waits.
"""

from collections.abc import Container, Iterable
from typing import TypeAlias

Protocols: TypeAlias = tuple[tuple[str, bytes], ...]
"""Names and metadata of the protocols a member can speak, the one it likes best first."""


PROTOCOL_BYTES = 150
"""What an entry takes beside its name and metadata, roughly."""


class ClassicMember:
    """A member of a classic group, and which of its requests wait for an answer."""

    __slots__ = (
        "assignment",
        "awaiting_join",
        "awaiting_sync",
        "client_host",
        "client_id",
        "group_instance_id",
        "is_new",
        "member_id",
        "protocol_type",
        "protocols",
        "rebalance_timeout_ms",
        "session_timeout_ms",
    )

    def __init__(
        self,
        member_id: str,
        *,
        group_instance_id: str | None,
        client_id: str,
        client_host: str,
        rebalance_timeout_ms: int,
        session_timeout_ms: int,
        protocol_type: str,
        protocols: Protocols,
        assignment: bytes = b"",
    ) -> None:
        self.member_id = member_id
        self.group_instance_id = group_instance_id
        self.client_id = client_id
        self.client_host = client_host
        self.rebalance_timeout_ms = rebalance_timeout_ms
        self.session_timeout_ms = session_timeout_ms
        self.protocol_type = protocol_type
        self.protocols = protocols
        self.assignment = assignment
        self.awaiting_join: object | None = None
        self.awaiting_sync: object | None = None
        self.is_new = False

    @property
    def is_static(self) -> bool:
        """Whether it has a ``group.instance.id``."""
        return self.group_instance_id is not None

    @property
    def is_excused(self) -> bool:
        """Whether silence says nothing about this member, because a request of its is parked here."""
        return not self.is_new and (self.awaiting_join is not None or self.awaiting_sync is not None)

    def metadata(self, protocol_name: str) -> bytes:
        """What it says of itself in a protocol that it speaks."""
        for name, metadata in self.protocols:
            if name == protocol_name:
                return metadata
        raise AssertionError(f"member {self.member_id} doesn't speak {protocol_name}")

    def vote(self, candidates: Container[str]) -> str:
        """The first of the candidates in this member's own order of preference."""
        for name, _ in self.protocols:
            if name in candidates:
                return name
        raise AssertionError(f"member {self.member_id} speaks none of the candidates")

    def renamed(self, member_id: str) -> "ClassicMember":
        """The same static member under a new id, with nothing parked."""
        return ClassicMember(
            member_id,
            group_instance_id=self.group_instance_id,
            client_id=self.client_id,
            client_host=self.client_host,
            rebalance_timeout_ms=self.rebalance_timeout_ms,
            session_timeout_ms=self.session_timeout_ms,
            protocol_type=self.protocol_type,
            protocols=self.protocols,
            assignment=self.assignment,
        )


def protocols_of(offered: Iterable[tuple[str, bytes]]) -> Protocols:
    """Keep the first of each name, as Kafka's keyed collection does."""
    kept: dict[str, bytes] = {}
    for name, metadata in offered:
        kept.setdefault(name, bytes(metadata))
    return tuple(kept.items())


def size_of_protocols(protocols: Iterable[tuple[str, bytes]]) -> int:
    """How many bytes they take that their client chose."""
    return sum(PROTOCOL_BYTES + len(name) + len(metadata) for name, metadata in protocols)
