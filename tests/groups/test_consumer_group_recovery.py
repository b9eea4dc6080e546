"""What a shard knows of consumer groups is what is in its log: fed live, by members of both protocols that do anything,
with appends that are held, late, refused or lost, it is at every moment what another one makes of the log alone.
"""

from __future__ import annotations

from typing import Any

import pytest
from groups.driving import REBALANCE_MS, SESSION_MS, Driven
from groups.migrating import ORDERS, TOPICS, USERS, assignment, subscription
from groups.test_group_recovery import compacted, offsets_of, picture
from hypothesis import given
from hypothesis import strategies as st

from actors.coordinator.effects import LogEntry
from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.states import GroupState
from actors.groups.consumer.group import ConsumerGroup
from actors.groups.consumer.member import JOINING, LEAVING, LEAVING_FOR_NOW
from actors.groups.records import decode_entry
from actors.groups.settings import GroupSettings
from actors.groups.shard import GroupShard
from actors.groups.topics import FixedTopics, TopicInfo
from actors.simulation.coordinator_judge import WRITTEN
from kstore import checked, errors
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
)
from kstore.schema.messages.heartbeat import HeartbeatRequest

NAMES = ("g", "h")
IDS = ("A", "B", "C")
LATE_TOPIC = TopicInfo(b"l" * 16, 2)
CONSUMER_SESSION_MS = 45_000

STEP = st.tuples(
    st.sampled_from(
        "begin begin beat beat beat old-beat leave away static regex "
        "classic-join classic-join sync classic-beat classic-leave "
        "commit late-commit topic time hold store store refuse late restart".split()
    ),
    st.sampled_from(NAMES),
    st.integers(0, 5),
    st.sampled_from([0, 1, 500, SESSION_MS, CONSUMER_SESSION_MS, REBALANCE_MS]),
)


def owned(parts: Any) -> list[ConsumerGroupHeartbeatRequestTopicPartitions]:
    return [
        ConsumerGroupHeartbeatRequestTopicPartitions(
            topic_id=topic_id, partitions=sorted(number for each, number in parts if each == topic_id)
        )
        for topic_id in sorted({each for each, _ in parts})
    ]


def written(group: ConsumerGroup) -> dict[str, object]:
    return {name: getattr(group, name) for name in WRITTEN}


