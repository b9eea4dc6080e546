"""Cases of the groups' own requests: joining, syncing, heartbeats, leaving, describing, listing, deleting.

What several members do to each other in time is held against Kafka elsewhere, in the scripts of ``tests/groups``.
"""

from __future__ import annotations

from typing import Any

from groups.requests_of_groups import beat, commit, join, leave, old_sync, sync
from matrix.case import Talk, case
from matrix.raw import Silence

from kstore.schema.messages.delete_groups import DeleteGroupsRequest
from kstore.schema.messages.describe_groups import DescribeGroupsRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest
from kstore.schema.messages.list_groups import ListGroupsRequest

JOIN, HEARTBEAT, LEAVE, SYNC, DESCRIBE, LIST, DELETE = 11, 12, 13, 14, 15, 16, 42
MEMBER_ID_FIRST_FROM = 4


def joined(talk: Talk, group: str, **fields: Any) -> str:
    """A group of one member, in generation 1, that awaits its assignment; the member's id."""
    first = talk.quietly(join(group, **fields), version=9)
    if first.error_code:
        first = talk.quietly(join(group, first.member_id, **fields), version=9)
    assert first.error_code == 0, first
    return str(first.member_id)


def stable(talk: Talk, group: str, **fields: Any) -> str:
    """A group of one member that has its assignment."""
    member = joined(talk, group, **fields)
    answer = talk.quietly(sync(group, member, 1, {member: b"share"}, **fields), version=5)
    assert answer.error_code == 0, answer
    return member


@case(JOIN, "a group")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    first = talk.ask(join(group), "a new member")
    if first.error_code == 79:
        talk.ask(join(group, first.member_id), "with the id that was given")
    talk.ask(join(group, first.member_id), "again")
    talk.ask(join(group, "matrix-unknown"), "with an id that nobody has")
    talk.ask(join(talk.fresh("none"), "matrix-unknown"), "with an id in a group that nobody has")
    talk.ask(join(group, protocol_type="connect"), "of another protocol type")
    talk.ask(join(group, protocols={"other": b""}), "with no protocol in common")
    if talk.version >= 5:
        talk.ask(join(group, first.member_id, group_instance_id="nobody"), "as an instance that nobody is")
    if talk.version >= 8:
        talk.ask(join(group, first.member_id, reason="because"), "with a reason")


@case(JOIN, "wrong")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    talk.ask(join(""), "no group")
    talk.ask(join(group, session_timeout_ms=5_999), "a session too short")
    talk.ask(join(group, session_timeout_ms=1_800_001), "a session too long")
    talk.ask(join(group, session_timeout_ms=-1), "a negative session")
    talk.ask(join(group, protocols={}), "no protocols")
    talk.ask(join(group, protocol_type=""), "no protocol type")
    talk.ask(join(group), "asked of another node", node=2)
    if talk.version >= 5:
        for number, name in enumerate(("", ".", "a b", "x" * 250)):
            own = join(talk.fresh(str(number)), group_instance_id=name)
            talk.ask(own, f"instance {name[:9]!r}", via=f"instance {name[:9]}")


@case(JOIN, "a static member", since=5)
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    fields = {"group_instance_id": "i"}
    first = talk.ask(join(group, **fields), "a new one")
    talk.quietly(sync(group, first.member_id, 1, {first.member_id: b"s"}, **fields), version=5)
    second = talk.ask(join(group, **fields), "in its place")
    talk.ask(join(group, first.member_id, **fields), "by its old id")
    talk.ask(join(group, second.member_id, **fields), "by its new id")
    talk.ask(join(group, second.member_id, **fields, protocols={"other": b"x", "range": b""}), "with other protocols")


@case(JOIN, "two members")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    first = stable(talk, group)
    second = ""
    if talk.version >= MEMBER_ID_FIRST_FROM:
        second = talk.ask(join(group), "the second's id", via="b").member_id
    talk.send(join(group, second), "the second", via="b")
    talk.settle(beat(group, first, 1), lambda answer: answer.error_code == 27)
    talk.ask(join(group, first), "the first")
    talk.receive(via="b")


