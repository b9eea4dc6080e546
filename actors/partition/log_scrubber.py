"""The scrubber of a node: it has each replica check all that it has on the disk, one after the other, again and again.

It is off unless ``log.scrub.bytes.per.second`` says how fast it may read. A pass begins ``log.scrub.interval.ms`` after
the one before began, or as that ends, if it takes longer. A replica that is out of use is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.scrub_messages import Scrub
from actors.runtime import Actor, receives
from actors.runtime.coroutine import Ask
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.runtime.coroutine import Eventually


class ScrubTime(NamedTuple):
    """To itself: the next pass is due."""


class LogScrubber(Actor):
    """Invariant: one replica is checked at a time."""

    node: BrokerNode

    def __init__(self, node: BrokerNode, name: str = "log-scrubber") -> None:
        super().__init__(node, name)
        self.began_ms = self.now_ms()

    def on_start(self) -> None:
        """Begin after ``log.initial.task.delay.ms``."""
        self.after(self.node.config.integer("log.initial.task.delay.ms"), ScrubTime())

    @receives(ScrubTime)
    def scrub_time(self, message: ScrubTime) -> None:
        """Check all replicas."""
        self.began_ms = self.now_ms()
        self.run_coroutine(self._scrub_all(), self._scrubbed)

    def _scrub_all(self) -> Eventually[None]:
        bytes_per_second = self.node.config.integer("log.scrub.bytes.per.second")
        replicas = self.node.view.replicas
        for key in sorted(replicas):
            if (replica := replicas.get(key)) is not None:
                yield Ask(replica, Scrub(bytes_per_second))

    def _scrubbed(self, _: None) -> None:
        passed_ms = self.now_ms() - self.began_ms
        self.after(max(0, self.node.config.integer("log.scrub.interval.ms") - passed_ms), ScrubTime())
