"""What a heartbeat changes: a pure step from a group as it is in the log to the records that make its next state.

The order is Kafka's (``GroupMetadataManager.consumerGroupHeartbeat``): who the member is, and whether its epoch is
right; what it asks for; whether the group begins a new epoch; whether a target assignment is due; how far the member
itself gets toward it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from actors.groups.consumer.assignors import ASSIGNORS
from actors.groups.consumer.draft import Draft
from actors.groups.consumer.member import JOINING, LEAVING_FOR_NOW, ConsumerMember
from actors.groups.consumer.reconciling import Owned, Target, reconciled
from actors.groups.consumer.records import (
    assignment_epoch_record,
    by_topic,
    current_record,
)
from actors.groups.consumer.slices import Work, whole
from actors.groups.settings import ConfigsOf, GroupSettings
from actors.groups.topics import SeenTopics, Topics
from kstore import errors
from kstore.log.names import TopicIdAndPartition
from kstore.named import NamedTuple
from kstore.schema.messages.consumer_group_heartbeat import (
    Assignment,
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    ConsumerGroupHeartbeatResponseTopicPartitions,
)

if TYPE_CHECKING:
    from actors.coordinator.shard import Caller
    from actors.groups.consumer.group import ConsumerGroup
    from actors.groups.records import Record


class Step(NamedTuple):
    """What a heartbeat leads to: records to write (maybe none), and the answer once they are committed.

    ``member`` is the member afterwards, None if it has left. ``seen``: the topics that it rests on.
    """

    records: list[Record]
    response: object
    member: ConsumerMember | None
    because: str
    seen: SeenTopics | None = None
    gone: tuple[ConsumerMember, ...] = ()
    """Members that it removes."""


def owned_by(request: ConsumerGroupHeartbeatRequest) -> Owned:
    """The partitions that a member says it owns."""
    if request.topic_partitions is None:
        return None
    return frozenset((bytes(topic.topic_id), each) for topic in request.topic_partitions for each in topic.partitions)


class Heartbeats:
    """Computes the steps of members, for the groups of one shard."""

    def __init__(
        self, settings: GroupSettings, topics: Topics, configs_of: ConfigsOf, new_uuid: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._configs_of = configs_of
        self._new_uuid = new_uuid

    def beat(
        self, group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest, caller: Caller, now_ms: int
    ) -> Step | Work[Step]:
        """The step of a member that joins or is in the group. For most there is nothing to do; others take work.

        Raises:
            GroupMaxSizeReached: it would be one member too many.
            UnknownMemberId: it isn't in the group.
            FencedMemberEpoch: its epoch isn't the one that the coordinator knows; it must rejoin.
            UnreleasedInstanceId, FencedInstanceId: another member has its instance id.
            InvalidRegularExpression: RE2 doesn't take its regular expression.
        """
        self.check_size(group, request.member_id)
        owned = owned_by(request)
        old = self._member(group, request, owned)
        if old is None:
            member = ConsumerMember(request.member_id or self._new_uuid())
        elif old.member_id != request.member_id:
            member_id = request.member_id or self._new_uuid()
            member = old._replace(member_id=member_id, epoch=JOINING, previous_epoch=JOINING)
        else:
            member = old
        asked = _asking(member, request, caller)
        if old is asked and self._is_settled(group, asked):
            return Step([], self._answer(group, request, asked, asked), asked, "")
        draft = Draft(group, self._topics, now_ms)
        if old is not None and old.member_id != member.member_id:
            draft.replace(old, member)
        if old is None or asked != member:
            draft.put(asked)
        return self._moved(group, request, draft, old, member, asked, now_ms)

    def _moved(
        self,
        group: ConsumerGroup,
        request: ConsumerGroupHeartbeatRequest,
        draft: Draft,
        old: ConsumerMember | None,
        member: ConsumerMember,
        asked: ConsumerMember,
        now_ms: int,
    ) -> Work[Step]:
        because = yield from self.advance(group, draft, asked, member, now_ms, is_new=old is None)
        is_subscription_new = old is None or (asked.topics, asked.regex) != (member.topics, member.regex)
        moved = self.reconcile(group, draft, asked, owned_by(request), is_subscription_new=is_subscription_new)
        if moved is not asked:
            draft.move(moved)
        response = self._answer(group, request, member, moved)
        return Step(draft.records, response, moved, because, draft.seen)

    def check_size(self, group: ConsumerGroup, member_id: str) -> None:
        """Raise GroupMaxSizeReached if the member is one too many."""
        if member_id not in group.members and len(group.members) >= self._settings.group_consumer_max_size:
            raise errors.GroupMaxSizeReached(
                f"The consumer group has reached its maximum capacity of {len(group.members)} members."
            )

    def _is_settled(self, group: ConsumerGroup, member: ConsumerMember) -> bool:
        """Whether there is nothing to do, as for most heartbeats."""
        return (
            group.seen.version == self._topics.version
            and group.epoch == group.assignment_epoch
            and member.is_reconciled_to(group.assignment_epoch)
        )

    def _member(
        self, group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest, owned: Owned
    ) -> ConsumerMember | None:
        """The member that asks, or the static one that it takes over from; None if it is new."""
        is_joining = request.member_epoch == JOINING
        if request.instance_id is None:
            member = group.members.get(request.member_id) if is_joining else group.member(request.member_id)
        elif is_joining:
            member = _rejoining(group, request)
        else:
            member = group.member_of_instance(request.instance_id, request.member_id)
        if member is not None:
            _check_epoch(member, request.member_epoch, owned)
        return member

    def advance(
        self,
        group: ConsumerGroup,
        draft: Draft,
        asked: ConsumerMember,
        member: ConsumerMember,
        now_ms: int,
        *,
        is_new: bool,
    ) -> Work[str]:
        """Begin a new epoch, and make a target assignment, if either is due; returns why, or nothing."""
        regexes = dict(draft.regexes)
        yield from draft.resolve()
        because = ""
        if (asked.topics, asked.regex or "") != (member.topics, member.regex or ""):
            because = f"{asked.member_id} joined" if is_new else f"{asked.member_id} subscribes to {asked.subscription}"
        elif self.assignor_of(draft.members.values()) != self.assignor_of(group.members.values()):
            because = f"{asked.member_id} would have another assignor"
        elif changed := [each for each, found in regexes.items() if draft.regexes.get(each, found) != found]:
            because = (
                f"the regular expression {changed[0]} matches {', '.join(draft.regexes[changed[0]]) or 'no topic'}"
            )
        else:
            because = yield from draft.what_changed()
        if because:
            yield from draft.begin_epoch()
        interval_ms = self._configs_of(group.group_id).assignment_interval_ms
        is_due = not interval_ms or now_ms >= group.assigned_at_ms + interval_ms
        if draft.assignment_epoch < draft.epoch and is_due:
            yield from draft.assign(ASSIGNORS[self.assignor_of(draft.members.values())])
        return because

    def assignor_of(self, members: Iterable[ConsumerMember]) -> str:
        """The assignor that most members ask for; the first that is configured if none do, or for one that was."""
        configured = self._settings.group_consumer_assignors
        votes: dict[str, int] = {}
        for member in members:
            if member.assignor is not None and member.assignor in configured:
                votes[member.assignor] = votes.get(member.assignor, 0) + 1
        return max(sorted(votes), key=votes.__getitem__) if votes else configured[0]

    def reconcile(
        self, group: ConsumerGroup, draft: Draft, member: ConsumerMember, owned: Owned, *, is_subscription_new: bool
    ) -> ConsumerMember:
        """The member, as far toward its target as it gets now."""
        if not is_subscription_new and member.is_reconciled_to(draft.assignment_epoch):
            return member
        wanted = draft.targets.get(member.member_id, frozenset())
        target = Target(draft.assignment_epoch, wanted, draft.topic_ids_of(member))
        return reconciled(member, target, group.owners.get, owned, is_subscription_new=is_subscription_new)

    def _answer(
        self,
        group: ConsumerGroup,
        request: ConsumerGroupHeartbeatRequest,
        before: ConsumerMember,
        after: ConsumerMember,
    ) -> ConsumerGroupHeartbeatResponse:
        """The assignment is only told when the member needs it: it joins, says all of itself, or is assigned anew."""
        is_subscribing = request.subscribed_topic_names is not None or request.subscribed_topic_regex is not None
        is_full = request.rebalance_timeout_ms != -1 and is_subscribing and request.topic_partitions is not None
        is_told = request.member_epoch == JOINING or is_full or before.assigned.keys() != after.assigned.keys()
        return ConsumerGroupHeartbeatResponse(
            member_id=after.member_id,
            member_epoch=after.epoch,
            heartbeat_interval_ms=self._configs_of(group.group_id).heartbeat_interval_ms,
            assignment=_told(after.assigned) if is_told else None,
        )

    def refresh(self, group: ConsumerGroup, member: ConsumerMember, now_ms: int) -> Work[Step]:
        """The step of a group for which one of its members only shows that it lives: what has come due meanwhile."""
        if group.seen.version == self._topics.version and group.epoch == group.assignment_epoch:
            return Step([], None, None, "")
        draft = Draft(group, self._topics, now_ms)
        because = yield from self.advance(group, draft, member, member, now_ms, is_new=False)
        return Step(draft.records, None, None, because, draft.seen)

    def leave_for_now(self, group: ConsumerGroup, member: ConsumerMember) -> Step:
        """The step of a static member that leaves to come back: it keeps its partitions meanwhile."""
        away = member.at_epoch(LEAVING_FOR_NOW)._replace(revoking={}, assigned=dict.fromkeys(member.assigned, 0))
        because = f"{member.member_id} left for now"
        return Step([current_record(group.group_id, away)], None, away, because)

    def remove(self, group: ConsumerGroup, gone: Sequence[ConsumerMember], because: str, now_ms: int) -> Step:
        """The step that ends members: the group begins an epoch without them. Nobody has to follow an empty group's."""
        draft = Draft(group, self._topics, now_ms)
        for member in gone:
            draft.remove(member.member_id)
        draft.forget_expressions()
        whole(draft.begin_epoch())
        records = draft.records
        if not draft.members:
            records.append(assignment_epoch_record(group.group_id, draft.epoch, now_ms))
        seen = group.seen._replace(shape=draft.seen.shape)  # expressions weren't matched with newer topics
        return Step(records, None, None, because, seen, gone=tuple(gone))


