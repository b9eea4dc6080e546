"""What Pykka's own refs, futures and proxies do on the run queue: as in Pykka, without its threads or its registry.

Pykka's minor version is pinned because of what is overridden; these tests say what a newer one would break.
"""

from collections.abc import Iterator
from typing import Any

import pykka
import pytest
from runtime.acting import TIMEOUT_S, Break, Double, Hold, Player, Refuse, Write, start

from actors.runtime import Actor, Node, Ref, receives
from actors.runtime.driver import NodeCrashed
from actors.runtime.world import World, virtual_world
from kstore.errors import NotLeaderOrFollower
from kstore.named import NamedTuple


@pytest.fixture
def world() -> World:
    return virtual_world(1)


@pytest.fixture
def player(world: World) -> Iterator[Ref]:
    yield start(Node(world, 1), Player, "player")
    assert pykka.ActorRegistry.get_all() == []


def test_our_actors_and_refs_and_futures_are_pykkas(player: Ref) -> None:
    assert isinstance(player, pykka.ActorRef)
    assert isinstance(player.actor_inbox.actor, pykka.Actor)
    assert isinstance(player.ask(Double(1), block=False), pykka.Future)


def test_a_ref_is_named_and_compared_as_pykkas_are(player: Ref) -> None:
    assert repr(player) == "<ActorRef for Player (broker-1#1/player)>"
    assert player == player.actor_inbox.actor.actor_ref
    assert {player: 1}[player.actor_inbox.actor.actor_ref] == 1


def test_an_ask_that_blocks_drives_the_world(player: Ref) -> None:
    assert player.ask(Double(4)) == 8
    with pytest.raises(NotLeaderOrFollower):
        player.ask(Refuse("no"))


def test_an_ask_that_is_never_answered_times_out(player: Ref) -> None:
    with pytest.raises(pykka.Timeout):
        player.ask(Hold(), timeout=0.5)


def test_futures_combine_as_pykkas_do(player: Ref) -> None:
    one, two = player.ask(Double(1), block=False), player.ask(Double(2), block=False)
    assert one.map(lambda value: value + 1).get() == 3
    assert one.join(two).get() == [2, 4]
    assert pykka.get_all([one, two]) == [2, 4]


def test_stop_says_whether_there_was_anybody_to_stop(player: Ref) -> None:
    player.tell(Write("before"))
    assert player.stop() is True
    assert player.actor_inbox.actor.lines == ["before"]
    assert player.stop() is False
    with pytest.raises(pykka.ActorDeadError):
        player.ask(Double(1))


def test_telling_a_stopped_actor_is_no_error_unlike_pykkas(player: Ref) -> None:
    player.stop()
    player.tell(Write("nobody reads this"))


class Greeter(Actor):
    def __init__(self, node: Node, name: str) -> None:
        super().__init__(node, name)
        self.greeting = "hello"

    def greet(self, whom: str) -> str:
        return f"{self.greeting} {whom}"


def test_a_pykka_proxy_works_on_the_run_queue(world: World) -> None:
    proxy: Any = start(Node(world, 1), Greeter, "greeter").proxy()
    assert proxy.greet("world").get(timeout=TIMEOUT_S) == "hello world"
    proxy.greeting = "goodbye"
    assert proxy.greet("world").get() == "goodbye world"


def test_a_defect_is_raised_to_the_asker_who_drives_and_not_kept_by_the_future(player: Ref) -> None:
    with pytest.raises(NodeCrashed):
        player.ask(Break("a defect"))


class First(NamedTuple):
    pass


class Second(NamedTuple):
    pass


class Base(Actor):
    @receives(First, Second)
    def either(self, message: First | Second) -> str:
        return "base"


class Derived(Base):
    @receives(Second)
    def second(self, message: Second) -> str:
        return "derived"


def test_a_handler_may_receive_several_messages_and_a_subclass_take_one_over(world: World) -> None:
    base, derived = start(Node(world, 1), Base, "base"), start(Node(world, 2), Derived, "derived")
    assert [base.ask(First()), base.ask(Second())] == ["base", "base"]
    assert [derived.ask(First()), derived.ask(Second())] == ["base", "derived"]


def test_nothing_takes_a_message_from_an_inbox_but_the_run_queue(player: Ref) -> None:
    with pytest.raises(AssertionError):
        player.actor_inbox.get()
    with pytest.raises(AssertionError):
        Actor._create_actor_inbox()
