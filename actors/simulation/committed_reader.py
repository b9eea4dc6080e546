"""Programs that read what is committed: every partition of both topics, from its beginning and again from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.errors import KafkaTimeout
from actors.clients.structs import TopicPartition
from actors.simulation.program import Program
from actors.simulation.transaction_history import Values
from kstore.log.names import TopicAndPartition

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
        self.partitions = [
            TopicPartition(topic, n) for topic in (workload.topic, workload.outputs) for n in workload.partitions
        ]
        self.positions = dict.fromkeys(self.partitions, 0)
        self.values: dict[TopicAndPartition, Values] = {
            (partition.topic, partition.partition): [] for partition in self.partitions
        }

    def live(self) -> None:
        consumer = self.consumer(max_poll_records=self.random.choice((20, 500)) if self.goes_back else RECORDS_MAX)
        consumer.assign(self.partitions)
        while not self.workload.done:
            self.poll_once(consumer)
            if self.goes_back:
                self.pause(PAUSE_MS)
                if self.random.random() < 0.05:
                    self.go_back(consumer)
        self.let_go(consumer)

    def is_at(self, ends: dict[TopicAndPartition, int]) -> bool:
        """Whether it has read everything up to these offsets of some partitions."""
        return all(self.positions[TopicPartition(*partition)] >= end for partition, end in ends.items())

    def poll_once(self, consumer: Consumer) -> None:
        """Poll, and note what it brings of each partition."""
        found = consumer.poll(200)
        for partition in self.partitions:
            begin = self.positions[partition]
            try:
                end = self.positions[partition] = consumer.position(partition)
            except KafkaTimeout:  # it isn't known yet where it is, so it has read nothing
                continue
            values = [(record.offset, record.value or b"") for record in found.get(partition, ())]
            if values or end != begin:
                self.history.read(self.label, (partition.topic, partition.partition), begin, end, values)
                self.values[partition.topic, partition.partition] += values

    def go_back(self, consumer: Consumer) -> None:
        """Read on from an earlier offset."""
        partition = self.random.choice(self.partitions)
        self.positions[partition] -= min(self.positions[partition], self.random.randint(1, BACK_MAX))
        consumer.seek(partition, self.positions[partition])
