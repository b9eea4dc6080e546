"""Cases of OffsetCommit, OffsetFetch and OffsetDelete."""

from __future__ import annotations

from typing import Any

from groups.requests_of_groups import sync
from matrix.case import Talk, Topic, case
from matrix.cases.groups import joined, stable
from matrix.cases.producing import NOWHERE

from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kstore.schema.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)

COMMIT, FETCH, OFFSET_DELETE = 8, 9, 47


def commit(group: str, *parts: tuple[Topic, int, int], metadata: str | None = "m", **fields: Any) -> Any:
    topics: list[OffsetCommitRequestTopic] = []
    for topic, n, offset in parts:
        if not topics or topics[-1].name != topic.name:
            topics.append(OffsetCommitRequestTopic(name=topic.name, topic_id=topic.id))
        topics[-1].partitions.append(
            OffsetCommitRequestPartition(partition_index=n, committed_offset=offset, committed_metadata=metadata)
        )
    return OffsetCommitRequest(**{"group_id": group, "generation_id_or_member_epoch": -1, "topics": topics, **fields})


@case(COMMIT, "by nobody in particular")
def _(talk: Talk) -> None:
    topic, group = talk.topic("groups", 1, 1), talk.fresh("g")
    talk.ask(commit(group, (topic, 0, 5)), "a new group")
    talk.ask(commit(group, (topic, 0, 5), (topic, 1, 6)), "two partitions")
    talk.ask(commit(group, (topic, 0, 5), (topic, 7, 6), (topic, 1, 6)), "two partitions, and one that isn't there")
    talk.ask(commit(group, (topic, 7, 5)), "no such partition")
    talk.ask(commit(group, (topic, -1, 5)), "a negative partition")
    talk.ask(commit(group, (NOWHERE, 0, 5)), "no such topic")
    talk.ask(commit(group, (topic, 0, 5), (NOWHERE, 0, 5)), "one of two is there")
    talk.ask(commit(group, (topic, 0, -1)), "a negative offset")
    talk.ask(commit(group, (topic, 0, 5), metadata=None), "no metadata")
    talk.ask(commit(group, (topic, 0, 5), metadata="x" * 4096), "long metadata")
    talk.ask(commit(group, (topic, 0, 5), metadata="x" * 4097), "too long metadata")
    talk.ask(commit(group), "nothing")
    talk.ask(commit("", (topic, 0, 5)), "no group")
    talk.ask(commit(group, (topic, 0, 5)), "asked of another node", node=2)
    talk.ask(commit(group, (topic, 0, 5), member_id="matrix-unknown"), "no such member")
    talk.ask(commit(group, (topic, 0, 5), generation_id_or_member_epoch=1), "a generation, no member")
    none = talk.fresh("none")
    talk.ask(
        commit(none, (topic, 0, 5), member_id="m", generation_id_or_member_epoch=1), "no such group, in a generation"
    )
    if talk.version <= 4:
        talk.ask(commit(group, (topic, 0, 5), retention_time_ms=1_000_000), "with a retention")
    if talk.version == 10:
        talk.ask(commit(group, (Topic("", bytes(16)), 0, 5)), "without an id")


@case(COMMIT, "by a member")
def _(talk: Talk) -> None:
    topic, group = talk.topic("groups", 1, 1), talk.fresh("g")
    member = joined(talk, group)

    def by(name: str, generation: int, step: str, **fields: Any) -> None:
        own = {"member_id": name, "generation_id_or_member_epoch": generation, **fields}
        talk.ask(commit(group, (topic, 0, 5), **own), step)

    by(member, 1, "before its assignment")
    talk.quietly(sync(group, member, 1, {member: b""}), version=5)
    by(member, 1, "in its generation")
    by(member, 0, "in an old generation")
    by(member, 2, "in a generation to come")
    by(member, -1, "in no generation")
    by("matrix-unknown", 1, "another")
    by("", -1, "by nobody in particular")
    if talk.version >= 7:
        by(member, 1, "as an instance that nobody is", group_instance_id="nobody")


def fetch(talk: Talk, group: str, *parts: tuple[Topic, list[int]], all_of_them: bool = False, **fields: Any) -> Any:
    """In the shape of the talk's version."""
    if talk.version >= 8:
        new = [
            OffsetFetchRequestTopics(name=topic.name, topic_id=topic.id, partition_indexes=indexes)
            for topic, indexes in parts
        ]
        topics = None if all_of_them else new
        return OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=group, topics=topics)], **fields)
    old = [OffsetFetchRequestTopic(name=topic.name, partition_indexes=indexes) for topic, indexes in parts]
    return OffsetFetchRequest(group_id=group, topics=None if all_of_them else old, **fields)


