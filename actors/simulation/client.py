"""The base class of simulated clients: requests to brokers, waiting, and the known leaders.

A client is an actor whose whole life is one coroutine, a generator that yields what it wants: ``RequestTo`` a broker
(the outcome is its response or a ``Disconnected``), ``Pause``, or a list of them at once. It believes what brokers tell
it, but never an older leader epoch than it has seen.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from actors.network.link import Disconnected
from actors.runtime import Actor, Coroutine, Node
from actors.runtime.coroutine import Pause
from actors.simulation import requests
from actors.simulation.history import History
from actors.simulation.transaction_history import TransactionHistory
from kstore.errors import for_code
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.runtime.protocols import Link
    from kstore.schema.struct import Message


ANSWER_MS = 3_000
RETRY_MS_MAX = 250


class Workload:
    """What the clients of one run have to work on: ``topic``, and the topic ``outputs``, which workers make of it.
    ``closing`` asks those that write to ``topic`` to finish what they have begun; when it is ``done``, all end.
    """

    def __init__(
        self,
        history: History,
        node_ids: tuple[int, ...],
        topic: str,
        outputs: str,
        partitions: int,
        *,
        wire: bool,
    ) -> None:
        self.history = history
        self.transactions = TransactionHistory(history)
        self.node_ids = node_ids
        self.topic = topic
        self.outputs = outputs
        self.partitions = tuple(range(partitions))
        self.keys: tuple[bytes, ...] = (b"key",)
        self.deletes: Callable[[int, float], None] = lambda _, __: None
        """Is called with a partition and an offset before records are deleted up to it."""
        self.is_gone: Callable[[int, bytes], bool] = lambda _, __: False
        """Whether a value was committed in a partition, and has been deleted or replaced since."""
        self.is_synced = False  # whether each record is synced before it is acknowledged
        self.worker_protocol = "classic"
        self.wire = wire
        self.closing = False
        self.done = False


class RequestTo(NamedTuple):
    """Send a request to a broker, by one of the client's connections to it."""

    node_id: int
    request: Message
    version: int
    timeout_ms: float = ANSWER_MS
    connection: int = 0


class SimulatedClient(Actor):
    """A client of the cluster; subclasses say how it lives."""

    def __init__(self, node: Node, name: str, workload: Workload) -> None:
        super().__init__(node, name)
        self.workload = workload
        self.links: dict[tuple[int, int], Link] = {}  # by node, and the number of the connection
        self.leaders: dict[int, tuple[int, int]] = {}  # partition: node, leader epoch
        self.topic_id = requests.NO_ID
        self.resting = False  # it has nothing under way and wants nothing

    def on_start(self) -> None:
        """Begin its life."""
        self.run_coroutine(self.live(), self.ended)

    def live(self) -> Coroutine:
        """The client's life."""
        raise AssertionError(f"{type(self).__name__} doesn't say how it lives")

    def ended(self, outcome: object) -> None:
        """Its life is over; it stays, at rest."""
        self.resting = True

    def ask_for(self, asked: Any, then: Callable[..., None], *args: object) -> None:
        """As ``Actor.ask_for``, for ``RequestTo``."""
        if isinstance(asked, RequestTo):
            key = (asked.node_id, asked.connection)
            link = self.links.get(key)
            if link is None:
                link = self.links[key] = self.connect(asked.node_id, "client")
            reply = self.reply_here(then, *args)
            link.send(asked.request, reply, version=asked.version, timeout_ms=asked.timeout_ms)
        else:
            super().ask_for(asked, then, *args)

    def version(self, api_key: int) -> int:
        """The version to speak: the latest, or any where messages become bytes."""
        first, last = requests.versions(api_key)
        return self.random.randint(first, last) if self.workload.wire else last

    def to(self, node_id: int, request: Message, timeout_ms: float = ANSWER_MS) -> RequestTo:
        """A request in a version that doesn't matter to it."""
        return RequestTo(node_id, request, self.version(request.API_KEY), timeout_ms)

    def anybody(self) -> int:
        """A broker, alive or not."""
        return self.random.choice(self.workload.node_ids)

    def retry_pause(self) -> Pause:
        """A pause before another attempt, of a drawn length."""
        return Pause(self.random.randint(20, RETRY_MS_MAX))

    def refresh(self) -> Coroutine:
        """Ask some broker who leads the topic's partitions; whether it answered."""
        answer = yield self.to(self.anybody(), requests.metadata(self.workload.topic))
        if isinstance(answer, Disconnected) or not answer.topics or answer.topics[0].error_code:
            return False
        topic = answer.topics[0]
        if any(topic.topic_id):
            self.topic_id = topic.topic_id
        for each in topic.partitions:
            known, epoch = self.leaders.get(each.partition_index, (-1, 0)), each.leader_epoch
            if epoch >= known[1]:  # versions before 7 don't tell the epoch (-1): nothing is learnt from them
                self.leaders[each.partition_index] = (each.leader_id, epoch)
        return True

    def leader_of(self, partition: int) -> Coroutine:
        """The node that leads a partition; asks until one is known."""
        while self.leaders.get(partition, (-1, -1))[0] < 0 or not any(self.topic_id):
            if not (yield from self.refresh()) or self.leaders.get(partition, (-1, -1))[0] < 0:
                yield self.retry_pause()
        return self.leaders[partition][0]

    def offset_lost(self, label: str, partition: int, offset: int) -> None:
        """Note that a leader has said that an offset is out of range."""
        epoch = self.leaders[partition][1] if self.workload.wire else inf
        self.workload.history.offset_lost(label, partition, offset, epoch)

    def find_start(self, partition: int) -> Coroutine:
        """Where a partition begins, as its leader says; -1 if it doesn't."""
        node, epoch = self.leaders[partition]
        if node < 0:
            return -1
        asked = requests.list_offsets(self.workload.topic, {partition: epoch}, requests.EARLIEST)
        answer = yield self.to(node, asked)
        if isinstance(answer, Disconnected):
            return -1
        found = answer.topics[0].partitions[0]
        return -1 if found.error_code else found.offset

    def mistrust(self, partition: int) -> Coroutine:
        """What is known of a partition's leader has led nowhere: ask again, after a while."""
        yield self.retry_pause()
        yield from self.refresh()


def is_retriable(code: int) -> bool:
    """Whether a client may send the same again after this error."""
    return for_code(code).retriable
