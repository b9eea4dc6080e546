"""A consumer group in which only members of the classic protocol are left, as the classic group that it becomes:
Kafka's ``ClassicGroup.fromConsumerGroup``.

Its group epoch becomes the generation. Everybody has their target, whether they have followed it or not, until the
rebalance that follows.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.member import ClassicMember
from actors.groups.classic.record import record_of
from actors.groups.classic.states import GroupState
from actors.groups.classic.subscriptions import CONSUMER_PROTOCOL_TYPE
from actors.groups.consumer.downgrade import Downgrade
from actors.groups.consumer.group import ConsumerGroup
from actors.groups.consumer.member import ClassicClient, ConsumerMember
from actors.groups.migration.embedded_protocol import encoded_assignment
from actors.groups.settings import GroupSettings
from actors.groups.topics import Topics
from kstore.errors import KafkaError


class Downgrading:
    """Makes classic groups of consumer groups, as far as the policy and the size of classic groups allow."""

    def __init__(self, settings: GroupSettings, topics: Topics) -> None:
        self._settings = settings
        self._topics = topics

    def without(
        self, group: ConsumerGroup, gone: Sequence[ConsumerMember], because: str, now_ms: int
    ) -> Downgrade | None:
        """The downgrade of a group that members leave; None if it stays a consumer group."""
        gone_ids = {member.member_id for member in gone}
        left = [member for member in group.members.values() if member.member_id not in gone_ids]
        downgrade = self._of(group, left, because, now_ms)
        return None if downgrade is None else downgrade._replace(gone=tuple(gone))

    def with_replaced(
        self, group: ConsumerGroup, old: ConsumerMember, new: ConsumerMember, because: str, now_ms: int
    ) -> Downgrade | None:
        """The downgrade of a group in which a static member of the consumer protocol comes back with the classic one;
        None if it stays a consumer group. The new member takes over the target of the old one.
        """
        if old.classic is not None:
            return None
        members = [member for member in group.members.values() if member.member_id != old.member_id]
        downgrade = self._of(group, [*members, new], because, now_ms)
        return None if downgrade is None else downgrade._replace(gone=(old,))

    def _of(
        self, group: ConsumerGroup, members: Sequence[ConsumerMember], because: str, now_ms: int
    ) -> Downgrade | None:
        clients = [(member, member.classic) for member in members if member.classic is not None]
        is_allowed = self._settings.group_consumer_migration_policy.can_downgrade
        if not clients or len(clients) < len(members) or not is_allowed or len(clients) > self._settings.group_max_size:
            return None
        classic = ClassicGroup(group.group_id, now_ms=now_ms, state=GroupState.STABLE)
        classic.generation_id = group.epoch
        for member, client in clients:
            classic.add(_member(member, client))
        if len(clients) not in classic.supporters.values():
            return None  # they have no protocol in common: they were never asked whether they have one
        classic.protocol_name = classic.select_protocol()
        try:
            assignments = {member.member_id: self._assignment(group, classic, member) for member, _ in clients}
        except KafkaError:
            return None
        return Downgrade(
            group.group_id,
            (*group.tombstones(), record_of(classic, assignments)),
            tuple((member.member_id, client) for member, client in clients),
            because,
        )

    def _assignment(self, group: ConsumerGroup, classic: ClassicGroup, member: ConsumerMember) -> bytes:
        """What is assigned to a member; to a static one, whatever is to its instance id."""
        present_id = member.member_id if member.instance_id is None else group.static_members[member.instance_id]
        assert classic.protocol_name is not None
        metadata = classic.members[member.member_id].metadata(classic.protocol_name)
        return encoded_assignment(group.target(present_id), self._topics, metadata)


def _member(member: ConsumerMember, client: ClassicClient) -> ClassicMember:
    return ClassicMember(
        member.member_id,
        group_instance_id=member.instance_id,
        client_id=member.client_id,
        client_host=member.client_host,
        rebalance_timeout_ms=member.rebalance_timeout_ms,
        session_timeout_ms=client.session_timeout_ms,
        protocol_type=CONSUMER_PROTOCOL_TYPE,
        protocols=client.protocols,
    )
