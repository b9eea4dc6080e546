"""What a shard knows of consumer groups is what is in its log: fed live, by members of both protocols that do anything,
with appends that are held, late, refused or lost, it is at every moment what another one makes of the log alone.
"""

from __future__ import annotations

from typing import Any

import pytest
from groups.driving import REBALANCE_MS, SESSION_MS
from groups.lives import Life, Step, picture, steps
from groups.migrating import ORDERS, TOPICS, USERS, assignment, subscription
from hypothesis import given
from hypothesis import strategies as st

from actors.groups.classic.group import ClassicGroup
from actors.groups.consumer.group import ConsumerGroup
from actors.groups.consumer.member import JOINING, LEAVING, LEAVING_FOR_NOW
from actors.groups.topics import TopicInfo
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
)
from kstore.schema.messages.heartbeat import HeartbeatRequest

IDS = ("A", "B", "C")
LATE_TOPIC = TopicInfo(b"l" * 16, 2)
CONSUMER_SESSION_MS = 45_000

STEPS = steps(
    "begin begin beat beat beat old-beat leave away static regex "
    "classic-join classic-join sync classic-beat classic-leave commit late-commit topic",
    ("g", "h"),
    [0, 1, 500, SESSION_MS, CONSUMER_SESSION_MS, REBALANCE_MS],
)


def owned(parts: Any) -> list[ConsumerGroupHeartbeatRequestTopicPartitions]:
    return [
        ConsumerGroupHeartbeatRequestTopicPartitions(
            topic_id=topic_id, partitions=sorted(number for each, number in parts if each == topic_id)
        )
        for topic_id in sorted({each for each, _ in parts})
    ]