def leaving(group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest) -> ConsumerMember:
    """The member that leaves.

    Raises:
        UnknownMemberId: it isn't in the group.
        FencedInstanceId: another member has its instance id.
    """
    if request.instance_id is None:
        return group.member(request.member_id)
    return group.member_of_instance(request.instance_id, request.member_id)


def _rejoining(group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest) -> ConsumerMember | None:
    """The static member that one which joins takes over from; it must have left, or speak the classic protocol."""
    member_id = group.static_members.get(request.instance_id or "")
    if member_id is None:
        return group.members.get(request.member_id)
    member = group.members[member_id]
    if member.classic is None and member.epoch != LEAVING_FOR_NOW:
        raise errors.UnreleasedInstanceId(
            f"Static member {request.member_id} with instance id {request.instance_id} cannot join the group because "
            f"the instance id is owned by {member_id} member."
        )
    return member


def _check_epoch(member: ConsumerMember, epoch: int, owned: Owned) -> None:
    """A member may join again at any time, and ask once more with its previous epoch, whose answer may be lost."""
    if epoch in (JOINING, member.epoch):
        return
    is_lost = epoch == member.previous_epoch and owned is not None and owned <= member.assigned.keys()
    if epoch > member.epoch or not is_lost:
        kind = "greater" if epoch > member.epoch else "smaller"
        raise errors.FencedMemberEpoch(
            f"The consumer group member has a {kind} member epoch ({epoch}) than the one known by the group "
            f"coordinator ({member.epoch}). The member must abandon all its partitions and rejoin."
        )


