"""Cases of members of consumer groups (KIP-848) beside each other, and of all other requests about such groups."""

from __future__ import annotations

from typing import Any

from groups.requests_of_groups import beat as classic_beat
from groups.requests_of_groups import leave, sync
from matrix.case import Talk, Topic, case
from matrix.cases.consumer_groups import DESCRIBE, HEARTBEAT, beat, joining
from matrix.cases.group_offsets import COMMIT, FETCH, OFFSET_DELETE, commit, fetch, offset_delete
from matrix.cases.groups import DELETE, LEAVE, LIST, SYNC, stable
from matrix.cases.groups import DESCRIBE as DESCRIBE_CLASSIC
from matrix.cases.groups import HEARTBEAT as CLASSIC_HEARTBEAT
from matrix.raw import Silence

from kstore.schema.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequestTopicPartitions
from kstore.schema.messages.delete_groups import DeleteGroupsRequest
from kstore.schema.messages.describe_groups import DescribeGroupsRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest
from kstore.schema.messages.list_groups import ListGroupsRequest
from kstore.schema.messages.offset_fetch import OffsetFetchRequestGroup

ONE, TWO, THREE = "matrix-1", "matrix-2", "matrix-3"


def of(topic: Topic, *numbers: int) -> list[ConsumerGroupHeartbeatRequestTopicPartitions]:
    return [ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=topic.id, partitions=list(numbers))]


def member(talk: Talk, group: str, topic: Topic, name: str = ONE, **fields: Any) -> int:
    """Join a group, alone, and have all that it gets; the member's epoch."""
    answer = talk.quietly(joining(group, [topic.name], name, **fields), version=1)
    said = {"rebalance_timeout_ms": 10_000, "topic_partitions": [], "subscribed_topic_names": [topic.name], **fields}
    while not (answer.assignment and answer.assignment.topic_partitions):
        answer = talk.quietly(beat(group, name, answer.member_epoch, **said), version=1)
        assert answer.error_code == 0, answer
    return int(answer.member_epoch)


def two_members(talk: Talk, group: str, topic: Topic) -> tuple[int, int]:
    """A partition each of two; the epochs of both members."""
    owned = {ONE: of(topic, 0, 1), TWO: []}
    epochs = {ONE: member(talk, group, topic), TWO: 0}
    epochs[TWO] = talk.quietly(joining(group, [topic.name], TWO), version=1).member_epoch
    while sorted(len(each.partitions) for own in owned.values() for each in own) != [1, 1]:
        for name in (ONE, TWO):
            said = beat(group, name, epochs[name], topic_partitions=owned[name])
            answer = talk.quietly(said, version=1)
            epochs[name] = answer.member_epoch
            if answer.assignment is not None:
                owned[name] = [
                    ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=each.topic_id, partitions=each.partitions)
                    for each in answer.assignment.topic_partitions
                ]
    epochs[ONE] = talk.quietly(beat(group, ONE, epochs[ONE], topic_partitions=owned[ONE]), version=1).member_epoch
    return epochs[ONE], epochs[TWO]


@case(HEARTBEAT, "two members")
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("groups", 1, 1)
    first = member(talk, group, topic)
    second = talk.ask(joining(group, [topic.name], TWO), "the second joins")
    talk.settle(beat(group, ONE, first, topic_partitions=of(topic, 0, 1)), lambda answer: answer.assignment is not None)
    talk.ask(beat(group, ONE, first), "the first, which owns both still")
    talk.ask(beat(group, ONE, first, topic_partitions=of(topic, 0, 1)), "the first, which says so")
    talk.ask(beat(group, TWO, second.member_epoch), "the second, which waits")
    own = ONE, first
    talk.ask(beat(group, *own, topic_partitions=of(topic, 0)), "the first, which has given up one")
    talk.ask(beat(group, *own, topic_partitions=of(topic, 0)), "the same in its epoch before")
    talk.ask(beat(group, *own, topic_partitions=of(topic, 0, 1)), "with what it doesn't own, in its epoch before")
    talk.ask(beat(group, *own), "without partitions, in its epoch before")
    talk.ask(beat(group, ONE, first - 1, topic_partitions=[]), "in an older epoch")
    talk.ask(beat(group, TWO, second.member_epoch), "the second, for which one is free")
    talk.ask(joining(group, [topic.name], THREE), "a third of two")
    talk.ask(joining(group, [topic.name], ONE), "the first joins once more")
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[group]), "both")