def rebalancing(talk: Talk, group: str) -> str:
    """A group that waits for its first member, since a second has come; the first's id."""
    first = stable(talk, group)
    talk.send_quietly(join(group, talk.quietly(join(group), version=9).member_id), version=9)
    talk.settle(beat(group, first, 1), lambda answer: answer.error_code == 27)
    return first


@case(JOIN, "one too many")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    talk.quietly(join(group, rebalancing(talk, group)), version=9)
    third = talk.ask(join(group), "a third of two")
    if third.error_code == 79:
        talk.ask(join(group, third.member_id), "with the id that was given")


@case(HEARTBEAT, "while others join")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    first = rebalancing(talk, group)
    talk.ask(beat(group, first, 1), "of a member")
    talk.ask(beat(group, first, 2), "in a generation to come")


@case(SYNC, "while others join")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    first = rebalancing(talk, group)
    talk.ask(sync_as(talk)(group, first, 1), "of a member")


@case(DESCRIBE, "while others join")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    rebalancing(talk, group)
    talk.ask(DescribeGroupsRequest(groups=[group]), "the group")


def sync_as(talk: Talk) -> Any:
    """``sync`` with the protocol named where the version can."""
    return sync if talk.version >= 5 else old_sync


@case(SYNC, "right and wrong")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    build = sync_as(talk)
    member = joined(talk, group)
    talk.ask(build(group, member, 0), "an old generation")
    talk.ask(build(group, member, 2), "a generation to come")
    talk.ask(build(group, "matrix-unknown", 1), "no such member")
    talk.ask(build(talk.fresh("none"), member, 1), "no such group")
    talk.ask(build("", member, 1), "no group")
    talk.ask(build(group, member, 1), "asked of another node", node=2)
    if talk.version >= 3:
        talk.ask(sync(group, member, 1, group_instance_id="nobody"), "as an instance that nobody is")
    if talk.version >= 5:
        talk.ask(sync(group, member, 1, protocol_name="other"), "another protocol")
        talk.ask(sync(group, member, 1, protocol_type="other"), "another protocol type")
        talk.ask(sync(group, member, 1, protocol_name=None), "no protocol")
        talk.ask(sync(group, member, 1, protocol_type=None), "no protocol type")
    talk.ask(build(group, member, 1, {member: b"share", "stranger": b"other"}), "the leader's")
    talk.ask(build(group, member, 1), "again")


@case(HEARTBEAT, "right and wrong")
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    member = joined(talk, group)
    talk.ask(beat(group, member, 1), "before the assignment")
    talk.quietly(sync(group, member, 1, {member: b""}), version=5)
    talk.ask(beat(group, member, 1), "in its generation")
    talk.ask(beat(group, member, 0), "in an old generation")
    talk.ask(beat(group, member, 2), "in a generation to come")
    talk.ask(beat(group, "matrix-unknown", 1), "no such member")
    talk.ask(beat(group, "", 1), "no member")
    talk.ask(beat(talk.fresh("none"), member, 1), "no such group")
    talk.ask(beat("", member, 1), "no group")
    talk.ask(beat(group, member, 1), "asked of another node", node=2)
    if talk.version >= 3:
        talk.ask(beat(group, member, 1, "nobody"), "as an instance that nobody is")
        static = talk.fresh("static")
        first = stable(talk, static, group_instance_id="i")
        talk.quietly(join(static, group_instance_id="i"), version=9)
        talk.ask(beat(static, first, 1, "i"), "as one whose place was taken")


@case(LEAVE, "alone", until=2)
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    member = stable(talk, group)
    for name, (of, who) in {
        "no such member": (group, "matrix-unknown"),
        "no member": (group, ""),
        "no such group": (talk.fresh("none"), member),
        "no group": ("", member),
        "a member": (group, member),
        "again": (group, member),
    }.items():
        talk.ask(LeaveGroupRequest(group_id=of, member_id=who), name)
    talk.ask(LeaveGroupRequest(group_id=group, member_id=member), "asked of another node", node=2)