@case(FETCH, "of a group")
def _(talk: Talk) -> None:
    topic, group = talk.topic("groups", 1, 1), talk.fresh("g")
    talk.quietly(commit(group, (topic, 0, 5)))
    talk.ask(fetch(talk, group, (topic, [0])), "one partition")
    talk.ask(fetch(talk, group, (topic, [0, 1])), "one of two was committed")
    talk.ask(fetch(talk, group, (topic, [7])), "no such partition")
    talk.ask(fetch(talk, group, (NOWHERE, [0])), "no such topic")
    talk.ask(fetch(talk, group, (topic, [0]), (NOWHERE, [0])), "one of two is there")
    talk.ask(fetch(talk, group, (topic, [0, 0])), "one partition twice")
    talk.ask(fetch(talk, group), "nothing")
    talk.ask(fetch(talk, talk.fresh("none"), (topic, [0])), "no such group")
    talk.ask(fetch(talk, "", (topic, [0])), "no group")
    talk.ask(fetch(talk, group, (topic, [0])), "asked of another node", node=2)
    if talk.version >= 2:
        talk.ask(fetch(talk, group, all_of_them=True), "all")
        talk.ask(fetch(talk, talk.fresh("none"), all_of_them=True), "all of no group")
    if talk.version >= 7:
        talk.ask(fetch(talk, group, (topic, [0]), require_stable=True), "what is stable")


@case(FETCH, "of several groups", since=8)
def _(talk: Talk) -> None:
    topic, group, other = talk.topic("groups", 1, 1), talk.fresh("g"), talk.fresh("h")
    talk.quietly(commit(group, (topic, 0, 5)))
    talk.quietly(commit(other, (topic, 1, 6)))
    both = fetch(talk, group, all_of_them=True)
    both.groups += fetch(talk, other, (topic, [0, 1])).groups + fetch(talk, talk.fresh("none"), (topic, [0])).groups
    talk.ask(both, "two and one that isn't there")
    talk.ask(OffsetFetchRequest(groups=[]), "of none")
    twice = fetch(talk, group, all_of_them=True)
    twice.groups *= 2
    talk.ask(twice, "of one twice")


@case(FETCH, "by a member", since=9)
def _(talk: Talk) -> None:
    topic, group = talk.topic("groups", 1, 1), talk.fresh("g")
    member = stable(talk, group)
    for step, (name, epoch) in {
        "of the group": (member, 1),
        "no such member": ("matrix-unknown", 1),
        "a wrong epoch": (member, 9),
        "an epoch alone": (None, 1),
    }.items():
        request = fetch(talk, group, (topic, [0]))
        request.groups[0].member_id, request.groups[0].member_epoch = name, epoch
        talk.ask(request, step)


def offset_delete(group: str, *parts: tuple[str, int]) -> OffsetDeleteRequest:
    topics = [
        OffsetDeleteRequestTopic(name=name, partitions=[OffsetDeleteRequestPartition(partition_index=n)])
        for name, n in parts
    ]
    return OffsetDeleteRequest(group_id=group, topics=topics)


@case(OFFSET_DELETE, "right and wrong")
def _(talk: Talk) -> None:
    topic, group = talk.topic("groups", 1, 1), talk.fresh("g")
    talk.quietly(commit(group, (topic, 0, 5)))
    talk.ask(offset_delete(group, (topic.name, 1)), "what wasn't committed")
    talk.ask(offset_delete(group, (topic.name, 7)), "no such partition")
    talk.ask(offset_delete(group, ("nowhere", 0)), "no such topic")
    talk.ask(offset_delete(group), "nothing")
    talk.ask(offset_delete(talk.fresh("none"), (topic.name, 0)), "no such group")
    talk.ask(offset_delete("", (topic.name, 0)), "no group")
    talk.ask(offset_delete(group, (topic.name, 0)), "asked of another node", node=2)
    talk.ask(offset_delete(group, (topic.name, 0), ("nowhere", 0)), "one of two is there")
    talk.ask(offset_delete(group, (topic.name, 0)), "again")


@case(OFFSET_DELETE, "of a group with members")
def _(talk: Talk) -> None:
    topic, group = talk.topic("groups", 1, 1), talk.fresh("g")
    subscribed = b"\x00\x00\x00\x00\x00\x01\x00\x06groups\xff\xff\xff\xff"
    member = joined(talk, group, protocols={"range": subscribed})
    talk.quietly(sync(group, member, 1, {member: b""}), version=5)
    own: dict[str, Any] = {"member_id": member, "generation_id_or_member_epoch": 1}
    other = talk.topic("groups-other")
    talk.quietly(commit(group, (topic, 0, 5), (other, 0, 5), **own))
    talk.ask(offset_delete(group, (topic.name, 0)), "of a topic that it reads")
    talk.ask(offset_delete(group, (other.name, 0)), "of a topic that nobody reads")
