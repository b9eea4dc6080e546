"""The client that creates the topics, with configs that each seed draws."""

from __future__ import annotations

from actors.network.link import Disconnected
from actors.runtime import Coroutine
from actors.simulation import requests
from actors.simulation.client import SimulatedClient
from kstore.errors import TopicAlreadyExists

REPLICAS = 3

DRAWN = {
    "flush.messages": ("1", "9223372036854775807", "9223372036854775807"),
    "index.interval.bytes": ("0", "200", "4096"),
    "internal.segment.bytes": ("1000", "20000", "1073741824"),
    "message.timestamp.type": ("CreateTime", "CreateTime", "LogAppendTime"),
    "min.insync.replicas": ("1", "2", "2"),
    "segment.ms": ("3000", "604800000"),
}
"""What each seed draws for each topic."""


class TopicMaker(SimulatedClient):
    """Creates the topics, and ends."""

    def live(self) -> Coroutine:
        for topic in (self.workload.topic, self.workload.outputs):
            yield from self.make(topic)

    def make(self, topic: str) -> Coroutine:
        """Create a topic, until it is there."""
        configs = {key: self.random.choice(values) for key, values in DRAWN.items()}
        request = requests.create_topic(topic, len(self.workload.partitions), REPLICAS, configs)
        while True:
            answer = yield self.to(self.anybody(), request, 10_000)
            if not isinstance(answer, Disconnected) and answer.topics[0].error_code in (0, TopicAlreadyExists.code):
                return
            yield self.retry_pause()