class ConsumerLife(Life):
    """Members of both protocols that do anything, and topics that change."""

    def __init__(self) -> None:
        super().__init__(TOPICS, group_initial_rebalance_delay_ms=500, group_max_size=4)

    def beat(self, name: str, member_id: str, epoch: int, **fields: Any) -> None:
        request = ConsumerGroupHeartbeatRequest(group_id=name, member_id=member_id, member_epoch=epoch, **fields)
        self.driven.ask(request, self.reply, 1)

    def act(self, what: str, name: str, index: int, duration_ms: int) -> None:
        if what == "topic":
            more = {"orders-late": LATE_TOPIC} if index % 2 else {}
            self.topics.set({"orders": TopicInfo(ORDERS, 4 + index // 2), "users": TopicInfo(USERS, 2), **more})
        elif what.startswith(("classic", "sync")):
            self.act_as_classic_member(what, name, index)
        elif what.endswith("commit"):
            self.commit(what, name, index)
        else:
            self.act_as_member(what, name, index)

    def act_as_member(self, what: str, name: str, index: int) -> None:
        group = self.driven.shard.groups.get(name)
        member_id = IDS[index % 3]
        member = group.members.get(member_id) if isinstance(group, ConsumerGroup) else None
        wanted = {"subscribed_topic_names": ["orders", "users"][: 1 + index % 2], "topic_partitions": []}
        instance = None if member is None else member.instance_id
        match what:
            case "begin":
                self.beat(name, member_id, JOINING, rebalance_timeout_ms=REBALANCE_MS, **wanted)
            case "static":
                who, instance = f"{member_id}{self.asked}", f"instance-{index % 2}"
                self.beat(name, who, JOINING, instance_id=instance, rebalance_timeout_ms=REBALANCE_MS, **wanted)
            case "regex":
                pattern = ("orders.*", "users|orders", ".*")[index % 3]
                self.beat(
                    name,
                    member_id,
                    JOINING,
                    rebalance_timeout_ms=REBALANCE_MS,
                    subscribed_topic_regex=pattern,
                    topic_partitions=[],
                )
            case "beat" if member is not None:
                keeps = member.assigned if index < 4 else {**member.assigned, **member.revoking}
                self.beat(name, member_id, member.epoch, instance_id=instance, topic_partitions=owned(keeps))
            case "old-beat" if member is not None:
                self.beat(name, member_id, member.previous_epoch, instance_id=instance)
            case "leave":
                self.beat(name, member_id, LEAVING, instance_id=instance)
            case "away" if isinstance(group, ConsumerGroup) and group.static_members:
                instance, who = min(group.static_members.items())
                self.beat(name, who, LEAVING_FOR_NOW, instance_id=instance)

    def act_as_classic_member(self, what: str, name: str, index: int) -> None:
        driven, group = self.driven, self.driven.shard.groups.get(name)
        reply = self.reply
        ids = [] if group is None else [*getattr(group, "members", ()), *getattr(group, "pending_joins", ())]
        member_id = ids[index % len(ids)] if ids else ""
        known = None if group is None else getattr(group, "members", {}).get(member_id)
        generation = group.generation_id if isinstance(group, ClassicGroup) else getattr(known, "epoch", 0)
        protocols = (("range", subscription("orders", *(["users"] if index % 2 else []))),)
        match what:
            case "classic-join":
                who = member_id if index < 3 else ""
                driven.send_join(reply, who, group=name, protocols=protocols, version=3 + index)
            case "sync":
                leads = isinstance(group, ClassicGroup) and group.is_leader(member_id)
                shares = {each: assignment(number) for number, each in enumerate(ids)} if leads else None
                driven.send_sync(reply, member_id, generation, shares, group=name, protocol_name=None)
            case "classic-beat":
                request = HeartbeatRequest(group_id=name, generation_id=generation, member_id=member_id)
                driven.ask(request, reply, 4)
            case "classic-leave":
                driven.send_leave(reply, (member_id, None), group=name)

    def commit(self, what: str, name: str, index: int) -> None:
        group = self.driven.shard.groups.get(name)
        members = group.members if isinstance(group, ConsumerGroup) else {}
        member_id = min(members, default="")
        epoch = -1 if not member_id else getattr(members[member_id], "epoch", -1) - (what == "late-commit")
        offsets = {("orders", index % 4): self.asked}
        self.driven.send_commit(self.reply, offsets, member_id, epoch, group=name, topic_id=ORDERS)


@given(st.lists(STEPS, min_size=20, max_size=80))
def test_a_consumer_group_is_at_every_moment_what_another_shard_makes_of_its_log(life: list[Step]) -> None:
    ConsumerLife().live(life)


@given(st.lists(STEPS, min_size=20, max_size=60))
def test_appends_that_are_all_refused_leave_no_consumer_group_behind(life: list[Step]) -> None:
    ConsumerLife().live_in_vain(life)


@pytest.mark.parametrize("is_next_stored", [True, False])
def test_offsets_that_reach_the_log_before_their_consumer_group_make_a_classic_one(is_next_stored: bool) -> None:
    life = ConsumerLife()
    for what in ("hold", "begin", "begin", "commit", "refuse", "store"):  # the second join waits for the first
        life.step(what)
    life.check()
    assert life.driven.describe().group_state == "Empty", "its only record is an offset"
    life.step("store" if is_next_stored else "refuse")
    life.check()
    found = life.driven.shard.groups["g"]
    assert found.group_type == ("consumer" if is_next_stored else "classic")
    assert found.member_count == is_next_stored
    assert life.driven.fetch("orders") is not None


def two_members() -> tuple[ConsumerLife, ConsumerGroup]:
    """A and B, each with two partitions of four."""
    life = ConsumerLife()
    for what, index in (("begin", 0), ("begin", 1)):
        life.step(what, "g", index * 4, 0)
    for index in (0, 0, 4, 0):
        life.step("beat", "g", index, 0)
    group = life.driven.shard.groups["g"]
    assert isinstance(group, ConsumerGroup)
    return life, group


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_coordinator_that_moves_in_the_midst_of_a_join_has_the_member_or_has_not(is_stored: bool) -> None:
    life, group = two_members()
    life.step("hold", "g", 0, 0)
    life.step("begin", "g", 2, 0)
    assert len(life.driven.held) == 1
    life.step("restart", "g", int(is_stored), 0)
    found = life.driven.shard.groups["g"]
    assert isinstance(found, ConsumerGroup)
    assert set(found.members) == ({"A", "B", "C"} if is_stored else {"A", "B"})
    assert found.epoch == group.epoch + is_stored
    life.check()


def test_a_coordinator_that_moves_in_the_midst_of_a_revocation_goes_on_waiting_for_it() -> None:
    life, _ = two_members()
    life.step("begin", "g", 2, 0)
    life.step("beat", "g", 4, 0)  # B is told to give something up, or A is
    life.step("beat", "g", 3, 0)
    before = picture(life.driven.shard.groups["g"])
    life.step("restart", "g", 0, 0)
    found = life.driven.shard.groups["g"]
    assert isinstance(found, ConsumerGroup)
    assert picture(found) == before
    holders = [member for member in found.members.values() if member.revoking]
    assert holders
    assert all(found.owners[each] == member.member_id for member in holders for each in member.revoking)
    life.driven.pass_ms(REBALANCE_MS)
    assert not any(member.member_id in found.members for member in holders), "it has had all its time again"
    life.check()
