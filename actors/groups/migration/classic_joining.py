"""JoinGroup of a member of the classic protocol in a consumer group: Kafka's ``classicGroupJoinToConsumerGroup``.

It is to the group what a heartbeat of the consumer protocol is: the member may be new, or subscribe to something else,
and it says which partitions it owns. The group's epoch, its target and the member itself move by the same steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.groups.classic.member import protocols_of
from actors.groups.classic.subscriptions import CONSUMER_PROTOCOL_TYPE
from actors.groups.consumer.downgrade import Downgrade
from actors.groups.consumer.draft import Draft
from actors.groups.consumer.heartbeat import Heartbeats, Step
from actors.groups.consumer.member import JOINING, ClassicClient, ConsumerMember
from actors.groups.consumer.slices import Work, whole
from actors.groups.migration.embedded_protocol import partitions_of, subscription_of
from actors.groups.migration_policy import MigrationPolicy
from kstore import errors
from kstore.named import NamedTuple
from kstore.schema.errors import SchemaError
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupResponse

if TYPE_CHECKING:
    from actors.coordinator.shard import Caller
    from actors.groups.consumer.group import ConsumerGroup
    from actors.groups.migration.downgrading import Downgrading
    from actors.groups.settings import GroupSettings
    from actors.groups.topics import Topics
    from kstore.schema.messages.consumer_protocol import ConsumerProtocolSubscription

REQUIRES_KNOWN_MEMBER_ID = 4


class Joined(NamedTuple):
    """What a JoinGroup leads to: the group's step, or its downgrade; and the answer once that is committed."""

    step: Step | None
    downgrade: Downgrade | None
    response: JoinGroupResponse


class _Joining(NamedTuple):
    """A member that joins: as the group knows it, if it does, and as it is to be."""

    old: ConsumerMember | None
    member: ConsumerMember
    asked: ConsumerMember
    subscription: ConsumerProtocolSubscription

    @property
    def is_replacing(self) -> bool:
        """Whether it takes over from another client with the same instance id."""
        return self.old is not None and self.old.member_id != self.member.member_id

    @property
    def is_subscription_new(self) -> bool:
        """Whether it subscribes to something else than the member that was there."""
        old, asked = self.old, self.asked
        return old is None or (asked.topics, asked.regex) != (old.topics, old.regex)


