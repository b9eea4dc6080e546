"""The base class of all actors: a Pykka actor that runs on the run queue instead of on a thread of its own.

What Pykka gives: the actor, its ref, tell, ask, the future. What is overridden, and why:

* ``__init__``: Pykka draws a random URN and makes a ``threading.Event``; here the node names its actors, so that traces
  read alike in every run, and the inbox is its own stopped flag.
* the three creation hooks (inbox, future, loop), start, stop and failure: the run queue delivers, so there is no loop;
  the process-wide registry is not used, so two clusters never meet.

A subclass marks its handlers by the message class that they receive::

    class Greeter(Actor):
        @receives(Greet)
        def greet(self, message: Greet) -> str:
            return f"hello {message.name}"

The answer to an ask is what its handler returns. A handler that calls ``self.defer()`` answers later. A handler marked
``may_refuse`` may raise a ``KafkaError``, which becomes the answer. Any other exception is a defect; ``failures.py``
says what it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import pykka
from pykka.messages import _ActorStop

from actors.runtime.coroutine import PAUSE, Coroutine, OnDisk, Pause, PauseOver, Task
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

    With ``may_refuse``, a ``KafkaError`` that it raises is its answer. Without, senders don't expect an error, so a
    ``KafkaError`` is a defect like any other exception.
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
    """True if it needn't be started again when it fails: those that depend on it notice its end by themselves."""
    failure_scope = "this actor, which is made anew"
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
        """The actor's ref. Other actors hold this, never the actor itself."""
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
        """Whether the actor may go on after a failed turn, because only what the turn was ``about`` is lost (its
        message, or what a callback was given). By default the actor ends after a failed turn, and releases what it
        holds outside the world in Pykka's ``on_failure``.
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
        """Answer the current message later: call ``.set(value)`` or ``.fail(error)`` of what this returns, once."""
        reply: Reply | None = self._queue.take_reply()
        assert reply is not None, "nobody asked: there is no answer to defer"
        return reply

    def reply_here(self, then: Callable[..., None], *args: object) -> Reply:
        """A reply whose outcome arrives in a turn of this actor: for links, the disk thread and other slow work."""
        return reply_to_inbox(self.inbox, then, args)

    def after(self, delay_ms: float, message: object) -> Timer:
        """Send ``message`` to this actor in ``delay_ms`` milliseconds, unless the timer is cancelled."""
        return self.node.world.timers.start(delay_ms, self.inbox, message)

    def alarm(self, message: object, *, tick_us: int) -> Alarm:
        """One timer for many deadlines, in ticks of ``tick_us`` microseconds; it sends ``message`` to this actor."""
        return self.node.world.timers.alarm(tick_us, self.inbox, message)

    def spawn(self, actor_class: type[Actor], *args: object, **kwargs: Any) -> Ref:
        """Start another actor on this node: ``actor_class(node, *args)``."""
        return actor_class.start(self.node, *args, **kwargs)

    def note(
        self, kind: str, partition: str = "", offset1: int = -1, offset2: int = -1, subject: str = "", cause: int = 0
    ) -> int:
        """Write a row to the trace: what happened, where, at which offsets, and why.

        Its cause is the current turn, unless another row is named.
        """
        return self.inbox.note(kind, partition, offset1, offset2, subject, cause)

    @property
    def turn_row(self) -> int:
        """The trace row of the current turn. Rows written later because of this turn name it as their cause."""
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
        """Run work that takes much processor time off the turn, in order; ``then(outcome, *args)`` gets its value.

        Work that ``is_short`` (tens of milliseconds at most) doesn't wait behind work that may take seconds.
        """
        world = self.node.world
        worker = world.short_worker if is_short else world.worker
        worker.submit(work, reply_to_inbox(self.inbox, then, args), self.node)

    def go_on_later(self, then: Callable[..., None], *args: object) -> None:
        """Call ``then(None, *args)`` in a later turn, after other actors had theirs and sockets were read."""
        world = self.node.world
        world.timers.at(world.clock.now_us(), self.reply_here(then, *args).set, None)

    def run_coroutine(
        self,
        coroutine: Coroutine,
        done: Callable[[Any], object],
        failed: Callable[[Exception], object] | None = None,
    ) -> None:
        """Run a coroutine. ``done`` gets its value, ``failed`` what it raises; without ``failed``, an exception is a
        defect of the turn.
        """
        Task(self, coroutine, done, failed).step()

    def ask_for(self, asked: Any, then: Callable[..., None], *args: object) -> None:
        """Send what a coroutine yielded. Subclasses add other kinds of question than ``Ask``, ``OnDisk`` and
        ``Pause``.
        """
        if asked is PAUSE:
            self.note("TurnsLeftToOthers")
            self.go_on_later(then, *args)
        elif isinstance(asked, Pause):
            self.after(asked.delay_ms, PauseOver(then, args))
        elif isinstance(asked, OnDisk):
            self.on_disk(asked.work, then, *args)
        else:
            self.request(asked.ref, asked.message, then, *args)

    @receives(PauseOver)
    def pause_over(self, message: PauseOver) -> None:
        """Go on after a pause."""
        message.go_on(None, *message.args)


class _Start:
    """The first message of every actor: run ``on_start``."""

    __slots__ = ()
