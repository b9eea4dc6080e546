"""One conformance suite of what an actor may count on, over virtual time, real time and an event loop."""

from collections.abc import Iterator
from typing import Any

import pykka
import pytest
from runtime.acting import (
    KINDS,
    TIMEOUT_S,
    Break,
    Double,
    Hold,
    LetGo,
    Lines,
    Player,
    Refuse,
    Relay,
    RunCoroutine,
    Write,
    WriteLater,
    answer,
    outside,
    questions_of,
    start,
    world_of,
)

from actors.runtime import Actor, Node, Ref, Stopped, receives
from actors.runtime.driver import NodeCrashed
from actors.runtime.future import ask
from actors.runtime.world import World
from kstore.errors import NotLeaderOrFollower
from kstore.named import NamedTuple


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with world_of(request.param) as world:
        yield world


@pytest.fixture
def node(world: World) -> Node:
    return Node(world, 1)


@pytest.fixture
def player(node: Node) -> Ref:
    return start(node, Player, "player")


def until(world: World, condition: Any) -> None:
    assert world.driver.drive(condition, TIMEOUT_S)


def until_crashed(world: World) -> Exception:
    """Drive until a defect shows; returns it."""
    with pytest.raises(NodeCrashed) as crash:
        until(world, lambda: world.crashes)
    assert crash.value.__cause__ is world.crashes[0][1]
    defect = world.crashes[0][1]
    assert isinstance(defect, Exception)
    return defect


def test_what_a_handler_returns_answers_the_ask(player: Ref) -> None:
    assert answer(player, Double(21)) == 42


def test_a_kafka_error_in_a_handler_answers_the_ask_with_it(player: Ref) -> None:
    with pytest.raises(NotLeaderOrFollower, match="moved away"):
        answer(player, Refuse("moved away"))
    assert answer(player, Double(1)) == 2


def test_a_deferred_answer_is_given_later_and_once(world: World, player: Ref) -> None:
    first, second = ask(world, player, Hold()), ask(world, player, Hold())
    answer(player, LetGo("now"))
    assert [first.get(), second.get()] == ["now", "now"]
    third = ask(world, player, Hold())
    answer(player, LetGo(NotLeaderOrFollower("gone")))
    with pytest.raises(NotLeaderOrFollower, match="gone"):
        third.get(timeout=TIMEOUT_S)


def test_messages_from_one_sender_to_one_receiver_keep_their_order(world: World, player: Ref) -> None:
    def tell() -> None:
        for number in range(100):
            player.tell(Write(str(number)))

    outside(world, tell)
    assert answer(player, Lines()) == [str(number) for number in range(100)]


class Burst(NamedTuple):
    to: Ref
    texts: list[str]


class Sender(Actor):
    @receives(Burst)
    def burst(self, message: Burst) -> None:
        for text in message.texts:
            message.to.tell(Write(text))


def test_each_of_many_senders_keeps_its_own_order(world: World, node: Node, player: Ref) -> None:
    texts = {name: [f"{name}{number}" for number in range(50)] for name in "abcd"}
    for name in texts:
        sender = start(node, Sender, f"sender-{name}")
        answer(sender, Burst(player, texts[name]))
    until(world, lambda: len(player.actor_inbox.actor.lines) == 200)
    lines = answer(player, Lines())
    for name, sent in texts.items():
        assert [line for line in lines if line[0] == name] == sent


def test_the_answer_to_a_request_comes_in_a_later_turn(node: Node, player: Ref) -> None:
    other = start(node, Player, "other")
    assert answer(player, Relay(other, Double(4))) == 8
    assert answer(player, Lines()) == ["asked", "answered"]


def test_an_actor_may_ask_itself(player: Ref) -> None:
    assert answer(player, Relay(player, Double(4))) == 8


def test_a_request_that_fails_ends_in_the_error_as_a_value(node: Node, player: Ref) -> None:
    outcome = ask(node.world, player, Relay(start(node, Player, "other"), Refuse("no")))
    with pytest.raises(NotLeaderOrFollower):
        outcome.get(timeout=TIMEOUT_S)
    assert answer(player, Lines()) == ["asked", "answered"]


def test_an_actor_starts_before_its_first_message(world: World, node: Node) -> None:
    futures = []

    def start_and_ask() -> None:
        ref = Player.start(node, "fresh")
        futures.append(ask(world, ref, Double(2)))

    world.driver.call(start_and_ask)
    assert futures[0].get(timeout=TIMEOUT_S) == 4


def test_a_stopped_actor_has_handled_what_came_before_and_nothing_after(world: World, player: Ref) -> None:
    futures: list[Any] = []

    def send() -> None:
        futures.append(ask(world, player, Double(1)))
        player.stop(block=False)
        futures.append(ask(world, player, Double(2)))

    world.driver.call(send)
    assert futures[0].get(timeout=TIMEOUT_S) == 2
    with pytest.raises(pykka.ActorDeadError, match="stopped before it answered"):
        futures[1].get(timeout=TIMEOUT_S)
    actor = player.actor_inbox.actor
    assert actor.stopped
    assert not player.is_alive()
    assert actor.actor_urn not in actor.node.actors


