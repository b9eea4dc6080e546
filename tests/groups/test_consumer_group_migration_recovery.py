"""Groups of both protocols in random order, with appends that are held, late, refused or lost: a shard is what another
one makes of its log, and when faults end the group settles, whatever it has become.
"""

from __future__ import annotations

from groups.lives import Life, Step, picture, steps
from groups.migrating import TOPICS, Migrating, assignment, started
from groups.migrating_clients import PARTITIONS, REBALANCE_MS, SESSION_MS, ClassicOne, Client, ConsumerOne
from groups.requests_of_groups import leave
from hypothesis import given
from hypothesis import strategies as st

from actors.coordinator.effects import LogEntry
from kstore import errors
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest

STEPS = steps(
    "eager cooperative consumer static-classic static-consumer act act act act all all leave vanish lose",
    ("g",),
    [1, 3_000, SESSION_MS, REBALANCE_MS],
)
CLIENTS_MAX = 4
ROUNDS = 60


class MigratingLife(Life):
    """Clients of a group that come and go."""

    def __init__(self) -> None:
        super().__init__(TOPICS)
        self.clients: list[Client] = []

    def restart(self, log: list[LogEntry]) -> None:
        super().restart(log)
        for client in self.clients:
            client.forget_request()

    def act(self, what: str, name: str, index: int, duration_ms: int) -> None:
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

    def _start(self, kind: str, index: int) -> None:
        if len(self.clients) == CLIENTS_MAX:
            return
        name = f"client {self.asked}"
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
        if isinstance(client, ConsumerOne):
            epoch = -1 if client.instance is None else -2
            request = ConsumerGroupHeartbeatRequest(
                group_id="g", member_id=client.member_id, member_epoch=epoch, instance_id=client.instance
            )
            self.driven.ask(request, self.reply, 1)
        else:
            self.driven.ask(leave("g", (client.member_id, client.instance)), self.reply, 5)

    def all_act(self) -> None:
        for client in self.clients:
            client.act(self.driven)

    def settle(self) -> None:
        """Faults end, and those who have left are forgotten: each partition has one owner, who knows it."""
        driven = self.driven
        driven.is_held = False
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


@given(st.lists(STEPS, min_size=20, max_size=80))
def test_a_group_of_both_protocols_is_what_its_log_says_and_settles(steps_of_it: list[Step]) -> None:
    life = MigratingLife()
    life.live(steps_of_it)
    life.settle()
    life.check()


def test_a_coordinator_that_moves_right_after_a_downgrade_has_members_join_again_once() -> None:
    g = Migrating(started())
    (a,) = g.classic_group((0, 1, 2, 3))
    g.start("C")
    generation, _ = g.rejoin(a)
    g.beat("C", -1)
    moved = Migrating(started(log=g.driven.log))
    assert moved.heartbeat(a, generation) == errors.RebalanceInProgress.code, "two partitions were C's"
    again = moved.join(a, protocols=("range",))
    moved.driven.send_sync("s", a, again.generation_id, {a: assignment(0, 1, 2, 3)})
    assert moved.driven.synced("s").assignment == assignment(0, 1, 2, 3)
    settled = Migrating(started(log=moved.driven.log))
    assert settled.classic.shown_state == "Stable"
    assert settled.heartbeat(a, again.generation_id) == errors.NONE
