"""Who has which partition in a group, as the members are told: what must hold of it.

*A partition is owned once*: in an epoch, only one member is told that a partition is its own. *A revocation is
awaited*: no member is told so while another one holds the partition, unless that one has been removed from the group;
if it has, none of its heartbeats that begin afterwards is answered without an error. *A member epoch never falls*.

A member holds a partition from when it is told until it sends that it has given it up, or begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from actors.coordinator.routing import partition_for
from kstore.log.names import TopicIdAndPartition as Partition
from kstore.named import NamedTuple

COORDINATORS = 2
"""``offsets.topic.num.partitions``"""


class LastOwner(NamedTuple):
    """The last member that was told to have a partition, and from which generation or epoch on."""

    member_id: str
    since: int


class Ownership:
    """The ownership of all groups' partitions. ``find`` notes that an invariant is broken, and how."""

    def __init__(self, find: Callable[[str, str], None]) -> None:
        self._find = find
        self._told: dict[tuple[str, Partition], LastOwner] = {}
        self._owners: dict[tuple[str, int, Partition], str] = {}
        self._holders: dict[tuple[str, Partition], str] = {}
        self._taken: dict[tuple[str, str], set[Partition]] = {}
        self._epochs: dict[tuple[str, str], int] = {}
        self.generations: dict[str, int] = {}
        """By classic group: the newest generation that a member has been told to be in."""
        self.outdated_us: dict[str, int] = {}
        """By partition of the coordinators: when one that had been replaced last had a turn."""
        self.refusals = 0
        """Late commits that had to be refused, and were."""

    def owned(self, group: str, generation: int, name: str, partitions: Iterable[Partition]) -> None:
        """A member, by a name that its successor shares, has these in a generation or an epoch."""
        for partition in partitions:
            owner = self._owners.setdefault((group, generation, partition), name)
            if owner != name:
                self._find(
                    "partition owned twice",
                    f"{partition} in generation {generation} of {group} by {owner} and {name}",
                )

    def told(self, group: str, member_id: str, since: int, partitions: Iterable[Partition]) -> None:
        """A member is told that it has these from now on."""
        for partition in partitions:
            if not self.has_moved_on(group, member_id, since + 1, partition):
                self._told[group, partition] = LastOwner(member_id, since)

    def has_moved_on(self, group: str, member_id: str, since: int, partition: Partition) -> bool:
        """Whether another member has been told to have a partition that this one had since then."""
        told = self._told.get((group, partition))
        return told is not None and told.member_id != member_id and told.since >= since

    def holds(self, group: str, member_id: str, since: int, partitions: Iterable[Partition]) -> None:
        """A member holds these from now on."""
        for partition in partitions:
            if self.has_moved_on(group, member_id, since, partition):
                continue  # a coordinator that has been replaced, and doesn't know it yet, has told it so
            before = self._holders.get((group, partition), member_id)
            if before != member_id:
                self._taken.setdefault((group, before), set()).add(partition)
            self._holders[group, partition] = member_id

    def gave_up(self, group: str, member_id: str, partitions: Iterable[Partition]) -> None:
        """A member is about to say that it holds these no more."""
        for partition in partitions:
            self._taken.get((group, member_id), set()).discard(partition)
            if self._holders.get((group, partition)) == member_id:
                del self._holders[group, partition]

    def taken_from(self, group: str, member_id: str) -> frozenset[Partition]:
        """What a member holds and others were told to have: to be asked before a heartbeat is sent."""
        return frozenset(self._taken.get((group, member_id), ()))

    def answered(self, group: str, member_id: str, epoch: int, taken: AbstractSet[Partition], began_us: int) -> None:
        """A heartbeat was answered without an error; ``taken`` is what ``taken_from`` said before it was sent, at
        ``began_us``. A coordinator that has been replaced and doesn't know it yet may answer by what it knew, as
        Kafka's does: while one has turns, nothing is judged.
        """
        if self.is_outdated(group, began_us):
            return
        self.stayed(group, member_id, taken, began_us)
        before = self._epochs.get((group, member_id), epoch)
        if epoch < before:
            self._find("a member epoch never falls", f"{member_id} of {group}: {epoch} after {before}")
        self._epochs[group, member_id] = epoch

    def stayed(self, group: str, member_id: str, taken: AbstractSet[Partition], began_us: int) -> None:
        """As ``answered``, for a member without epochs of its own."""
        if taken and not self.is_outdated(group, began_us):
            self._find(
                "a revocation is awaited",
                f"{sorted(number for _, number in taken)} of {group} are others', and {member_id}, which holds them, "
                "is a member",
            )

    def forget(self, group: str) -> None:
        """A group has ended without members: deleted, or replaced by one of the other kind. One of the same name begins
        anew.
        """
        self._told = {key: told for key, told in self._told.items() if key[0] != group}
        self._owners = {key: owner for key, owner in self._owners.items() if key[0] != group}
        self._holders = {key: holder for key, holder in self._holders.items() if key[0] != group}
        self._taken = {key: taken for key, taken in self._taken.items() if key[0] != group}
        self._epochs = {key: epoch for key, epoch in self._epochs.items() if key[0] != group}
        self.generations.pop(group, None)

    def is_outdated(self, group: str, began_us: int) -> bool:
        """Whether a coordinator that had been replaced has had a turn since then."""
        coordinator = f"groups/{partition_for(group, COORDINATORS)}"
        return self.outdated_us.get(coordinator, -1) >= began_us