def _asking(member: ConsumerMember, request: ConsumerGroupHeartbeatRequest, caller: Caller) -> ConsumerMember:
    """The member with what its heartbeat says of it; the same one if that is nothing new."""
    names, regex = request.subscribed_topic_names, request.subscribed_topic_regex
    if (
        names is None
        and regex is None
        and request.rack_id is None
        and request.server_assignor is None
        and member.classic is None
        and request.instance_id in (None, member.instance_id)
        and request.rebalance_timeout_ms == -1
        and (member.client_id, member.client_host) == (caller.client_id, caller.client_host)
    ):
        return member
    asked = member._replace(
        instance_id=member.instance_id if request.instance_id is None else request.instance_id,
        rack_id=member.rack_id if request.rack_id is None else request.rack_id,
        client_id=caller.client_id,
        client_host=caller.client_host,
        topics=member.topics if names is None else tuple(sorted(set(names))),
        regex=member.regex if regex is None else regex,
        rebalance_timeout_ms=(
            member.rebalance_timeout_ms if request.rebalance_timeout_ms == -1 else request.rebalance_timeout_ms
        ),
        assignor=member.assignor if request.server_assignor is None else request.server_assignor,
        classic=None,
    )
    return member if asked == member else asked


def _told(partitions: Iterable[TopicIdAndPartition]) -> Assignment:
    return Assignment(
        topic_partitions=[
            ConsumerGroupHeartbeatResponseTopicPartitions(topic_id=topic_id, partitions=numbers)
            for topic_id, numbers in by_topic(partitions).items()
        ]
    )
