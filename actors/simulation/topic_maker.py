"""The clients that create the topics, with configs that each seed draws."""

from __future__ import annotations

from actors.network.link import Disconnected
from actors.runtime import Coroutine, Node
from actors.runtime.coroutine import Pause
from actors.simulation import requests
from actors.simulation.client import SimulatedClient, Workload
from kstore.errors import TopicAlreadyExists

REPLICAS = 3

Drawn = dict[str, tuple[str, ...]]

DRAWN: Drawn = {
    "flush.messages": ("1", "9223372036854775807", "9223372036854775807"),
    "index.interval.bytes": ("0", "200", "4096"),
    "internal.segment.bytes": ("1000", "20000", "1073741824"),
    "message.timestamp.type": ("CreateTime", "CreateTime", "LogAppendTime"),
    "min.insync.replicas": ("1", "2", "2"),
    "segment.ms": ("3000", "604800000"),
}
"""What each seed draws for each topic."""

RETENTION: Drawn = {"retention.ms": ("-1", "1500", "4000"), "retention.bytes": ("-1", "2000", "8000")}
COMPACTION: Drawn = {"min.cleanable.dirty.ratio": ("0.01", "0.5"), "delete.retention.ms": ("60000", "86400000")}
SMALL_SEGMENTS: Drawn = {"internal.segment.bytes": ("1000", "4000"), "segment.ms": ("1000", "3000")}

POLICIES: tuple[Drawn, ...] = (
    {},
    {},
    RETENTION | SMALL_SEGMENTS,
    {"cleanup.policy": ("compact",)} | COMPACTION | SMALL_SEGMENTS,
    {"cleanup.policy": ("compact,delete",)} | RETENTION | COMPACTION | SMALL_SEGMENTS,
)
"""What is drawn beside it, or instead: whether a topic's records may go, and when. Markers and tombstones stay longer
than a replica may be away: one that misses a marker has an open transaction for ever, in Kafka as well.
"""


class TopicMaker(SimulatedClient):
    """Creates topics, after a while, and ends."""

    def __init__(
        self, node: Node, name: str, workload: Workload, topics: tuple[str, ...], *, delay_ms: int = 0
    ) -> None:
        super().__init__(node, name, workload)
        self.topics = topics
        self.delay_ms = delay_ms

    def live(self) -> Coroutine:
        if self.delay_ms:
            yield Pause(self.delay_ms)
        for topic in self.topics:
            yield from self.make(topic)

    def make(self, topic: str) -> Coroutine:
        """Create a topic, until it is there."""
        drawn = DRAWN | self.random.choice(POLICIES)
        configs = {key: self.random.choice(values) for key, values in drawn.items()}
        if self.workload.is_synced:
            del configs["flush.messages"]  # as brokers have it
        request = requests.create_topic(topic, len(self.workload.partitions), REPLICAS, configs)
        while True:
            answer = yield self.to(self.anybody(), request, 10_000)
            if not isinstance(answer, Disconnected) and answer.topics[0].error_code in (0, TopicAlreadyExists.code):
                return
            yield self.retry_pause()
