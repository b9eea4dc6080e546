"""A client that deletes records from the starts of the topic's partitions, as a program that has archived them does."""

from __future__ import annotations

from math import inf

from actors.network.link import Disconnected
from actors.runtime import Coroutine
from actors.runtime.coroutine import Pause
from actors.simulation import requests
from actors.simulation.client import SimulatedClient, is_retriable
from kstore.errors import OffsetOutOfRange, PolicyViolation

PAUSE_MS = 4_000
ALL = -1
EXPECTED = {OffsetOutOfRange.code, PolicyViolation.code}
"""An offset that was listed may be beyond what a new leader knows to be committed."""


class RecordsDeleter(SimulatedClient):
    """Deletes until the workload closes: up to an offset that was once the end, or, rarely, all."""

    def live(self) -> Coroutine:
        workload = self.workload
        while not workload.closing:
            yield Pause(self.random.randint(PAUSE_MS // 8, PAUSE_MS))
            partition = self.random.choice(workload.partitions)
            leader = yield from self.leader_of(partition)
            is_all = self.random.random() < 0.05
            offset = ALL if is_all else self.random.randint(0, workload.history.latest.get(partition, 0))
            workload.deletes(partition, inf if is_all else offset)
            answer = yield self.to(leader, requests.delete_records(workload.topic, partition, offset))
            if isinstance(answer, Disconnected):
                yield from self.mistrust(partition)
                continue
            code = answer.topics[0].partitions[0].error_code
            if code and code not in EXPECTED:
                if not is_retriable(code):
                    workload.history.refused(self.actor_urn, partition, b"DeleteRecords", code)
                yield from self.mistrust(partition)