@case(LEAVE, "several", since=3)
def _(talk: Talk) -> None:
    group = talk.fresh("g")
    member = stable(talk, group, group_instance_id="i")
    talk.ask(leave(group, ("matrix-unknown", None), ("", "nobody"), ("", None)), "none that is there")
    talk.ask(leave(group, ("matrix-unknown", "i")), "by another's id")
    talk.ask(leave(talk.fresh("none"), (member, None)), "no such group")
    talk.ask(leave("", (member, None)), "no group")
    talk.ask(leave(group), "nobody")
    talk.ask(leave(group, (member, None)), "asked of another node", node=2)
    talk.ask(leave(group, ("", "i"), ("", "i")), "one twice")
    talk.ask(leave(group, (member, "i")), "again")


@case(DESCRIBE, "groups")
def _(talk: Talk) -> None:
    joining, steady, empty = talk.fresh("joining"), talk.fresh("steady"), talk.fresh("empty")
    joined(talk, joining)
    stable(talk, steady, group_instance_id="i")
    talk.quietly(commit(empty, 1, topics=(talk.topic("groups", 1, 1).name,)), version=9)
    talk.ask(DescribeGroupsRequest(groups=[steady]), "a steady one")
    talk.ask(DescribeGroupsRequest(groups=[joining]), "one in the midst of it")
    talk.ask(DescribeGroupsRequest(groups=[empty]), "one without members")
    talk.ask(DescribeGroupsRequest(groups=[talk.fresh("none")]), "none")
    talk.ask(DescribeGroupsRequest(groups=[""]), "one without a name")
    talk.ask(DescribeGroupsRequest(groups=[]), "nothing")
    talk.ask(DescribeGroupsRequest(groups=[steady, talk.fresh("none"), steady]), "one twice, and one that isn't there")
    talk.ask(DescribeGroupsRequest(groups=[steady]), "asked of another node", node=2)
    if talk.version >= 3:
        talk.ask(DescribeGroupsRequest(groups=[steady], include_authorized_operations=True), "with what may be done")


@case(LIST, "groups")
def _(talk: Talk) -> None:
    stable(talk, talk.fresh("steady"))
    talk.quietly(commit(talk.fresh("empty"), 1, topics=(talk.topic("groups", 1, 1).name,)), version=9)

    def listed(step: str, node: int = 1, states: tuple[str, ...] = (), types: tuple[str, ...] = ()) -> None:
        """Note the groups of this talk only."""
        request = ListGroupsRequest(states_filter=list(states), types_filter=list(types))
        answer = talk.quietly(request, node=node, version=talk.version)
        if not isinstance(answer, Silence):
            answer.groups = [each for each in answer.groups if each.group_id.startswith(talk.labels.prefix)]
        talk.note(step, answer, talk.version)

    listed("all")
    listed("asked of another node", node=2)
    if talk.version >= 4:
        for states in (("Stable",), ("stable", "EMPTY"), ("Dead",), ("nonsense",), ("",)):
            listed(f"in state {' '.join(states)}", states=states)
    if talk.version >= 5:
        for types in (("classic",), ("Classic", "consumer"), ("consumer",), ("nonsense",), ("",)):
            listed(f"of type {' '.join(types)}", types=types)
        listed("of a state and a type", states=("Empty",), types=("classic",))


@case(DELETE, "groups")
def _(talk: Talk) -> None:
    steady, empty = talk.fresh("steady"), talk.fresh("empty")
    stable(talk, steady)
    talk.quietly(commit(empty, 1, topics=(talk.topic("groups", 1, 1).name,)), version=9)
    talk.ask(DeleteGroupsRequest(groups_names=[steady]), "one that has members")
    talk.ask(DeleteGroupsRequest(groups_names=[talk.fresh("none")]), "none")
    talk.ask(DeleteGroupsRequest(groups_names=[""]), "one without a name")
    talk.ask(DeleteGroupsRequest(groups_names=[]), "nothing")
    talk.ask(DeleteGroupsRequest(groups_names=[empty]), "asked of another node", node=2)
    talk.ask(DeleteGroupsRequest(groups_names=[empty, talk.fresh("none"), steady]), "one of three can go")
    talk.ask(DeleteGroupsRequest(groups_names=[empty, empty]), "one twice")
