"""A member of a consumer group, as its records have it.

``epoch`` is the assignment epoch up to which the member has followed. It has ``assigned`` partitions, and it may still
hold others that it is to give up (``revoking``). With each partition goes the epoch at which the member got it: commits
of late epochs are judged by it (KIP-1251).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from kstore.log.names import TopicIdAndPartition
from kstore.named import NamedTuple

JOINING, LEAVING, LEAVING_FOR_NOW = 0, -1, -2
"""Member epochs of requests that aren't epochs: the member joins, leaves, or (a static one) leaves to come back."""


class MemberState(IntEnum):
    """How far a member has followed the target assignment, with the numbers that records have."""

    STABLE = 0
    UNREVOKED_PARTITIONS = 1
    """It has partitions to give up first."""
    UNRELEASED_PARTITIONS = 2
    """It waits for partitions that other members have still to give up."""
    UNKNOWN = 127


class ClassicClient(NamedTuple):
    """What a member says of itself whose client speaks the classic protocol: it sends JoinGroup and Heartbeat, and its
    generation is its member epoch.
    """

    session_timeout_ms: int
    protocols: tuple[tuple[str, bytes], ...]
    """Names and metadata of those that it can speak, at least one, the one it likes best first."""


class ConsumerMember(NamedTuple):
    """A member: what it asked for, and where it is on the way to its target assignment."""

    member_id: str
    instance_id: str | None = None
    rack_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    topics: tuple[str, ...] = ()
    """The names that it subscribes to, sorted."""
    regex: str = ""
    """The regular expression that it subscribes to, or empty."""
    rebalance_timeout_ms: int = -1
    assignor: str | None = None
    epoch: int = JOINING
    previous_epoch: int = JOINING
    state: MemberState = MemberState.STABLE
    assigned: Mapping[TopicIdAndPartition, int] = {}
    revoking: Mapping[TopicIdAndPartition, int] = {}
    classic: ClassicClient | None = None
    """None: its client speaks the consumer protocol."""

    def is_reconciled_to(self, epoch: int) -> bool:
        """Whether it has all of its target assignment of an epoch, and nothing else."""
        return self.state is MemberState.STABLE and self.epoch == epoch

    @property
    def subscription(self) -> str:
        """What it subscribes to, in words."""
        regex = [f"the regular expression {self.regex}"] if self.regex else []
        return ", ".join([*self.topics, *regex]) or "nothing"

    def topics_by(self, regexes: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
        """The names of topics that it subscribes to; ``regexes`` has what each regular expression matches."""
        return frozenset((*self.topics, *regexes.get(self.regex, ())))

    def at_epoch(self, epoch: int) -> ConsumerMember:
        """At another epoch; the one that it leaves is its previous one."""
        return self._replace(epoch=epoch, previous_epoch=self.epoch)

    @property
    def nbytes(self) -> int:
        """What it takes in memory, roughly."""
        texts = (self.member_id, self.instance_id or "", self.rack_id or "", self.client_id, self.regex, *self.topics)
        protocols = () if self.classic is None else self.classic.protocols
        spoken = sum(150 + len(name) + len(metadata) for name, metadata in protocols)
        lists = len(self.assigned) + len(self.revoking) + len(self.topics)
        return 1_000 + sum(map(len, texts)) + spoken + 100 * lists