@case(HEARTBEAT, "a subscription that changes")
def _(talk: Talk) -> None:
    group, topic, other = talk.fresh("g"), talk.topic("groups", 1, 1), talk.topic("groups-other")
    epoch = member(talk, group, topic)
    own: dict[str, Any] = {"topic_partitions": of(topic, 0, 1)}
    talk.ask(beat(group, ONE, epoch, subscribed_topic_names=[topic.name], **own), "the same topic")
    steps: dict[str, dict[str, Any]] = {
        "another as well": {"subscribed_topic_names": [topic.name, other.name], **own},
        "another assignor": {"server_assignor": "range"},
        "the assignor again": {"server_assignor": "range"},
        "a rack": {"rack_id": "r", "rebalance_timeout_ms": 20_000},
        "the default assignor": {"server_assignor": "uniform"},
        "nothing": {"subscribed_topic_names": []},
        "gives up all": {"topic_partitions": []},
        "a topic that isn't there": {"subscribed_topic_names": ["nowhere"]},
        "the first one once more": {"subscribed_topic_names": [topic.name]},
    }
    for step, changes in steps.items():
        epoch = talk.ask(beat(group, ONE, epoch, **changes), step).member_epoch
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[group]), "described")


@case(HEARTBEAT, "static members")
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("groups", 1, 1)
    i = {"instance_id": "i"}
    epoch = member(talk, group, topic, **i)
    talk.ask(joining(group, [topic.name], TWO, **i), "a second one of the instance")
    talk.ask(joining(group, [topic.name], ONE, **i), "the same once more")
    talk.ask(joining(group, [topic.name], ONE, instance_id="j"), "the same as another instance")
    talk.ask(beat(group, TWO, -1, **i), "another leaves in its place")
    talk.ask(beat(group, TWO, -2, **i), "another leaves for now in its place")
    talk.ask(beat(group, ONE, -1, instance_id="nobody"), "an instance that nobody is leaves")
    talk.ask(beat(group, ONE, epoch), "a heartbeat without its instance")
    talk.ask(beat(group, ONE, -2, **i), "leaves for now")
    talk.ask(beat(group, ONE, epoch, **i), "a heartbeat while it is away")
    talk.ask(beat(group, ONE, -2, **i), "leaves for now again")
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[group]), "away")
    talk.ask(joining(group, [topic.name], TWO, **i), "another takes its place")
    talk.ask(beat(group, ONE, epoch, **i), "the one before")
    talk.ask(beat(group, ONE, -1, **i), "the one before leaves")
    talk.ask(beat(group, TWO, -1, **i), "leaves for good")
    talk.ask(beat(group, TWO, -1, **i), "leaves again")


@case(HEARTBEAT, "leaving")
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("groups", 1, 1)
    none = talk.fresh("none")
    talk.ask(beat(none, ONE, -1), "a group that nobody knows")
    talk.ask(beat(none, ONE, -2, instance_id="i"), "a group that nobody knows, for now")
    member(talk, group, topic)
    talk.ask(beat(group, TWO, -1), "a member that nobody knows")
    talk.ask(beat(group, ONE, -2), "for now without an instance")
    talk.ask(beat(group, ONE, -1, topic_partitions=of(topic, 0, 1)), "with partitions")
    talk.ask(joining(group, [topic.name]), "joins once more")


@case(DESCRIBE, "groups of the other protocol")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    stable(talk, group)
    talk.ask(
        ConsumerGroupDescribeRequest(group_ids=[group, talk.fresh("none"), ""]), "one, none and one without a name"
    )
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[group]), "asked of another node", node=2)


@case(DESCRIBE_CLASSIC, "a consumer group")
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("groups", 1, 1)
    member(talk, group, topic)
    talk.ask(DescribeGroupsRequest(groups=[group]), "with a member")
    talk.quietly(beat(group, ONE, -1), version=1)
    talk.ask(DescribeGroupsRequest(groups=[group]), "without members")


@case(CLASSIC_HEARTBEAT, "a consumer group")
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("groups", 1, 1)
    epoch = member(talk, group, topic)
    talk.ask(classic_beat(group, ONE, epoch), "of a member of the other protocol")
    talk.ask(classic_beat(group, TWO, epoch), "of a member that nobody knows")


@case(SYNC, "a consumer group")
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("groups", 1, 1)
    epoch = member(talk, group, topic)
    named = {} if talk.version >= 5 else {"protocol_type": None, "protocol_name": None}
    talk.ask(sync(group, ONE, epoch, **named), "of a member of the other protocol")
    talk.ask(sync(group, TWO, epoch, **named), "of a member that nobody knows")


