"""A classic group: its state, members, leader, generation and protocol.

Invariants: ``awaiting_join_count`` equals the members with a parked join; ``supporters`` counts, for each protocol, the
members that offer it; the leader, where there is one, is a member; every static member's instance id maps to its
present member id; ``nbytes`` is the sum over all that the group holds. Members keep the order in which they joined,
and whatever is chosen among them follows that order.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.coordinator.event import Event
from actors.groups.classic.describing import describe_member
from actors.groups.classic.member import ClassicMember, Protocols, size_of_protocols
from actors.groups.classic.states import PREVIOUS_STATES, GroupState
from actors.groups.classic.subscriptions import CONSUMER_PROTOCOL_TYPE, subscribed_topics
from actors.groups.group_interface import Expiry
from actors.groups.memory_use import MemoryUse
from actors.groups.notes import note
from actors.groups.records import GroupRecord, Record
from actors.groups.timers import session_key
from kstore import errors
from kstore.errors import FencedInstanceId, UnknownMemberId
from kstore.schema.messages.describe_groups import DescribedGroup
from kstore.schema.messages.offset_commit import OffsetCommitRequest
from kstore.schema.messages.txn_offset_commit import TxnOffsetCommitRequest

GENERATIONS = 2**31
"""They are numbers of 32 bits, of which the log may hold any."""


GROUP_BYTES, MEMBER_BYTES = 1_000, 1_000
"""What a group and a member of it take, roughly, beside what clients chose."""


class ClassicGroup:
    """A group's state, generation and members, and the protocols that these have in common."""

    group_type = "classic"

    def __init__(self, group_id: str, *, now_ms: int, state: GroupState = GroupState.EMPTY) -> None:
        self.group_id = group_id
        self.state = state
        self.previous_state = GroupState.DEAD
        self.state_since_ms: int | None = now_ms
        self.generation_id = 0
        self.protocol_type: str | None = None
        self.protocol_name: str | None = None
        self.leader_id: str | None = None
        self.members: dict[str, ClassicMember] = {}
        self.static_members: dict[str, str] = {}
        self.pending_joins: dict[str, None] = {}
        self.pending_syncs: dict[str, None] = {}
        self.supporters: dict[str, int] = {}
        self.awaiting_join_count = 0
        self.gained_member = False
        """A member came since the last look of an initial rebalance, which then waits some more."""
        self.initial_delay_ms = 0
        self.initial_remaining_ms = 0
        self.nbytes = GROUP_BYTES + len(group_id)
        self._memory_use: MemoryUse | None = None
        self.is_committed = False
        self.is_founding = False
        """Its first record is on its way to the log."""
        self.is_dealing = False
        """The leader's assignment is on its way to the log."""
        self._vacant_since_ms: int | None = None

    def transition_to(self, state: GroupState, now_ms: int) -> None:
        """Change the state; only moves of Apache Kafka's table are possible."""
        assert self.state in PREVIOUS_STATES[state], f"group {self.group_id}: {self.state} to {state}"
        self.previous_state, self.state = self.state, state
        self.state_since_ms = now_ms
        self.is_dealing = False

    @property
    def can_rebalance(self) -> bool:
        """Whether a rebalance may begin in its state."""
        return self.state in PREVIOUS_STATES[GroupState.PREPARING_REBALANCE]

    @property
    def has_all_joined(self) -> bool:
        """Whether every member waits in a join, and nobody with a new id is still to join."""
        return self.awaiting_join_count == len(self.members) and not self.pending_joins

    @property
    def rebalance_timeout_ms(self) -> int:
        """How long a rebalance waits for members: the longest that one of them asks for."""
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    def is_leader(self, member_id: str) -> bool:
        """Whether the member assigns the partitions."""
        return self.leader_id == member_id

    @property
    def shown_state(self) -> str:
        """A group under deletion is Empty to readers until its deletion is committed."""
        state: str = (GroupState.EMPTY if self.state is GroupState.DEAD else self.state).value
        return state

    @property
    def member_count(self) -> int:
        return len(self.members)

    @property
    def is_vacant(self) -> bool:
        return self.state is GroupState.EMPTY and not self.pending_joins and not self.is_founding

    @property
    def is_gone(self) -> bool:
        """Whether its tombstones are on their way to the log."""
        return self.state is GroupState.DEAD

    def described(self) -> DescribedGroup:
        """The protocol and the members' metadata are told while they are settled."""
        protocol_name = (self.protocol_name or "") if self.state is GroupState.STABLE else None
        return DescribedGroup(
            group_id=self.group_id,
            group_state=self.shown_state,
            protocol_type=self.protocol_type or "",
            protocol_data=protocol_name or "",
            members=[describe_member(member, protocol_name) for member in self.members.values()],
        )

    def check_commit(self, request: OffsetCommitRequest, version: int) -> None:
        """A generation below 0 comes from an administrator, or a consumer that assigns its partitions itself: good
        while the group has no members. Others must be members of the present generation that have their assignment.
        """
        generation_id = request.generation_id_or_member_epoch
        if self.state is GroupState.DEAD:
            raise errors.CoordinatorNotAvailable()
        if generation_id < 0 and self.state is GroupState.EMPTY:
            return
        if generation_id < 0 and not request.member_id and request.group_instance_id is None:
            raise errors.UnknownMemberId()
        self.check_member(request.member_id, request.group_instance_id)
        if generation_id != self.generation_id:
            raise errors.IllegalGeneration()
        if self.state is GroupState.COMPLETING_REBALANCE:
            raise errors.RebalanceInProgress()

    def check_commit_in_transaction(self, request: TxnOffsetCommitRequest) -> None:
        """Older producers don't say of which member the offsets are; those that do (KIP-447) must be right. The state
        of the group doesn't matter.
        """
        generation_id = request.generation_id_or_member_epoch
        if self.state is GroupState.DEAD:
            raise errors.CoordinatorNotAvailable()
        if generation_id < 0 and self.state is GroupState.EMPTY:
            return
        if generation_id >= 0 or request.member_id or request.group_instance_id is not None:
            self.check_member(request.member_id, request.group_instance_id)
            if generation_id != self.generation_id:
                raise errors.IllegalGeneration()

    def check_fetch(self, member_id: str | None, member_epoch: int) -> None:
        """Classic members have no epochs: offsets are told to all."""

    def check_offset_delete(self) -> None:
        """A group of consumers may have members, as long as they don't read the topics in question; others must be
        empty.
        """
        if self.state is GroupState.DEAD:
            raise errors.GroupIdNotFound()
        if self.state is not GroupState.EMPTY and self.protocol_type != CONSUMER_PROTOCOL_TYPE:
            raise errors.NonEmptyGroup()

    def check_delete(self) -> None:
        if self.state is GroupState.DEAD:
            raise errors.GroupIdNotFound()
        if self.state is not GroupState.EMPTY:
            raise errors.NonEmptyGroup()

    def member_committed(self, member_id: str, event: Event) -> None:
        if self.state in (GroupState.STABLE, GroupState.PREPARING_REBALANCE):
            self.extend_session(self.members[member_id], event)

    def topics_read(self, topics: Iterable[str]) -> frozenset[str]:
        read = self._subscribed_topics()
        if read is None:
            return frozenset(topics if self.protocol_type == CONSUMER_PROTOCOL_TYPE else ())
        return read.intersection(topics)

    def _subscribed_topics(self) -> frozenset[str] | None:
        return subscribed_topics(self.protocol_type, self.protocol_name, self.members.values())

    def expiry(self) -> Expiry | None:
        """Which offsets may expire: in a stable group of consumers those of topics that its members don't read, in an
        empty group all. In a group that was left, their time counts from then.
        """
        kept = self._subscribed_topics()
        if self.protocol_type == CONSUMER_PROTOCOL_TYPE:
            if kept is None or self.state not in (GroupState.EMPTY, GroupState.STABLE):
                return None
        elif self.state is not GroupState.EMPTY:
            return None
        was_left = self.protocol_type is not None and self.state is GroupState.EMPTY
        return Expiry(kept or frozenset(), self.state_since_ms if was_left else None)

    def tombstones(self) -> list[Record]:
        return [GroupRecord(self.group_id, None)]

    def mark_deleted(self, event: Event) -> None:
        for member_id in list(self.pending_joins):
            event.cancel_timer(session_key(self.group_id, member_id))
            self.expect_no_more(member_id)
        self._vacant_since_ms = self.state_since_ms
        self.transition_to(GroupState.DEAD, event.now_ms)

    def note_deleted(self, because: str, event: Event) -> None:
        note(event, "GroupDeleted", self.group_id, self.generation_id, len(self.members), because)

    def undo_deletion(self) -> None:
        self.state = GroupState.EMPTY
        self.state_since_ms = self._vacant_since_ms

    def check(self) -> None:
        members = self.members.values()
        assert self.awaiting_join_count == sum(each.awaiting_join is not None for each in members)
        supporters: dict[str, int] = {}
        for member in members:
            for name, _ in member.protocols:
                supporters[name] = supporters.get(name, 0) + 1
        assert self.supporters == supporters
        assert (self.leader_id in self.members) == bool(members)
        assert self.static_members == {
            each.group_instance_id: each.member_id for each in members if each.group_instance_id is not None
        }
        assert self.pending_syncs.keys() <= self.members.keys()
        assert not members or self.state is not GroupState.EMPTY
        assert not members or len(members) in supporters.values(), "a protocol that all of them support"
        assert not self.is_dealing or self.state is GroupState.COMPLETING_REBALANCE
        ids = sum(MEMBER_BYTES + len(member_id) for member_id in self.pending_joins)
        assert self.nbytes == GROUP_BYTES + len(self.group_id) + ids + sum(map(self.size_of, members))

    def count_in(self, memory_use: MemoryUse) -> None:
        """It is one of a coordinator's groups from now on."""
        assert self._memory_use is None, "a group has one coordinator"
        self._memory_use = memory_use
        memory_use.add(self.nbytes)

    def count_out(self) -> None:
        """It is gone."""
        assert self._memory_use is not None
        self._memory_use.add(-self.nbytes)
        self._memory_use = None

    def _count(self, change: int) -> None:
        self.nbytes += change
        if self._memory_use is not None:
            self._memory_use.add(change)

    @staticmethod
    def size_of(member: ClassicMember) -> int:
        """What a member takes: mostly what it and its leader told of it."""
        return MEMBER_BYTES + len(member.member_id) + size_of_protocols(member.protocols) + len(member.assignment)

    def expect(self, member_id: str) -> None:
        """A client was given an id, and is to come back with it."""
        self.pending_joins[member_id] = None
        self._count(MEMBER_BYTES + len(member_id))

    def expect_no_more(self, member_id: str) -> None:
        """The client that was given an id has come, or won't."""
        if member_id in self.pending_joins:
            del self.pending_joins[member_id]
            self._count(-MEMBER_BYTES - len(member_id))

    def assign(self, member: ClassicMember, assignment: bytes) -> None:
        """Give a member its assignment."""
        self._count(len(assignment) - len(member.assignment))
        member.assignment = assignment

    def add(self, member: ClassicMember, awaiting_join: object | None = None) -> None:
        """Add a member, whose join waits for an answer if it has one."""
        if member.group_instance_id is not None:
            assert member.group_instance_id not in self.static_members
            self.static_members[member.group_instance_id] = member.member_id
        if not self.members:
            self.protocol_type = member.protocol_type
        assert self.protocol_type == member.protocol_type
        if self.leader_id is None:
            self.leader_id = member.member_id
        self.members[member.member_id] = member
        self._count(self.size_of(member))
        self._count_protocols(member.protocols, 1)
        self.park_join(member, awaiting_join)
        self.expect_no_more(member.member_id)

    def remove(self, member_id: str) -> None:
        """Forget a member or a pending one; its parked requests must have been answered before."""
        member = self.members.pop(member_id, None)
        if member is not None:
            self._count(-self.size_of(member))
            self._count_protocols(member.protocols, -1)
            self.park_join(member, None)
            if member.group_instance_id is not None:
                del self.static_members[member.group_instance_id]
        if self.is_leader(member_id):
            self.leader_id = next(iter(self.members), None)
        self.expect_no_more(member_id)
        self.pending_syncs.pop(member_id, None)

    def update(
        self, member: ClassicMember, protocols: Protocols, *, rebalance_timeout_ms: int, session_timeout_ms: int
    ) -> None:
        """Take what a member that joins again can speak, and its timeouts."""
        self._count_protocols(member.protocols, -1)
        self._count(size_of_protocols(protocols) - size_of_protocols(member.protocols))
        member.protocols = protocols
        self._count_protocols(protocols, 1)
        member.rebalance_timeout_ms = rebalance_timeout_ms
        member.session_timeout_ms = session_timeout_ms

    def rename_static(self, group_instance_id: str, old_id: str, new_id: str) -> ClassicMember:
        """Give a static member a new id, leadership included; parked requests must have been answered before."""
        old = self.members.pop(old_id)
        assert old.awaiting_join is None
        assert old.awaiting_sync is None
        renamed = old.renamed(new_id)
        self._count(len(new_id) - len(old_id))
        self.members[new_id] = renamed
        if self.is_leader(old_id):
            self.leader_id = new_id
        if old_id in self.pending_syncs:
            del self.pending_syncs[old_id]
            self.pending_syncs[new_id] = None
        self.static_members[group_instance_id] = new_id
        return renamed

    def extend_session(self, member: ClassicMember, event: Event, timeout_ms: int | None = None) -> None:
        """A member is alive: its session begins anew."""
        timeout_ms = member.session_timeout_ms if timeout_ms is None else timeout_ms
        event.set_timer(session_key(self.group_id, member.member_id), timeout_ms)

    def park_join(self, member: ClassicMember, awaiting_join: object | None) -> None:
        """Keep the join of a member for a later answer; None if it waits no more."""
        self.awaiting_join_count += (awaiting_join is not None) - (member.awaiting_join is not None)
        member.awaiting_join = awaiting_join

    def check_member(self, member_id: str, group_instance_id: str | None) -> None:
        """Raise FencedInstanceId or UnknownMemberId unless this is a present member under its present id."""
        if group_instance_id is not None:
            present_id = self.static_members.get(group_instance_id)
            if present_id is None:
                raise UnknownMemberId()
            if present_id != member_id:
                raise FencedInstanceId()
        if member_id not in self.members:
            raise UnknownMemberId()

    def elect_joined_leader(self) -> bool:
        """Keep the leader if it has rejoined, else take the first that has; False when nobody has."""
        if self.leader_id is None:
            return False
        if self.members[self.leader_id].awaiting_join is not None:
            return True
        for member in self.members.values():
            if member.awaiting_join is not None:
                self.leader_id = member.member_id
                return True
        return False

    def _count_protocols(self, protocols: Protocols, change: int) -> None:
        for name, _ in protocols:
            self.supporters[name] = self.supporters.get(name, 0) + change
            if self.supporters[name] == 0:
                del self.supporters[name]

    def supports(self, protocol_type: str, protocols: Protocols) -> bool:
        """Whether a member with these could be in: any will do in an empty group, else one that all others speak."""
        if self.state is GroupState.EMPTY:
            return bool(protocol_type) and bool(protocols)
        if self.protocol_type != protocol_type:
            return False
        return any(self.supporters.get(name, 0) == len(self.members) for name, _ in protocols)

    def select_protocol(self) -> str:
        """Every member votes for its favourite among the protocols that all speak; the first with most votes wins."""
        assert self.members, "an empty group has no protocol to select"
        candidates = {name for name, count in self.supporters.items() if count == len(self.members)}
        votes: dict[str, int] = {}
        for member in self.members.values():
            choice = member.vote(candidates)
            votes[choice] = votes.get(choice, 0) + 1
        return max(votes, key=votes.__getitem__)

    def begin_generation(self, now_ms: int) -> None:
        """Begin the next generation, with a protocol that all members speak; without members the group is empty."""
        self.generation_id = (self.generation_id + 1) % GENERATIONS
        self.pending_syncs.clear()
        if self.members:
            self.protocol_name = self.select_protocol()
            self.transition_to(GroupState.COMPLETING_REBALANCE, now_ms)
        else:
            self.protocol_name = None
            self.transition_to(GroupState.EMPTY, now_ms)
