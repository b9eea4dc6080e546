"""The actor: Pykka's, with its turns given by the run queue instead of a thread of its own.

What Pykka gives: the actor, its ref, tell, ask, the future. What is overridden, and why:

* ``__init__``: Pykka draws a random URN and makes a ``threading.Event``; here an actor is named by its node, so that
  traces read alike in every run, and the inbox is its own stopped flag.
* the three creation hooks (inbox, future, loop), start, stop and failure: the run queue delivers, so there is no loop;
  the process-wide registry is not used, so two clusters never meet.

A subclass marks its handlers by the message class that they receive::

    class Greeter(Actor):
        @receives(Greet)
        def greet(self, message: Greet) -> str:
            return f"hello {message.name}"

What a handler returns answers the ask. ``self.defer()`` takes the answer over, to be given later. The handler of a
message that it ``may_refuse`` refuses it by raising a ``KafkaError``, which is the answer. Any other exception is a
defect: what it ends is written down in ``failures.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import pykka
from pykka.messages import _ActorStop

from actors.runtime.conversation import PAUSE, Conversation, OnDisk, Pause, Rested, Task
from actors.runtime.queue import Inbox, Reply, reply_to_inbox
from actors.runtime.ref import Ref

if TYPE_CHECKING:
    import random

    from actors.runtime.node import Node
    from actors.runtime.protocols import Link
    from actors.runtime.timers import Alarm, Timer

Handler = TypeVar("Handler", bound=Callable[..., object])


def receives(*messages: type, may_refuse: bool = False) -> Callable[[Handler], Handler]:
    """Mark a method as the handler of one or more message classes.

    With ``may_refuse`` a ``KafkaError`` that it raises is its answer. Without, nobody is told that the message can be
    refused, so nobody would look for the error: then it is a defect like any other.
    """

    def mark(handler: Handler) -> Handler:
        handler.__dict__["receives"] = messages
        handler.__dict__["may_refuse"] = may_refuse
        return handler

    return mark


class Actor(pykka.Actor):
    """An actor of a node. ``name`` is its place in traces, below the node's own name."""

    handlers: dict[type, Callable[..., object]] = {}
    may_refuse: frozenset[type] = frozenset()
    is_alone = False
    """Whether nobody has to make it anew when it fails: what depended on it learns of its end by itself."""
    blast_radius = "this actor, which is made anew"
    """What its failure ends, in words."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.handlers = {}
        for base in reversed(cls.__mro__):
            for handler in vars(base).values():
                for message in getattr(handler, "receives", ()):
                    cls.handlers[message] = handler
        cls.may_refuse = frozenset(m for m, handler in cls.handlers.items() if getattr(handler, "may_refuse", False))

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.actor_urn = f"{node.name}/{name}"
        queue = node.world.queue
        self.inbox = Inbox(queue, self, self.handlers, self.actor_urn)
        self.actor_inbox = self.inbox
        self.actor_stopped = self.inbox  # type: ignore[assignment]  # is_set() and set() are all that Pykka uses
        self.ref = self._actor_ref = Ref(self)
        self._queue = queue
        self.note = self.inbox.note  # type: ignore[method-assign]  # often called: one call less
        self._clock = node.world.clock

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Ref:
        """Make the actor, put it on its node and tell it to start; returns its ref."""
        actor = cls(*args, **kwargs)
        actor.node.add(actor)
        actor._start_actor_loop()
        return actor.actor_ref

    @property
    def actor_ref(self) -> Ref:
        """The actor's ref, the only thing of it that others may hold."""
        return self.ref

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise AssertionError("an actor's inbox is made in __init__, with its node's run queue")

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        from actors.runtime.future import Future

        return Future()

    def _start_actor_loop(self) -> None:
        self.inbox.send(_Start())

    def _stop(self) -> None:
        self.node.remove(self)
        self.on_stop()
        self.inbox.close(True)

    def _handle_receive(self, message: Any) -> Any:
        if type(message) is _Start:
            return self.on_start()
        if isinstance(message, _ActorStop):
            return self._stop()
        return super()._handle_receive(message)

    def contains(self, error: Exception, about: tuple[object, ...]) -> bool:
        """Whether a turn that failed ended only what it was ``about``, and the actor may go on: its message, or what
        the callback of an answer was given. By default nothing of an actor is used on after a turn that failed: it
        ends, and Pykka's ``on_failure`` is where it lets go of what is outside the world.
        """
        return False

    def on_receive(self, message: Any) -> Any:
        """Reached only by a message that no handler receives, which is a defect of the sender."""
        raise AssertionError(f"{self.actor_urn} has no handler for {type(message).__name__}")

    def request(self, ref: pykka.ActorRef[Any], message: object, then: Callable[..., None], *args: object) -> None:
        """Ask another actor; ``then(outcome, *args)`` runs in a later turn of this one.

        The outcome is the answer, or a ``KafkaError`` or ``Stopped`` instance.
        """
        ref.actor_inbox.request(message, self.inbox, then, args)  # type: ignore[attr-defined]

    def defer(self) -> Reply:
        """Take over the answer to the message being handled: ``.set(value)`` or ``.fail(error)`` it later, once."""
        reply: Reply | None = self._queue.take_reply()
        assert reply is not None, "nobody asked: there is no answer to defer"
        return reply

    def reply_here(self, then: Callable[..., None], *args: object) -> Reply:
        """A reply that ends in a turn of this actor: to hand to links, disk lanes and other asynchronous things."""
        return reply_to_inbox(self.inbox, then, args)

    def after(self, delay_ms: float, message: object) -> Timer:
        """Tell this actor ``message`` in ``delay_ms`` milliseconds, unless the timer is cancelled."""
        return self.node.world.timers.start(delay_ms, self.inbox, message)

    def alarm(self, message: object, *, tick_us: int) -> Alarm:
        """One timer for many deadlines, in ticks of so many microseconds: it tells this actor ``message``."""
        return self.node.world.timers.alarm(tick_us, self.inbox, message)

    def spawn(self, actor_class: type[Actor], *args: object, **kwargs: Any) -> Ref:
        """Start another actor on this node: ``actor_class(node, *args)``."""
        return actor_class.start(self.node, *args, **kwargs)

    def note(
        self, kind: str, partition: str = "", offset1: int = -1, offset2: int = -1, subject: str = "", cause: int = 0
    ) -> int:
        """Write a row of the domain to the flight recorder: what happened, where, which offsets, a word on why.

        Its cause is the turn at hand, unless another row is named.
        """
        return self.inbox.note(kind, partition, offset1, offset2, subject, cause)

    @property
    def turn_row(self) -> int:
        """The row of the turn at hand: what is noted later as its doing names it as its cause."""
        return self._queue.current

    def now_ms(self) -> int:
        """Wall-clock time of this node, in milliseconds since 1970."""
        return self._clock.now_ms() + self.node.clock_skew_ms

    def now_us(self) -> int:
        """Time from an arbitrary start that never goes back, in microseconds."""
        return self._clock.now_us()

    @property
    def random(self) -> random.Random:
        """The world's randomness: from the seed in a simulation."""
        return self.node.world.random

    def uuid(self) -> bytes:
        """A new random id, 16 bytes."""
        return self.node.world.uuid()

    def connect(self, node_id: int, listener: str = "broker") -> Link:
        """A new link to another node, for this actor's own use. It opens when it first sends."""
        return self.node.world.net.link(self.node, node_id, listener)

    def call(self, link: Link, request: Any, then: Callable[..., None], *args: object) -> None:
        """Send a request message over a link; ``then(outcome, *args)`` gets the response or a ``Disconnected``."""
        link.send(request, reply_to_inbox(self.inbox, then, args))

    def on_disk(self, work: Callable[[], object], then: Callable[..., None], *args: object) -> None:
        """Run slow disk work (fsync, unlink) off the turn; ``then(outcome, *args)`` gets its value or ``OSError``."""
        self.node.world.disk.submit(work, reply_to_inbox(self.inbox, then, args), self.node)

    def off_turn(
        self, work: Callable[[], object], then: Callable[..., None], *args: object, is_short: bool = False
    ) -> None:
        """Run what takes the processor long off the turn, in order; ``then(outcome, *args)`` gets its value.

        What ``is_short``, tens of milliseconds at the most, doesn't wait behind what may take seconds.
        """
        world = self.node.world
        worker = world.short_worker if is_short else world.worker
        worker.submit(work, reply_to_inbox(self.inbox, then, args), self.node)

    def go_on_later(self, then: Callable[..., None], *args: object) -> None:
        """Call ``then(None, *args)`` in a turn of its own, once others have had theirs and sockets were looked at."""
        world = self.node.world
        world.timers.at(world.clock.now_us(), self.reply_here(then, *args).set, None)

    def converse(
        self,
        conversation: Conversation,
        done: Callable[[Any], object],
        failed: Callable[[Exception], object] | None = None,
    ) -> None:
        """Run a conversation; ``done`` gets its value, ``failed`` what it raises: without that, it is a defect of the
        turn.
        """
        Task(self, conversation, done, failed).step()

    def ask_for(self, asked: Any, then: Callable[..., None], *args: object) -> None:
        """Send what a conversation yielded. Subclasses add other kinds of question than ``Ask``, ``OnDisk`` and
        ``Pause``.
        """
        if asked is PAUSE:
            self.note("TurnsLeftToOthers")
            self.go_on_later(then, *args)
        elif isinstance(asked, Pause):
            self.after(asked.delay_ms, Rested(then, args))
        elif isinstance(asked, OnDisk):
            self.on_disk(asked.work, then, *args)
        else:
            self.request(asked.ref, asked.message, then, *args)

    @receives(Rested)
    def rested(self, message: Rested) -> None:
        """Go on after a pause."""
        message.go_on(None, *message.args)


class _Start:
    """The first message of every actor: run ``on_start``."""

    __slots__ = ()