class ClassicJoining:
    """Computes what JoinGroups of members of the classic protocol lead to."""

    def __init__(
        self,
        heartbeats: Heartbeats,
        downgrading: Downgrading,
        settings: GroupSettings,
        topics: Topics,
        new_uuid: Callable[[], str],
    ) -> None:
        self._heartbeats = heartbeats
        self._downgrading = downgrading
        self._settings = settings
        self._topics = topics
        self._new_uuid = new_uuid

    def join(self, group: ConsumerGroup, request: JoinGroupRequest, caller: Caller, now_ms: int) -> Work[Joined]:
        """The step of a member that joins, or joins again.

        Raises:
            InconsistentGroupProtocol: the policy allows no such members, it has no protocol in common with them, or its
                subscription can't be read.
            GroupMaxSizeReached: it would be one member too many.
            UnknownMemberId, FencedInstanceId: another member has its instance id, or none has.
        """
        member_id = request.member_id or self._new_uuid()
        self._check(group, request, member_id)
        is_dynamic = request.group_instance_id is None
        if not request.member_id and is_dynamic and caller.version >= REQUIRES_KNOWN_MEMBER_ID:
            code = errors.MemberIdRequired.code
            return Joined(None, None, JoinGroupResponse(error_code=code, member_id=member_id, protocol_name=None))
        joining = self._joining(group, request, caller, member_id)
        draft = Draft(group, self._topics, now_ms)
        if joining.is_replacing and joining.old is not None:
            draft.replace(joining.old, joining.member)
        if joining.old is None or joining.asked != joining.member:
            draft.put(joining.asked)
        downgraded = self._downgraded(group, joining, draft, now_ms)
        if downgraded is not None:
            return downgraded
        stepped = yield from self._stepped(group, joining, draft, now_ms)
        return stepped

    def _check(self, group: ConsumerGroup, request: JoinGroupRequest, member_id: str) -> None:
        if self._settings.group_consumer_migration_policy is MigrationPolicy.DISABLED:
            raise errors.InconsistentGroupProtocol(
                f"Cannot join the consumer group {group.group_id} with the classic protocol because the group "
                "migration is disabled."
            )
        self._heartbeats.check_size(group, member_id)
        common = {each.name for each in request.protocols}
        for member in group.members.values():
            if member.classic is not None:
                common.intersection_update(name for name, _ in member.classic.protocols)
        if request.protocol_type != CONSUMER_PROTOCOL_TYPE or not common:
            raise errors.InconsistentGroupProtocol(f"Member {member_id}'s protocols are not supported.")

    def _joining(self, group: ConsumerGroup, request: JoinGroupRequest, caller: Caller, member_id: str) -> _Joining:
        protocols = protocols_of((each.name, each.metadata) for each in request.protocols)
        try:
            subscription = subscription_of(protocols[0][1])
        except SchemaError:
            raise errors.InconsistentGroupProtocol(
                f"Member {member_id}'s subscription isn't that of a consumer."
            ) from None
        old = self._old(group, request)
        if old is None:
            member = ConsumerMember(member_id)
        elif old.member_id != member_id:
            member = old._replace(member_id=member_id, epoch=JOINING, previous_epoch=JOINING)
        else:
            member = old
        timeout_ms = request.session_timeout_ms if caller.version == 0 else request.rebalance_timeout_ms
        asked = member._replace(
            instance_id=member.instance_id if request.group_instance_id is None else request.group_instance_id,
            rack_id=subscription.rack_id or member.rack_id,
            client_id=caller.client_id,
            client_host=caller.client_host,
            topics=tuple(sorted(set(subscription.topics))),
            regex="",
            rebalance_timeout_ms=member.rebalance_timeout_ms if timeout_ms == -1 else timeout_ms,
            classic=ClassicClient(request.session_timeout_ms, protocols),
        )
        return _Joining(old, member, asked, subscription)

    def _old(self, group: ConsumerGroup, request: JoinGroupRequest) -> ConsumerMember | None:
        """The member that asks, or the static one that it takes over from, whatever that one speaks; None if it is
        new.
        """
        if request.group_instance_id is None:
            return group.members.get(request.member_id)
        if request.member_id:
            return group.member_of_instance(request.group_instance_id, request.member_id)
        present_id = group.static_members.get(request.group_instance_id)
        return None if present_id is None else group.members[present_id]

    def _stepped(self, group: ConsumerGroup, joining: _Joining, draft: Draft, now_ms: int) -> Work[Joined]:
        asked, old = joining.asked, joining.old
        because = yield from self._heartbeats.advance(group, draft, asked, joining.member, now_ms, is_new=old is None)
        moved = self._reconciled(group, joining, draft)
        if moved is not asked:
            draft.move(moved)
        response = _joined(moved)
        return Joined(Step(draft.records, response, moved, because, draft.seen), None, response)

    def _reconciled(self, group: ConsumerGroup, joining: _Joining, draft: Draft) -> ConsumerMember:
        owned = frozenset(partitions_of(joining.subscription.owned_partitions, draft.topics))
        return self._heartbeats.reconcile(
            group, draft, joining.asked, owned, is_subscription_new=joining.is_subscription_new
        )

    def _downgraded(self, group: ConsumerGroup, joining: _Joining, draft: Draft, now_ms: int) -> Joined | None:
        """The downgrade, if the last member of the consumer protocol is a static one, and comes back as a classic one.
        If nothing else has changed, the group needs no rebalance for it.
        """
        old, asked = joining.old, joining.asked
        if old is None or old.instance_id is None:
            return None
        because = f"static {old.instance_id} came back as {asked.member_id} with the classic protocol"
        downgrade = self._downgrading.with_replaced(group, old, asked, because, now_ms)
        if downgrade is None:
            return None
        is_rebalancing = (
            joining.is_subscription_new or group.assignment_epoch < group.epoch or bool(whole(draft.what_changed()))
        )
        member = asked if is_rebalancing else self._reconciled(group, joining, draft)
        return Joined(None, downgrade._replace(is_rebalancing=is_rebalancing), _joined(member))


def _joined(member: ConsumerMember) -> JoinGroupResponse:
    """The answer to a JoinGroup: nobody is told to lead."""
    assert member.classic is not None
    return JoinGroupResponse(
        generation_id=member.epoch,
        protocol_type=CONSUMER_PROTOCOL_TYPE,
        protocol_name=member.classic.protocols[0][0],
        member_id=member.member_id,
    )
