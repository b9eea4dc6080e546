"""The base class of programs: what a user would write, with the project's own producers and consumers.

A program is synchronous code that runs beside the others on virtual time (``Cluster.spawn``). The clients that it makes
can be cut off from brokers, and they end with it when it is killed, as those of a process do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from actors.clients.client import Client, node_of
from actors.clients.errors import ClientClosed, KafkaTimeout

if TYPE_CHECKING:
    from typing import Unpack

    from actors.clients.consumer.consumer import Consumer
    from actors.clients.keywords.typed_dicts import ConsumerKeywords, ProducerKeywords
    from actors.clients.producer.producer import Producer
    from actors.cluster import Cluster
    from actors.simulation.client import Workload

C = TypeVar("C", bound=Client)

REQUEST_MS = 3_000


class Program:
    """A program of the workload; subclasses say what it does. ``clients`` are those that it has now."""

    def __init__(self, cluster: Cluster, workload: Workload, label: str) -> None:
        self.cluster = cluster
        self.workload = workload
        self.history = workload.transactions
        self.random = cluster.world.random
        self.label = label
        self.clients: list[Client] = []
        self.is_killed = False
        self.is_over = False

    def start(self) -> None:
        """Run beside the others."""
        self.cluster.spawn(self._run)

    def _run(self) -> None:
        try:
            self.live()
        except ClientClosed:
            if not self.is_killed:
                raise
        self.is_over = True

    def live(self) -> None:
        """What it does, until the workload wants no more of it."""
        raise AssertionError(f"{type(self).__name__} doesn't say what it does")

    def kill(self) -> None:
        """End it as SIGKILL ends a process: its clients are gone, and it makes no more."""
        self.is_killed = True
        for client in self.clients:
            node = node_of(client)
            node.kill()
            self.cluster.net.node_died(node)

    def producer(self, **keywords: Unpack[ProducerKeywords]) -> Producer:
        """A producer of this program."""
        keywords = {"request_timeout_ms": REQUEST_MS, "delivery_timeout_ms": 3 * REQUEST_MS, "linger_ms": 0, **keywords}
        return self._made(self.cluster.producer(**keywords))

    def consumer(self, *topics: str, **keywords: Unpack[ConsumerKeywords]) -> Consumer:
        """A reader of committed records, from the beginning."""
        keywords = {
            "isolation_level": "read_committed",
            "auto_offset_reset": "earliest",
            "request_timeout_ms": REQUEST_MS,
            "default_api_timeout_ms": 2 * REQUEST_MS,
            "fetch_max_wait_ms": self.random.choice((100, 300)),
            **keywords,
        }
        return self._made(self.cluster.consumer(*topics, **keywords))

    def _made(self, client: C) -> C:
        self.clients.append(client)
        return client

    def let_go(self, client: Client) -> None:
        """Close a client that the program needs no more; what brokers don't answer soon isn't waited for."""
        self.clients.remove(client)
        client.close()

    def pause(self, ms: int) -> None:
        """Let up to so much time pass; raises ``ClientClosed`` in a program that was killed."""
        self.cluster.run_for(self.random.randint(1, ms) / 1_000)
        if self.is_killed:
            raise ClientClosed(f"{self.label} was killed")

    def patiently(self, call: Callable[[], None]) -> None:
        """Make a call again as long as it takes too long, as its error says."""
        while True:
            try:
                return call()
            except KafkaTimeout:
                self.pause(100)