class Life:
    """Shards over one log, one after the other, and members that do anything."""

    def __init__(self) -> None:
        self.topics = FixedTopics(TOPICS)
        self.asked = 0
        self.driven = self._driven([])

    def _driven(self, log: list[LogEntry]) -> Driven:
        driven = Driven(group_initial_rebalance_delay_ms=500, group_max_size=4)
        driven.shard = GroupShard(driven.settings, driven._next_id, None, self.topics, driven._configs_of)
        driven.timers.clear()
        for key, value in log:
            driven.shard.replay(key, value, driven.now_ms)
        driven.log = list(log)
        driven.ids_begin_at(self.asked * 100)
        driven.carry_out(driven.shard.loaded(driven.now_ms))
        return driven

    def beat(self, name: str, member_id: str, epoch: int, **fields: Any) -> None:
        request = ConsumerGroupHeartbeatRequest(group_id=name, member_id=member_id, member_epoch=epoch, **fields)
        self.driven.ask(request, f"reply {self.asked}", 1)

    def step(self, what: str, name: str, index: int, duration_ms: int) -> None:
        self.asked += 1
        if what in ("time", "hold", "store", "refuse", "late", "restart", "topic"):
            self.step_world(what, index, duration_ms)
        elif what.startswith(("classic", "sync")):
            self.step_classic(what, name, index)
        elif what.endswith("commit"):
            self.commit(what, name, index)
        else:
            self.step_member(what, name, index)

    def step_member(self, what: str, name: str, index: int) -> None:
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

    def step_classic(self, what: str, name: str, index: int) -> None:
        driven, group = self.driven, self.driven.shard.groups.get(name)
        reply = f"reply {self.asked}"
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
        self.driven.send_commit(f"reply {self.asked}", offsets, member_id, epoch, group=name, topic_id=ORDERS)

    def step_world(self, what: str, index: int, duration_ms: int) -> None:
        driven = self.driven
        match what:
            case "topic":
                more = {"orders-late": LATE_TOPIC} if index % 2 else {}
                self.topics.set({"orders": TopicInfo(ORDERS, 4 + index // 2), "users": TopicInfo(USERS, 2), **more})
            case "time":
                driven.pass_ms(duration_ms)
            case "hold":
                driven.is_held = not driven.is_held
            case "store" if driven.held:
                driven.commit()
            case "refuse" if driven.held:
                driven.refuse(errors.NotEnoughReplicas(), index % len(driven.held))
            case "late" if driven.held:
                driven.overdue(index % len(driven.held))
            case "restart":
                # What was under way may be in the log or not, but none of it without what was before it.
                arrived = [
                    entry for append in driven.held[: index % (len(driven.held) + 1)] for entry in append.entries
                ]
                self.driven = self._driven(driven.log + arrived)

    def replayed(self, log: list[LogEntry]) -> GroupShard:
        shard = GroupShard(GroupSettings(), lambda: "no new member", None, self.topics)
        for key, value in log:
            shard.replay(key, value, 0)
        return shard

    def check(self) -> None:
        live, log = self.driven.shard, self.driven.log
        again, once = self.replayed(log), self.replayed(compacted(log))
        assert offsets_of(live) == offsets_of(again) == offsets_of(once)
        assert {each.group_id for each in live.groups.values() if each.is_committed} == set(again.groups)
        entries = [entry for append in self.driven.held for entry in append.entries]
        under_way = {record.group_id for entry in entries if (record := decode_entry(*entry)) is not None}
        for group in live.groups.values():
            if isinstance(group, ConsumerGroup):
                if group.is_committed:
                    self.compare(group, again, once)
            elif getattr(group, "state", None) is GroupState.STABLE and group.group_id not in under_way:
                assert picture(group) == picture(again.groups[group.group_id])

    def compare(self, group: ConsumerGroup, again: GroupShard, once: GroupShard) -> None:
        """A consumer group is never ahead of its log."""
        for shard in (again, once):
            found = shard.groups[group.group_id]
            assert isinstance(found, ConsumerGroup)
            assert written(found) == written(group)


@given(st.lists(STEP, min_size=20, max_size=80))
def test_a_consumer_group_is_at_every_moment_what_another_shard_makes_of_its_log(
    steps: list[tuple[str, str, int, int]],
) -> None:
    life = Life()
    with checked.turned_on():
        for step in steps:
            before = len(life.driven.log)
            life.step(*step)
            if len(life.driven.log) != before or step[0] in ("refuse", "late"):
                life.check()
        life.check()
        while life.driven.held:
            life.driven.commit()
            life.check()


@given(st.lists(STEP, min_size=20, max_size=60))
def test_appends_that_are_all_refused_leave_no_consumer_group_behind(steps: list[tuple[str, str, int, int]]) -> None:
    life = Life()
    life.driven.is_held = True
    for step in steps:
        if step[0] not in ("hold", "store", "restart"):
            life.step(*step)
    while life.driven.held:
        life.driven.refuse(errors.NotLeaderOrFollower())
    assert not offsets_of(life.driven.shard)
    assert not [each for each in life.driven.shard.groups.values() if each.is_committed]
    life.driven.shard.check()


def two_members() -> tuple[Life, ConsumerGroup]:
    """A and B, each with two partitions of four."""
    life = Life()
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
    before = written(life.driven.shard.groups["g"])  # type: ignore[arg-type]
    life.step("restart", "g", 0, 0)
    found = life.driven.shard.groups["g"]
    assert isinstance(found, ConsumerGroup)
    assert written(found) == before
    holders = [member for member in found.members.values() if member.revoking]
    assert holders
    assert all(found.owners[each] == member.member_id for member in holders for each in member.revoking)
    life.driven.pass_ms(REBALANCE_MS)
    assert not any(member.member_id in found.members for member in holders), "it has had all its time again"
    life.check()