@case(LEAVE, "a consumer group, alone", until=2)
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("groups", 1, 1)
    member(talk, group, topic)
    talk.ask(LeaveGroupRequest(group_id=group, member_id=TWO), "no such member")
    talk.ask(LeaveGroupRequest(group_id=group, member_id=ONE), "a member")
    talk.ask(LeaveGroupRequest(group_id=group, member_id=ONE), "again")
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[group]), "the group")


@case(LEAVE, "a consumer group, several", since=3)
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("groups", 1, 1)
    member(talk, group, topic, instance_id="i")
    talk.ask(leave(group, (TWO, None), ("", "nobody"), ("", None)), "none that is there")
    talk.ask(leave(group, (TWO, "i")), "by another's id")
    talk.ask(leave(group), "nobody")
    talk.ask(leave(group, ("", "i"), (TWO, None), ("", "i")), "one twice, and one that isn't there")
    talk.ask(leave(group, (ONE, "i")), "again")
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[group]), "the group")


@case(LIST, "groups of both protocols", since=5)
def _(talk: Talk) -> None:
    topic = talk.topic("groups", 1, 1)
    stable(talk, talk.fresh("classic"))
    member(talk, talk.fresh("consumer"), topic)
    empty = talk.fresh("empty")
    member(talk, empty, topic)
    talk.quietly(beat(empty, ONE, -1), version=1)

    def listed(step: str, states: tuple[str, ...] = (), types: tuple[str, ...] = ()) -> None:
        """Note the groups of this talk only."""
        answer = talk.quietly(ListGroupsRequest(states_filter=list(states), types_filter=list(types)), version=5)
        if not isinstance(answer, Silence):
            answer.groups = [each for each in answer.groups if each.group_id.startswith(talk.labels.prefix)]
        talk.note(step, answer, 5)

    listed("all")
    for states in (("Stable",), ("assigning", "EMPTY"), ("Reconciling", "Empty"), ("CompletingRebalance",)):
        listed(f"in state {' '.join(states)}", states=states)
    for types in (("consumer",), ("Classic", "CONSUMER"), ("share",), ("streams",), ("consumer", "nonsense")):
        listed(f"of type {' '.join(types)}", types=types)
    listed("of a state and a type", states=("empty",), types=("consumer",))


@case(DELETE, "consumer groups")
def _(talk: Talk) -> None:
    steady, empty, topic = talk.fresh("steady"), talk.fresh("empty"), talk.topic("groups", 1, 1)
    member(talk, steady, topic)
    member(talk, empty, topic)
    talk.quietly(beat(empty, ONE, -1), version=1)
    talk.ask(DeleteGroupsRequest(groups_names=[steady]), "one that has members")
    talk.ask(DeleteGroupsRequest(groups_names=[empty, steady]), "one of two can go")
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[empty]), "what was deleted")
    talk.ask(DeleteGroupsRequest(groups_names=[empty]), "again")


@case(OFFSET_DELETE, "of a consumer group")
def _(talk: Talk) -> None:
    topic, other, group = talk.topic("groups", 1, 1), talk.topic("groups-other"), talk.fresh("g")
    epoch = member(talk, group, topic)
    own: dict[str, Any] = {"member_id": ONE, "generation_id_or_member_epoch": epoch}
    talk.quietly(commit(group, (topic, 0, 5), (other, 0, 5), **own))
    talk.ask(offset_delete(group, (topic.name, 0)), "of a topic that it reads")
    talk.ask(offset_delete(group, (other.name, 0), (topic.name, 1)), "of a topic that nobody reads, and of one")
    talk.quietly(beat(group, ONE, -1), version=1)
    talk.ask(offset_delete(group, (topic.name, 0)), "when it has no members")


@case(COMMIT, "by a member of a consumer group")
def _(talk: Talk) -> None:
    topic, group = talk.topic("groups", 1, 1), talk.fresh("g")
    talk.ask(commit(group, (topic, 0, 5)), "before there are members")
    epoch = member(talk, group, topic)

    def by(name: str, epoch: int, step: str, *numbers: int, **fields: Any) -> None:
        own: dict[str, Any] = {"member_id": name, "generation_id_or_member_epoch": epoch, **fields}
        talk.ask(commit(group, *[(topic, number, 5) for number in numbers or (0,)], **own), step)

    by(ONE, epoch, "in its epoch")
    by(ONE, epoch - 1, "in the epoch before")
    by(ONE, epoch + 1, "in an epoch to come")
    by(ONE, -1, "in no epoch")
    by(TWO, epoch, "another")
    by("", -1, "by nobody in particular")
    by("", epoch, "in its epoch, by nobody")
    if talk.version >= 7:
        by(ONE, epoch, "as an instance that nobody is", group_instance_id="nobody")


