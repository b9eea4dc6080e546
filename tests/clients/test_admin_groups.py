"""Groups by an admin: listed, described, deleted, their members sent away, their offsets changed; on every target."""

from typing import Any

import pytest
from clients.targets import Target
from waiting import wait_until

from actors.clients.errors import SeveralFailed
from kstore import (
    Consumer,
    MemberToRemove,
    OffsetAndMetadata,
    OffsetSpec,
    OffsetTimestamp,
    SubscriptionPattern,
    TopicPartition,
)
from kstore.errors import (
    GroupIdNotFound,
    GroupSubscribedToTopic,
    NonEmptyGroup,
    OffsetMetadataTooLarge,
    UnknownMemberId,
    UnknownTopicOrPartition,
)

CONSUMER: dict[str, Any] = {"fetch_max_wait_ms": 20, "auto_offset_reset": "earliest", "group_protocol": "consumer"}
QUICK: dict[str, Any] = {"fetch_max_wait_ms": 20, "auto_offset_reset": "earliest", "heartbeat_interval_ms": 100}


def joined(target: Target, topic: str, group: str, **keywords: Any) -> Consumer:
    """A consumer that has its partitions."""
    consumer = target.consumer(topic, group_id=group, **QUICK, **keywords)
    has_partitions(consumer)
    return consumer


def has_partitions(consumer: Consumer) -> None:
    def polled() -> object:
        consumer.poll(100)
        return consumer.assignment()

    wait_until(polled, what="partitions")


def at(topic: str, *numbers: int) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in numbers]


def filled(target: Target, count: int, partitions: int = 1) -> str:
    """A topic whose partitions have records of the times 1000, 2000, ..."""
    topic = target.topic(partitions=partitions)
    with target.producer() as producer:
        for partition in range(partitions):
            for number in range(count):
                producer.send(topic, b"%d" % number, partition=partition, timestamp_ms=1_000 * (number + 1))
        producer.flush()
    return topic


def test_a_group_and_its_members_are_described(target: Target) -> None:
    admin, topic, group = target.admin(), target.topic(partitions=2), target.group()
    joined(target, topic, group, client_id="reader", group_instance_id="instance-1")
    found = admin.describe_groups([group])[group]
    assert (found.group_id, found.state, found.protocol_type, found.protocol) == (group, "Stable", "consumer", "range")
    assert found.coordinator in {node.id for node in admin.describe_cluster().nodes}
    (member,) = found.members
    assert member.member_id.startswith("instance-1-")
    assert (member.client_id, member.group_instance_id) == ("reader", "instance-1")
    assert member.client_host.startswith("/")
    assert (member.topics, member.assignment) == ((topic,), tuple(at(topic, 0, 1)))


def test_a_consumer_group_is_described_beside_a_classic_one(target: Target) -> None:
    admin, topic, group, classic = target.admin(), target.topic(partitions=2), target.group(), target.group()
    member = target.consumer(topic, group_id=group, client_id="reader", group_instance_id="i", **CONSUMER)
    has_partitions(member)
    joined(target, topic, classic)
    found = admin.describe_groups([group, classic])
    assert [each.type for each in found.values()] == ["consumer", "classic"]
    described = found[group]
    assert (described.protocol_type, described.protocol, described.state) == ("consumer", "uniform", "Stable")
    (told,) = described.members
    assert (told.member_id, told.client_id, told.group_instance_id) == (
        member.group_metadata().member_id,
        "reader",
        "i",
    )
    assert (told.topics, told.subscribed_topic_regex) == ((topic,), "")
    assert sorted(told.assignment) == at(topic, 0, 1)
    assert group in {each.group_id for each in admin.list_groups(types_filter=["consumer"])}


def test_a_member_is_described_with_its_regular_expression(target: Target) -> None:
    admin, topic, group = target.admin(), target.topic(), target.group()
    consumer = target.consumer(group_id=group, **CONSUMER)
    consumer.subscribe(SubscriptionPattern(f"{topic}.*"))
    has_partitions(consumer)
    (told,) = admin.describe_groups([group])[group].members
    assert (told.topics, told.subscribed_topic_regex) == ((), f"{topic}.*")


def test_groups_are_listed_by_state_and_type(target: Target) -> None:
    admin, topic, full, empty = target.admin(), target.topic(), target.group(), target.group()
    joined(target, topic, full)
    admin.alter_group_offsets(empty, {TopicPartition(topic, 0): 0})

    def listed(**filters: Any) -> dict[str, tuple[str, str, str]]:
        found = admin.list_groups(**filters)
        return {
            each.group_id: (each.state, each.protocol_type, each.type)
            for each in found
            if each.group_id in (full, empty)
        }

    both = {full: ("Stable", "consumer", "classic"), empty: ("Empty", "", "classic")}
    assert listed() == both
    assert listed(states_filter=["Stable"]) == {full: both[full]}
    assert listed(types_filter=["classic"]) == both
    assert listed(types_filter=["share"]) == {}
    brokers = [node.id for node in admin.describe_cluster().nodes]
    assert listed(broker_ids=brokers) == both
    assert listed(broker_ids=[]) == {}


def test_a_group_that_is_not_there_is_not_found(target: Target) -> None:
    admin, group, known = target.admin(), target.group(), target.group()
    admin.alter_group_offsets(known, {TopicPartition(target.topic(), 0): 1})
    with pytest.raises(GroupIdNotFound):
        admin.describe_groups([group])
    with pytest.raises(GroupIdNotFound):
        admin.delete_groups([group])
    with pytest.raises(SeveralFailed) as raised:
        admin.describe_groups([known, group])
    assert list(raised.value.errors) == [group]
    assert raised.value.results[known].state == "Empty"


