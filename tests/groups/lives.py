"""Lives of a shard: whatever its clients do, with appends that are held, late, refused or lost, and shards over one log
one after the other. What a shard knows is what is in its log: at every moment it is what another one makes of the log.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NoReturn, TypeAlias

from groups.driving import SESSION_MS, Driven
from hypothesis import strategies as st

from actors.coordinator.effects import LogEntry
from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.states import GroupState
from actors.groups.consumer.group import ConsumerGroup
from actors.groups.group_interface import Group
from actors.groups.offsets import OffsetKey
from actors.groups.records import CommittedOffset, OffsetRecord, decode_entry
from actors.groups.settings import GroupSettings
from actors.groups.shard import GroupShard
from actors.groups.topics import FixedTopics, TopicInfo
from actors.simulation.coordinator_judge import WRITTEN
from kstore import checked, errors

Step: TypeAlias = tuple[str, str, int, int]
"""What is done, in which group, a number that makes a difference, and how much time passes if any does."""

WORLD = "time hold store store refuse late restart"
"""What happens in every life."""


def steps(own: str, groups: tuple[str, ...], durations_ms: list[int]) -> st.SearchStrategy[Step]:
    """Those of a life with its ``own`` ones, some words that may come twice to be drawn more often."""
    return st.tuples(
        st.sampled_from([*own.split(), *WORLD.split()]),
        st.sampled_from(groups),
        st.integers(0, 5),
        st.sampled_from(durations_ms),
    )


def compacted(log: list[LogEntry]) -> list[LogEntry]:
    """Of each key the last record, where it stands, and of a tombstone nothing."""
    last = {key: at for at, (key, _) in enumerate(log)}
    return [(key, value) for at, (key, value) in enumerate(log) if last[key] == at and value is not None]


def offsets_of(shard: GroupShard) -> dict[OffsetKey, CommittedOffset]:
    """All that are committed: the shard has a group for each."""
    return {
        OffsetKey(group_id, topic, partition): committed
        for group_id in shard.groups
        for topic, partitions in shard.offsets.of_group(group_id).items()
        for partition, committed in partitions.items()
    }


def picture(group: Group | None) -> dict[str, object]:
    """All that the records of a group have."""
    if isinstance(group, ConsumerGroup):
        return {name: getattr(group, name) for name in WRITTEN}
    assert isinstance(group, ClassicGroup)
    members = {
        each.member_id: (
            each.group_instance_id,
            each.client_id,
            each.client_host,
            each.session_timeout_ms,
            each.rebalance_timeout_ms,
            each.metadata(group.protocol_name or ""),
            each.assignment,
        )
        for each in group.members.values()
    }
    return {
        "generation": group.generation_id,
        "protocol": (group.protocol_type, group.protocol_name),
        "leader": group.leader_id,
        "members": members,
    }


class Life(ABC):
    """Shards over one log, one after the other, and what happens to them."""

    def __init__(self, topics: dict[str, TopicInfo] | None = None, **settings: Any) -> None:
        self.topics = FixedTopics(topics)
        self.settings = settings
        self.asked = 0
        self.driven = Driven(topics=self.topics, **settings)

    @abstractmethod
    def act(self, what: str, name: str, index: int, duration_ms: int) -> None:
        """Do one of its own steps."""

    @property
    def reply(self) -> str:
        """What the request of this step is answered to."""
        return f"reply {self.asked}"

    def step(self, what: str, name: str = "g", index: int = 0, duration_ms: int = SESSION_MS) -> None:
        """Do one."""
        self.asked += 1
        driven = self.driven
        match what:
            case "time":
                driven.pass_ms(duration_ms)
            case "hold":
                driven.is_held = not driven.is_held
            case "store" | "refuse" | "late" if not driven.held:
                return
            case "store":
                driven.commit()
            case "refuse":
                driven.refuse(errors.NotEnoughReplicas(), index % len(driven.held))
            case "late":
                driven.overdue(index % len(driven.held))
            case "restart":
                # What was under way may be in the log or not, but none of it without what was before it.
                arrived = [each for append in driven.held[: index % (len(driven.held) + 1)] for each in append.entries]
                self.restart([*driven.log, *arrived])
            case _:
                self.act(what, name, index, duration_ms)

    def restart(self, log: list[LogEntry]) -> None:
        """Have another shard go on from a log."""
        now_ms = self.driven.now_ms
        self.driven = Driven(log=log, topics=self.topics, now_ms=now_ms, ids_from=self.asked * 100, **self.settings)

    def live(self, steps_of_it: list[Step]) -> None:
        """Do steps, and look after each that may have changed what is in the log or in the groups."""
        with checked.turned_on():
            for step in steps_of_it:
                before = len(self.driven.log)
                self.step(*step)
                if len(self.driven.log) != before or step[0] in ("refuse", "late"):
                    self.check()
            self.check()
            while self.driven.held:
                self.driven.commit()
                self.check()

    def live_in_vain(self, steps_of_it: list[Step]) -> None:
        """Do steps while nothing reaches the log: all appends are refused in the end, and nothing is left."""
        self.driven.is_held = True
        for step in steps_of_it:
            if step[0] not in ("hold", "store", "restart"):
                self.step(*step)
        while self.driven.held:
            self.driven.refuse(errors.NotLeaderOrFollower())
        self.driven.is_held = False
        assert not offsets_of(self.driven.shard)
        assert not [each for each in self.driven.shard.groups.values() if each.is_committed]
        self.driven.shard.check()

    def replayed(self, log: list[LogEntry]) -> GroupShard:
        """What another shard makes of a log."""
        shard = GroupShard(GroupSettings(), _no_new_member, None, self.topics)
        for key, value in log:
            shard.replay(key, value, 0)
        return shard

    def check(self) -> None:
        """Assert that the log, and what compaction leaves of it, says what the shard knows."""
        live, log = self.driven.shard, self.driven.log
        again, once = self.replayed(log), self.replayed(compacted(log))
        assert offsets_of(live) == offsets_of(again) == offsets_of(once)
        assert {each.group_id for each in live.groups.values() if each.is_committed} == set(again.groups)
        entries = [decode_entry(*entry) for append in self.driven.held for entry in append.entries]
        ahead = {each.group_id for each in entries if each is not None and not isinstance(each, OffsetRecord)}
        for group in live.groups.values():
            is_ahead = isinstance(group, ClassicGroup) and (
                group.state is not GroupState.STABLE or group.group_id in ahead
            )
            if group.is_committed and not is_ahead:  # a consumer group never is
                expected = picture(group)
                assert picture(again.groups.get(group.group_id)) == expected
                assert picture(once.groups.get(group.group_id)) == expected


def _no_new_member() -> NoReturn:
    raise AssertionError("a shard that reads makes no member")