@case(COMMIT, "by two members of a consumer group", since=9)
def _(talk: Talk) -> None:
    topic, group = talk.topic("groups", 1, 1), talk.fresh("g")
    first, second = two_members(talk, group, topic)
    for name, newest in ((ONE, first), (TWO, second)):
        for epoch in range(newest - 2, newest + 2):
            for number in (0, 1):
                own: dict[str, Any] = {"member_id": name, "generation_id_or_member_epoch": epoch}
                step = f"{name} in its epoch {epoch - newest:+d} of partition {number}"
                talk.ask(commit(group, (topic, number, 5), **own), step)
    own = {"member_id": ONE, "generation_id_or_member_epoch": first - 1}
    talk.ask(commit(group, (topic, 0, 5), (topic, 1, 5), **own), "of both partitions, in the epoch before")


@case(FETCH, "by a member of a consumer group", since=9)
def _(talk: Talk) -> None:
    topic, group = talk.topic("groups", 1, 1), talk.fresh("g")
    epoch = member(talk, group, topic)
    own: dict[str, Any] = {"member_id": ONE, "generation_id_or_member_epoch": epoch}
    talk.quietly(commit(group, (topic, 0, 5), **own))

    def asked(name: str | None, epoch: int) -> Any:
        request = fetch(talk, group, (topic, [0, 1]))
        request.groups[0].member_id, request.groups[0].member_epoch = name, epoch
        return request

    for step, who in {
        "in its epoch": (ONE, epoch),
        "in the epoch before": (ONE, epoch - 1),
        "in an epoch to come": (ONE, epoch + 1),
        "in no epoch": (ONE, -1),
        "another": (TWO, epoch),
        "by nobody in particular": (None, -1),
        "an epoch alone": (None, epoch),
        "an empty member id": ("", -1),
    }.items():
        talk.ask(asked(*who), step)
    both = asked(ONE, epoch)
    both.groups.append(OffsetFetchRequestGroup(group_id=group, topics=None, member_id=ONE, member_epoch=epoch - 1))
    talk.ask(both, "right and wrong in one request")
    talk.quietly(beat(group, ONE, -1), version=1)
    talk.ask(asked(ONE, epoch), "after it has left")
    talk.ask(asked(None, -1), "by nobody in particular, without members")


@case(FETCH, "by id", since=10)
def _(talk: Talk) -> None:
    topic, group = talk.topic("groups", 1, 1), talk.fresh("g")
    talk.quietly(commit(group, (topic, 0, 5)))
    unknown = Topic("", b"\x01" * 16)
    talk.ask(fetch(talk, group, (topic, [0, 7]), (unknown, [0])), "one that is there and one that isn't")
    talk.ask(fetch(talk, group, (Topic("", bytes(16)), [0])), "without an id")


@case(COMMIT, "by id", since=10)
def _(talk: Talk) -> None:
    topic, group = talk.topic("groups", 1, 1), talk.fresh("g")
    unknown = Topic("", b"\x01" * 16)
    talk.ask(commit(group, (topic, 0, 5), (unknown, 0, 5), (topic, 1, 6)), "one that isn't there")
    talk.ask(commit(group, (topic, 0, 7), (topic, 0, 8)), "one twice")


@case(HEARTBEAT, "a member that joins by a regular expression", since=1)
def _(talk: Talk) -> None:
    group, topic = talk.fresh("g"), talk.topic("groups", 1, 1)
    by_regex = joining(group, None, ONE, subscribed_topic_regex="group[s]")
    talk.quietly(by_regex)
    talk.settle(by_regex, lambda answer: bool(answer.assignment and answer.assignment.topic_partitions))
    talk.ask(by_regex, "again")
    talk.ask(ConsumerGroupDescribeRequest(group_ids=[group]), "described")
    for wrong in ("[", "*", "a{1001}", "(?=x)", r"\8", "a**", "x\\", "(?P<n", ")", r"\pX", "[z-a]"):
        talk.ask(
            joining(talk.fresh("w"), None, ONE, subscribed_topic_regex=wrong), f"wrong: {wrong.replace('*', 'star')}"
        )
    talk.ask(joining(talk.fresh("e"), None, ONE, subscribed_topic_regex=""), "an empty one")
    both = joining(talk.fresh("b"), [topic.name], ONE, subscribed_topic_regex="nothing-.*")
    talk.ask(both, "and a name")