def test_a_group_is_deleted_when_it_has_no_members(target: Target) -> None:
    admin, topic, group = target.admin(), target.topic(), target.group()
    consumer = joined(target, topic, group)
    with pytest.raises(NonEmptyGroup):
        admin.delete_groups([group])
    consumer.close()
    admin.delete_groups([group])
    assert group not in {each.group_id for each in admin.list_groups()}
    with pytest.raises(GroupIdNotFound):
        admin.describe_groups([group])


def test_members_are_sent_away(target: Target) -> None:
    admin, topic, group = target.admin(), target.topic(partitions=2), target.group()
    joined(target, topic, group, group_instance_id="instance-1")
    admin.remove_group_members(group, [MemberToRemove(group_instance_id="instance-1", reason="because")])
    wait_until(lambda: admin.describe_groups([group])[group].members == (), what="an empty group")
    with pytest.raises(UnknownMemberId):
        admin.remove_group_members(group, ["nobody"])
    with pytest.raises(SeveralFailed) as raised:
        admin.remove_group_members(group, ["nobody", MemberToRemove(group_instance_id="instance-1")])
    assert len(raised.value.errors) == 2


def test_committed_offsets_are_told_of_all_or_of_some_partitions(target: Target) -> None:
    admin, topic, group, other = target.admin(), target.topic(partitions=3), target.group(), target.group()
    first, second, third = at(topic, 0, 1, 2)
    admin.alter_group_offsets(group, {first: 3, second: OffsetAndMetadata(5, "mine", 0)})
    both = {first: OffsetAndMetadata(3), second: OffsetAndMetadata(5, "mine", 0)}
    assert admin.list_group_offsets(group) == {group: both}
    assert admin.list_group_offsets([group, other]) == {group: both, other: {}}
    assert admin.list_group_offsets({group: [second, third]}) == {group: {second: both[second]}}


def test_offsets_of_a_group_with_members_are_its_own(target: Target) -> None:
    admin, topic, group = target.admin(), target.topic(), target.group()
    joined(target, topic, group)
    with pytest.raises(UnknownMemberId):
        admin.alter_group_offsets(group, {TopicPartition(topic, 0): 3})


def test_an_offset_that_cannot_be_committed_says_why(target: Target) -> None:
    admin, topic, group = target.admin(), target.topic(), target.group()
    with pytest.raises(UnknownTopicOrPartition):
        admin.alter_group_offsets(group, {TopicPartition(topic, 7): 3})
    with pytest.raises(SeveralFailed) as raised:
        admin.alter_group_offsets(
            group, {TopicPartition(topic, 0): OffsetAndMetadata(1, "x" * 5_000), TopicPartition(topic, 7): 3}
        )
    assert {each.partition: type(error) for each, error in raised.value.errors.items()} == {
        0: OffsetMetadataTooLarge,
        7: UnknownTopicOrPartition,
    }


def test_offsets_are_deleted_but_for_topics_that_members_read(target: Target) -> None:
    admin, topic, other, group = target.admin(), target.topic(), target.topic(), target.group()
    (read,), (unread,) = at(topic, 0), at(other, 0)
    admin.alter_group_offsets(group, {read: 1, unread: 2})
    consumer = joined(target, topic, group, enable_auto_commit=False)
    with pytest.raises(GroupSubscribedToTopic):
        admin.delete_group_offsets(group, [read])
    admin.delete_group_offsets(group, [unread])
    assert admin.list_group_offsets(group) == {group: {read: OffsetAndMetadata(1)}}
    consumer.close()
    admin.delete_group_offsets(group, [read])
    assert admin.list_group_offsets(group) == {group: {}}
    with pytest.raises(GroupIdNotFound):
        admin.delete_group_offsets(target.group(), [read])
    with pytest.raises(UnknownTopicOrPartition):
        admin.delete_group_offsets(group, at(target.fresh("topic"), 0))


def test_offsets_are_reset_to_places_and_times_within_what_there_is(target: Target) -> None:
    admin, topic, group = target.admin(), filled(target, 5, partitions=6), target.group()
    wanted = dict(
        zip(
            at(topic, *range(6)),
            (OffsetSpec.EARLIEST, OffsetSpec.LATEST, OffsetTimestamp(2_500), OffsetTimestamp(99_000), 3, 99),
            strict=True,
        )
    )
    found = admin.reset_group_offsets(group, wanted)
    assert [each.offset for each in found.values()] == [0, 5, 2, 5, 3, 5]
    assert admin.list_group_offsets(group) == {group: found}


def test_a_consumer_goes_on_where_an_admin_says(target: Target) -> None:
    admin, topic, group = target.admin(), filled(target, 5), target.group()
    admin.alter_group_offsets(group, {TopicPartition(topic, 0): 3})
    consumer = target.consumer(topic, group_id=group, **QUICK)
    found = wait_until(lambda: consumer.poll(100), what="records")
    assert [record.offset for record in found[TopicPartition(topic, 0)]] == [3, 4]


@pytest.mark.parametrize("wrong", [None, 3, ["a"], b"g"], ids=repr)
def test_what_is_no_group_is_refused_before_anything_is_sent(target: Target, wrong: Any) -> None:
    admin = target.admin()
    with pytest.raises(TypeError):
        admin.describe_groups([wrong])
    with pytest.raises(TypeError):
        admin.alter_group_offsets(wrong, {TopicPartition("t", 0): 1})
    with pytest.raises(TypeError):
        admin.remove_group_members("g", [wrong])
