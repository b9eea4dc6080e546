"""Groups of both protocols in random order, with appends that are held, late, refused or lost: a shard is what another
one makes of its log, and when faults end the group settles, whatever it has become.
"""

from __future__ import annotations

from groups.driving import Driven
from groups.migrating import TOPICS
from groups.migrating_clients import PARTITIONS, REBALANCE_MS, SESSION_MS, ClassicOne, Client, ConsumerOne
from groups.requests_of_groups import leave
from hypothesis import given
from hypothesis import strategies as st

from actors.coordinator.effects import LogEntry
from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.states import GroupState
from actors.groups.consumer.group import ConsumerGroup
from actors.groups.records import OffsetRecord, decode_entry
from actors.groups.settings import GroupSettings
from actors.groups.shard import GroupShard
from kstore import checked, errors
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest

STEP = st.tuples(
    st.sampled_from(
        "eager cooperative consumer static-classic static-consumer act act act act all all leave vanish lose "
        "time hold store store refuse late restart".split()
    ),
    st.integers(0, 5),
    st.sampled_from([1, 3_000, SESSION_MS, REBALANCE_MS]),
)
CLIENTS_MAX = 4
ROUNDS = 60


def picture(group: object) -> object:
    """All that the records of a group have."""
    if isinstance(group, ConsumerGroup):
        return (
            group.epoch,
            group.assignment_epoch,
            group.assigned_at_ms,
            group.members,
            group.static_members,
            group.targets,
            group.owners,
        )
    assert isinstance(group, ClassicGroup)
    members = {
        each.member_id: (each.group_instance_id, each.metadata(group.protocol_name or ""), each.assignment)
        for each in group.members.values()
    }
    return group.generation_id, group.protocol_name, group.leader_id, members


def replayed(log: list[LogEntry]) -> GroupShard:
    shard = GroupShard(GroupSettings(), lambda: "no new member")
    for key, value in log:
        shard.replay(key, value, 0)
    return shard


def compacted(log: list[LogEntry]) -> list[LogEntry]:
    last = {key: at for at, (key, _) in enumerate(log)}
    return [(key, value) for at, (key, value) in enumerate(log) if last[key] == at and value is not None]


class Life:
    """Shards over one log, one after the other, and clients of a group that come and go."""

    def __init__(self) -> None:
        self.driven = self._driven([])
        self.clients: list[Client] = []
        self._started = 0
        self._shards = 0

    def _driven(self, log: list[LogEntry]) -> Driven:
        driven = Driven(log=log)
        driven.log = list(log)
        driven.topics.set(dict(TOPICS))
        return driven

    def step(self, what: str, index: int, duration_ms: int) -> None:
        client = self.clients[index % len(self.clients)] if self.clients else None
        match what:
            case "act" if client is not None:
                client.act(self.driven)
            case "all":
                self.all_act()
            case "leave" if client is not None:
                self._leave(client)
            case "vanish" if client is not None:
                self.clients.remove(client)
            case "lose" if client is not None:
                client.forget_request()
            case "eager" | "cooperative" | "consumer" | "static-classic" | "static-consumer":
                self._start(what, index)
            case _:
                self._step_world(what, index, duration_ms)

    def _start(self, kind: str, index: int) -> None:
        if len(self.clients) == CLIENTS_MAX:
            return
        self._started += 1
        name = f"client {self._started}"
        instance = f"i{index % 2}" if kind.startswith("static") else None
        # Of two clients with one instance id an operator has stopped the other.
        self.clients = [each for each in self.clients if instance is None or each.instance != instance]
        is_consumer = kind.endswith("consumer")
        client: Client = (
            ConsumerOne(name, instance) if is_consumer else ClassicOne(name, instance, is_eager=kind != "cooperative")
        )
        self.clients.append(client)

    def _leave(self, client: Client) -> None:
        self.clients.remove(client)
        self._started += 1
        if isinstance(client, ConsumerOne):
            epoch = -1 if client.instance is None else -2
            request = ConsumerGroupHeartbeatRequest(
                group_id="g", member_id=client.member_id, member_epoch=epoch, instance_id=client.instance
            )
            self.driven.ask(request, f"leave {self._started}", 1)
        else:
            self.driven.ask(leave("g", (client.member_id, client.instance)), f"leave {self._started}", 5)

    def _step_world(self, what: str, index: int, duration_ms: int) -> None:
        driven = self.driven
        match what:
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
                arrived = [each for append in driven.held[: index % (len(driven.held) + 1)] for each in append.entries]
                self._shards += 1
                now_ms = driven.now_ms
                self.driven = self._driven(driven.log + arrived)
                self.driven.now_ms = now_ms
                self.driven.ids_begin_at(1_000 * self._shards)
                for client in self.clients:
                    client.forget_request()

    def all_act(self) -> None:
        for client in self.clients:
            client.act(self.driven)

    def check(self) -> None:
        live, log = self.driven.shard, self.driven.log
        again, once = replayed(log), replayed(compacted(log))
        assert {each.group_id for each in live.groups.values() if each.is_committed} == set(again.groups)
        entries = [entry for append in self.driven.held for entry in append.entries]
        decoded = [decode_entry(*entry) for entry in entries]
        is_under_way = any(record is not None and not isinstance(record, OffsetRecord) for record in decoded)
        group = live.groups.get("g")
        if group is None or not group.is_committed or is_under_way:
            return
        if isinstance(group, ConsumerGroup) or (isinstance(group, ClassicGroup) and group.state is GroupState.STABLE):
            assert picture(group) == picture(again.groups["g"]) == picture(once.groups["g"])

    def settle(self) -> None:
        """Faults end, and those who have left are forgotten: each partition has one owner, who knows it."""
        driven = self.driven
        driven.is_held = False
        while driven.held:
            driven.commit()
        self.clients = [each for each in self.clients if not each.is_fenced]
        for _ in range(ROUNDS):
            for _ in range(6):
                self.all_act()
            driven.pass_ms(3_000)
        group = driven.shard.groups.get("g")
        if not self.clients:
            return
        assert group is not None
        owned = sorted(number for client in self.clients for number in client.owned)
        assert group.shown_state == "Stable", picture(group)
        assert owned == list(range(PARTITIONS)), {each.name: each.owned for each in self.clients}
        is_any_consumer = any(isinstance(each, ConsumerOne) for each in self.clients)
        assert group.group_type == ("consumer" if is_any_consumer else "classic")


@given(st.lists(STEP, min_size=20, max_size=80))
def test_a_group_of_both_protocols_is_what_its_log_says_and_settles(steps: list[tuple[str, int, int]]) -> None:
    life = Life()
    with checked.turned_on():
        for step in steps:
            before = len(life.driven.log)
            life.step(*step)
            if len(life.driven.log) != before or step[0] in ("refuse", "late"):
                life.check()
        life.check()
        life.settle()
        life.check()