def test_a_request_to_a_stopped_actor_ends_in_stopped(world: World, node: Node, player: Ref) -> None:
    other = start(node, Player, "other")
    other.stop()
    outcome = ask(world, player, Relay(other, Double(4)))
    assert isinstance(outcome.get(timeout=TIMEOUT_S), Stopped)


def test_a_message_to_a_stopped_actor_is_a_dead_letter_in_the_trace(world: World, player: Ref) -> None:
    player.stop()
    outside(world, lambda: player.tell(Write("anybody?")))
    until(world, lambda: not world.queue.has_ready())
    row = next(row for row in world.recorder.recent() if row.kind == "DeadLetter")
    assert row.actor == "broker-1#1/player"
    assert world.recorder.chain(row.sequence)[-1].kind == "UserCall"


def test_killing_a_node_answers_nothing_and_flushes_nothing(world: World, node: Node, player: Ref) -> None:
    witness = start(Node(world, 2), Player, "witness")
    outside(world, lambda: player.tell(WriteLater("after my death", 500)))
    held = ask(world, player, Hold())
    assert answer(player, Double(1)) == 2
    waiting: list[Any] = []

    def send_and_kill() -> None:
        waiting.append(ask(world, player, Double(3)))
        node.kill()

    world.driver.call(send_and_kill)
    answer(witness, Relay(witness, Double(1)))
    outside(world, lambda: witness.tell(WriteLater("later", 600)))
    until(world, lambda: witness.actor_inbox.actor.lines[-1] == "later")
    actor = player.actor_inbox.actor
    assert (held.done, waiting[0].done, actor.lines, actor.stopped) == (False, False, [], False)


def test_a_defect_in_a_handler_kills_the_node_and_is_raised(world: World, node: Node, player: Ref) -> None:
    neighbour = start(node, Player, "neighbour")
    elsewhere = start(Node(world, 2), Player, "elsewhere")
    ask(world, player, Break("a defect"))
    error = until_crashed(world)
    assert (type(error), str(error)) == (ValueError, "a defect")
    assert not node.alive
    assert not neighbour.is_alive()
    assert elsewhere.is_alive()
    crashed = next(row for row in world.recorder.recent() if row.kind == "Crashed")
    assert [row.kind for row in world.recorder.chain(crashed.sequence)] == ["Crashed", "Break", "UserCall"]


def test_a_kafka_error_that_nobody_asked_for_is_a_defect(world: World, node: Node, player: Ref) -> None:
    outside(world, lambda: player.tell(Refuse("told, not asked")))
    assert isinstance(until_crashed(world), NotLeaderOrFollower)


def test_a_message_that_nobody_receives_is_a_defect_of_its_sender(world: World, player: Ref) -> None:
    outside(world, lambda: player.tell("a string"))
    assert "no handler for str" in str(until_crashed(world))


class Wait(NamedTuple):
    ref: Ref


class Impatient(Actor):
    @receives(Wait)
    def wait(self, message: Wait) -> object:
        return ask(self.node.world, message.ref, Double(1)).get()


def test_waiting_inside_a_turn_is_a_defect(world: World, node: Node, player: Ref) -> None:
    impatient = start(node, Impatient, "impatient")
    ask(world, impatient, Wait(player))
    assert "never blocks" in str(until_crashed(world))


def test_two_living_actors_of_a_node_never_share_a_name(world: World, node: Node, player: Ref) -> None:
    with pytest.raises(AssertionError, match="is there already"):
        start(node, Player, "player")
    player.stop()
    assert answer(start(node, Player, "player"), Double(1)) == 2


class Beget(NamedTuple):
    name: str


class Parent(Actor):
    @receives(Beget)
    def beget(self, message: Beget) -> Ref:
        return self.spawn(Player, message.name)


def test_a_spawned_actor_lives_on_its_parents_node(world: World, node: Node) -> None:
    child = answer(start(node, Parent, "parent"), Beget("child"))
    assert child.actor_urn == "broker-1#1/child"
    assert answer(child, Double(5)) == 10


def test_a_coroutine_asks_one_after_the_other_and_several_at_once(node: Node, player: Ref) -> None:
    other = start(node, Player, "other")
    first, second, third = questions_of(other, Double(1), Double(2), Refuse("no"))
    outcomes = answer(player, RunCoroutine([first, [second, third, first], [], second]))
    assert outcomes[0] == 2
    assert outcomes[1][0] == 4
    assert isinstance(outcomes[1][1], NotLeaderOrFollower)
    assert outcomes[1][2] == 2
    assert outcomes[2:] == [[], 4]


def test_every_chain_of_causes_leads_back_to_the_users_call(world: World, node: Node, player: Ref) -> None:
    other = start(node, Player, "other")
    outside(world, lambda: player.tell(WriteLater("x", 1)))
    until(world, lambda: player.actor_inbox.actor.lines == ["x"])
    answer(player, Relay(other, Double(1)))
    rows = world.recorder.recent()
    written = next(row for row in rows if row.kind == "Write")
    assert [row.kind for row in world.recorder.chain(written.sequence)] == [
        "Write",
        "TimerFired",
        "WriteLater",
        "UserCall",
    ]
    answered = [row for row in rows if row.kind == "Answered"][-1]
    assert [row.kind for row in world.recorder.chain(answered.sequence)] == ["Answered", "Double", "Relay", "UserCall"]
