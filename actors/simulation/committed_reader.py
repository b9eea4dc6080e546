"""Programs that read what is committed: every partition of both topics, from its beginning and again from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.errors import KafkaTimeout
from actors.clients.structs import TopicPartition
from actors.simulation.program import Program
from actors.simulation.transaction_history import Place, Values

if TYPE_CHECKING:
    from actors.clients.consumer.consumer import Consumer
    from actors.cluster import Cluster
    from actors.simulation.client import Workload

PAUSE_MS = 200
BACK_MAX = 100
RECORDS_MAX = 5_000


class CommittedReader(Program):
    """Reads until the workload is done. ``values`` has what was read; with ``goes_back`` it reads parts of it again."""

    def __init__(self, cluster: Cluster, workload: Workload, label: str, *, goes_back: bool) -> None:
        super().__init__(cluster, workload, label)
        self.goes_back = goes_back
        self.places = [
            TopicPartition(topic, n) for topic in (workload.topic, workload.outputs) for n in workload.partitions
        ]
        self.positions = dict.fromkeys(self.places, 0)
        self.values: dict[Place, Values] = {(place.topic, place.partition): [] for place in self.places}

    def live(self) -> None:
        consumer = self.consumer(max_poll_records=self.random.choice((20, 500)) if self.goes_back else RECORDS_MAX)
        consumer.assign(self.places)
        while not self.workload.done:
            self.poll_once(consumer)
            if self.goes_back:
                self.pause(PAUSE_MS)
                if self.random.random() < 0.05:
                    self.go_back(consumer)
        self.let_go(consumer)

    def is_at(self, ends: dict[Place, int]) -> bool:
        """Whether it has read everything up to these offsets of some partitions."""
        return all(self.positions[TopicPartition(*place)] >= end for place, end in ends.items())

    def poll_once(self, consumer: Consumer) -> None:
        """Poll, and note what it brings of each partition."""
        found = consumer.poll(200)
        for place in self.places:
            begin = self.positions[place]
            try:
                end = self.positions[place] = consumer.position(place)
            except KafkaTimeout:  # it isn't known yet where it is, so it has read nothing
                continue
            values = [(record.offset, record.value or b"") for record in found.get(place, ())]
            if values or end != begin:
                self.history.read(self.label, (place.topic, place.partition), begin, end, values)
                self.values[place.topic, place.partition] += values

    def go_back(self, consumer: Consumer) -> None:
        """Read on from an earlier place."""
        place = self.random.choice(self.places)
        self.positions[place] -= min(self.positions[place], self.random.randint(1, BACK_MAX))
        consumer.seek(place, self.positions[place])
