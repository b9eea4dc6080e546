"""Actors and messages that the tests of the runtime play with, and the three worlds that they play in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from actors.runtime import Actor, Ask, Node, Ref, Reply, receives
from actors.runtime.future import ask
from actors.runtime.loop import LoopDriver
from actors.runtime.world import World, loop_world, real_world, virtual_world
from kstore.errors import NotLeaderOrFollower
from kstore.named import NamedTuple

KINDS = ["virtual", "real", "loop"]
TIMEOUT_S = 20.0


@contextmanager
def world_of(kind: str, seed: int = 1) -> Iterator[World]:
    """A world of one kind, its loop running if it has one."""
    world = {"virtual": lambda: virtual_world(seed), "real": real_world, "loop": loop_world}[kind]()
    if isinstance(world.driver, LoopDriver):
        world.driver.start()
    try:
        yield world
    finally:
        world.driver.close()
        world.finish_work()


def start(node: Node, actor_class: type[Actor], *args: Any) -> Ref:
    """Start an actor from outside, on the thread that drives."""
    return node.world.driver.call(actor_class.start, node, *args)


def outside(world: World, action: Callable[[], object]) -> None:
    """Have something done from outside the actors, traced as a user's call."""

    def enter() -> None:
        world.queue.enter(0, "UserCall")
        action()
        world.queue.leave()

    world.driver.call(enter)


def answer(ref: Ref, message: object) -> Any:
    """Ask from outside and wait for the answer."""
    return ask(ref.actor_inbox.actor.node.world, ref, message).get(timeout=TIMEOUT_S)


class Double(NamedTuple):
    number: int


class Refuse(NamedTuple):
    reason: str


class Break(NamedTuple):
    reason: str


class Hold(NamedTuple):
    """Answer only when told to let go."""


class LetGo(NamedTuple):
    value: object


class Write(NamedTuple):
    text: str


class WriteLater(NamedTuple):
    text: str
    delay_ms: float


class Lines(NamedTuple):
    """What has been written so far."""


class Relay(NamedTuple):
    """Ask another actor, and answer with the outcome."""

    ref: Ref
    message: object


class RunCoroutine(NamedTuple):
    """Ask in turn what is listed; a list among it is asked at once."""

    questions: list[Any]


class Player(Actor):
    """Does what its messages say, and keeps a list of what happened."""

    def __init__(self, node: Node, name: str) -> None:
        super().__init__(node, name)
        self.lines: list[str] = []
        self.held: list[Reply] = []
        self.started = False
        self.stopped = False

    def on_start(self) -> None:
        self.started = True

    def on_stop(self) -> None:
        self.stopped = True

    @receives(Double)
    def double(self, message: Double) -> int:
        assert self.started
        return 2 * message.number

    @receives(Refuse, may_refuse=True)
    def refuse(self, message: Refuse) -> None:
        raise NotLeaderOrFollower(message.reason)

    @receives(Break)
    def break_down(self, message: Break) -> None:
        raise ValueError(message.reason)

    @receives(Hold)
    def hold(self, message: Hold) -> str:
        self.held.append(self.defer())
        return "not this: the answer has been taken over"

    @receives(LetGo)
    def let_go(self, message: LetGo) -> None:
        for reply in self.held:
            if isinstance(message.value, Exception):
                reply.fail(message.value)
            else:
                reply.set(message.value)
        self.held = []

    @receives(Write)
    def write(self, message: Write) -> None:
        self.lines.append(message.text)

    @receives(WriteLater)
    def write_later(self, message: WriteLater) -> None:
        self.after(message.delay_ms, Write(message.text))

    @receives(Lines)
    def give_lines(self, message: Lines) -> list[str]:
        return list(self.lines)

    @receives(Relay)
    def relay(self, message: Relay) -> None:
        self.request(message.ref, message.message, self.relayed, self.defer())
        self.lines.append("asked")

    def relayed(self, outcome: object, reply: Reply) -> None:
        self.lines.append("answered")
        if isinstance(outcome, NotLeaderOrFollower):
            reply.fail(outcome)
        else:
            reply.set(outcome)

    @receives(RunCoroutine)
    def run_coroutine_of(self, message: RunCoroutine) -> None:
        self.run_coroutine(self.coroutine(message.questions), self.defer().set)

    def coroutine(self, questions: list[Any]) -> Any:
        outcomes = []
        for question in questions:
            outcome = yield question
            outcomes.append(outcome)
        return outcomes


def questions_of(ref: Ref, *messages: object) -> list[Ask]:
    return [Ask(ref, message) for message in messages]
