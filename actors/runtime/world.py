"""A world: everything that comes from outside an actor — time, order, randomness, ids, disk and network.

``real_world()`` runs on the machine's clock, in the order of arrival. ``virtual_world(seed)`` runs on virtual time, in
an order drawn from the seed: the same seed gives the same run, byte for byte, which its ``trace_hash`` proves.
Two worlds share nothing.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.runtime.clock import Clock
from actors.runtime.disk import ThreadedDisk, VirtualDisk
from actors.runtime.failures import OUTSIDE, Failures
from actors.runtime.heavy_work import HeavyWork
from actors.runtime.queue import Reply, RunQueue
from actors.runtime.recorder import Recorder
from actors.runtime.signals import is_interrupt, let_signals_in
from actors.runtime.timers import Timers
from actors.runtime.worker import ThreadedWorker, VirtualWorker

if TYPE_CHECKING:
    from actors.runtime.driver import Driver
    from actors.runtime.node import Node
    from actors.runtime.protocols import Link, Net
    from kstore.schema.struct import Message


class NoNet:
    """The network of a world without links between nodes."""

    wire = False

    def link(self, node: Node, node_id: int, listener: str) -> Link:
        raise AssertionError(f"there is no network that {node.name} could reach node {node_id} by")

    def version_of(self, request: type[Message]) -> int:
        return request.VERSIONS[1]

    def node_died(self, node: Node) -> None:
        """Do nothing: no node was connected to it."""

    def brokers_beside(self, node: Node) -> list[Node]:
        return [node]


NO_NET = NoNet()
CRASHES_KEPT = 64
DASH = 62  # the number that base64url writes as a dash


class World:
    """What all nodes of one cluster share. ``net`` is set by the network that joins them."""

    driver: Driver
    net: Net

    def __init__(self, *, seed: int | None = None, trace_rows: int = 65536, strict: bool = True) -> None:
        virtual = seed is not None
        self.seed = seed
        self.strict = strict  # a defect stops everything at once, instead of as little as possible
        self.virtual = virtual
        self.clock = Clock(virtual)
        self.recorder = Recorder(self.clock, trace_rows, virtual)
        self.queue = RunQueue(self.recorder, seed)
        self.timers = Timers(self.clock, self.queue)
        self.heavy = HeavyWork(self.timers, self.clock)
        self.random = random.Random(seed)
        self.disk: ThreadedDisk | VirtualDisk = VirtualDisk(self) if virtual else ThreadedDisk(self)
        self.worker: ThreadedWorker | VirtualWorker = VirtualWorker(self) if virtual else ThreadedWorker(self)
        self.short_worker: ThreadedWorker | VirtualWorker = VirtualWorker(self) if virtual else ThreadedWorker(self)
        self.net = NO_NET
        self.owner: Any = None  # what was built in this world and must live as long
        self.queue.on_crash = self._crashed
        self.failures = Failures(self)  # what was contained
        self.crashes: list[tuple[Any, BaseException]] = []  # the actor with the defect, None outside any turn
        self.callbacks: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()  # users', that are due

    def uuid(self) -> bytes:
        """A new version 4 UUID, 16 bytes; from the seed where there is one. Its text never begins with a dash, which
        commands would take for an option (as Kafka's ``Uuid.randomUuid``).
        """
        number = bytearray(self.random.getrandbits(128).to_bytes(16, "big"))
        if number[0] >> 2 == DASH:
            number[0] ^= 0x80
        number[6] = number[6] & 0x0F | 0x40
        number[8] = number[8] & 0x3F | 0x80
        return bytes(number)

    def do(self, action: Callable[..., object], *args: object) -> None:
        """Call ``action(*args)``, outside any turn; a defect in it is contained, or raised by the driving thread."""
        try:
            action(*args)
        except Exception as error:  # noqa: BLE001 - a defect: contained, or the driver raises it
            self.met_defect(error)

    def call_back(self, *, ours: bool = False) -> None:
        """Call users' callbacks that are due; the driving thread does so outside of turns, holding no lock.

        What a callback raises is logged, as in Kafka's clients. On a thread of kstore's own (``ours``), which has other
        callbacks to call, so is what would end a thread, such as ``SystemExit``. What a signal handler raises meanwhile
        goes to the call that the signal interrupted.
        """
        while self.callbacks:
            try:
                callback, args = self.callbacks.popleft()
            except IndexError:  # another thread took it
                return
            try:
                let_signals_in(callback, *args)
            except BaseException as error:
                if not ours and is_interrupt(error):
                    raise
                import logging

                logging.getLogger("kstore").exception("a callback raised")

    def met_defect(self, error: BaseException, ended: str = "nothing else") -> None:
        """Handle a defect outside of actors' turns; ``ended`` is what it ended. If strict, it is kept for the driver;
        only the first few are kept.
        """
        if not self.strict:
            self.failures.tell(OUTSIDE, ended, error)
        elif len(self.crashes) < CRASHES_KEPT:
            self.crashes.append((None, error))

    def finish_work(self) -> None:
        """Finish the work that is done off the turns, and accept no more."""
        self.disk.close()
        self.worker.close()
        self.short_worker.close()

    def failed_off_turn(self, node: Any, reply: Any, error: Exception) -> None:
        """Handle a defect in work off the turn: it counts as one of the actor that submitted the work."""
        actor = reply.asker.actor if isinstance(reply, Reply) else None
        if actor is None:
            self.met_defect(error)
        elif node.alive and not actor.inbox.closed:
            self._crashed(actor, error, None, ())

    def failed_in_turn(self, actor: Any, error: Exception) -> None:
        """Handle a defect in what an actor's part does in another actor's turn: it counts as one of its own."""
        self._crashed(actor, error, None, ())

    def _crashed(self, actor: Any, error: Exception, reply_to: Any, about: tuple[object, ...]) -> None:
        if not self.strict:
            self.failures.in_turn(actor, error, reply_to, about)
            return
        self.crashes.append((actor, error))
        actor.node.kill()
        self.net.node_died(actor.node)


def real_world(*, trace_rows: int = 65536, strict: bool = True) -> World:
    """A world on the machine's clock, driven by the threads that call into it."""
    from actors.runtime.real import RealDriver

    world = World(trace_rows=trace_rows, strict=strict)
    world.driver = RealDriver(world)
    return world


def virtual_world(seed: int, *, trace_rows: int = 65536, strict: bool = True) -> World:
    """A world on virtual time, its order drawn from ``seed``."""
    from actors.runtime.virtual import VirtualDriver

    world = World(seed=seed, trace_rows=trace_rows, strict=strict)
    world.driver = VirtualDriver(world)
    return world


def loop_world(*, trace_rows: int = 65536, strict: bool = True) -> World:
    """A world on the machine's clock, driven by an asyncio (or uvloop) loop, which also owns the sockets."""
    from actors.runtime.loop import LoopDriver

    world = World(trace_rows=trace_rows, strict=strict)
    world.driver = LoopDriver(world)
    return world
