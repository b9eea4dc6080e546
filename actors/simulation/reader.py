"""A reader: a consumer without a group, that reads every partition from its beginning and asks where the ends are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.network.link import Disconnected
from actors.runtime import Coroutine, Node
from actors.runtime.coroutine import Pause
from actors.simulation import requests
from actors.simulation.client import RequestTo, SimulatedClient, Workload
from actors.simulation.fetching import Fetching
from kstore.errors import OffsetOutOfRange, for_code

if TYPE_CHECKING:
    from kstore.schema.messages.fetch import FetchResponse

FETCH = 1


class SimulatedReader(SimulatedClient):
    """Reads until the workload closes; with ``to_end`` it reads until it is at the end of every partition.

    Now and then it sleeps for so long that the leaders it knows of may have led, lost and led again meanwhile.
    """

    def __init__(self, node: Node, name: str, workload: Workload, *, label: str, to_end: bool = False) -> None:
        super().__init__(node, name, workload)
        self.label = label
        self.to_end = to_end
        self.positions = dict.fromkeys(workload.partitions, 0)
        self.ends: dict[int, int] = {}
        self.out_of_range: list[int] = []
        self.fetching: dict[int, Fetching] = {}
        self.in_sessions = self.random.random() < 0.7
        self.values: dict[int, list[tuple[int, bytes]]] = {partition: [] for partition in workload.partitions}

    def live(self) -> Coroutine:
        for partition in self.workload.partitions:
            yield from self.leader_of(partition)
        while not self.is_done():
            sleepy = not self.to_end and not self.workload.closing and self.random.random() < 0.04
            yield Pause(self.random.randint(2_000, 5_000) if sleepy else self.random.randint(1, 100))
            if self.to_end or self.random.random() < 0.2:
                yield from self.ask_for_ends()
            yield from self.fetch_once()

    def is_done(self) -> bool:
        """Whether it has read all that it has to."""
        if not self.to_end:
            return self.workload.closing
        return len(self.ends) == len(self.positions) and all(
            self.positions[partition] >= end for partition, end in self.ends.items()
        )

    def by_leader(self) -> dict[int, list[int]]:
        """The partitions that have a leader, by its node."""
        found: dict[int, list[int]] = {}
        for partition in self.workload.partitions:
            node = self.leaders[partition][0]
            if node >= 0:
                found.setdefault(node, []).append(partition)
        return found

    def known_epoch(self, partition: int) -> int:
        """The leader epoch of a partition, as far as it is known."""
        return self.leaders[partition][1]

    def fetching_from(self, node: int) -> Fetching:
        """The state of its fetches from a node."""
        found = self.fetching.get(node)
        if found is None:
            found = self.fetching[node] = Fetching(self.version(FETCH), in_session=self.in_sessions)
        return found

    def fetch_once(self) -> Coroutine:
        """One fetch from every leader at once."""
        asked = self.by_leader()
        fetches = []
        for node, partitions in asked.items():
            positions = {each: (self.positions[each], self.known_epoch(each)) for each in partitions}
            max_wait_ms = 20 if self.to_end else self.random.choice((0, 50, 300))
            fetching = self.fetching_from(node)
            request = fetching.request(self.workload.topic, self.topic_id, positions, max_wait_ms)
            fetches.append(RequestTo(node, request, fetching.version))
        outcomes = yield fetches
        lost = len(asked) == 0
        self.out_of_range.clear()
        for node, outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, Disconnected) or outcome.error_code:
                del self.fetching[node]
                lost = True
            else:
                self.fetching[node].answered(outcome)
                lost |= self.take(outcome)
        for partition in self.out_of_range:
            yield from self.go_to_start(partition)
        if lost:
            yield self.retry_pause()
            yield from self.refresh()

    def go_to_start(self, partition: int) -> Coroutine:
        """Read on from where a partition begins now, if its leader says so."""
        offset = yield from self.find_start(partition)
        if offset >= 0:
            self.positions[partition] = offset
            self.workload.history.sought(self.label, partition, offset)

    def take(self, response: FetchResponse) -> bool:
        """Note what a fetch brought; whether some partition has to be looked for elsewhere."""
        lost = False
        for topic in response.responses:
            for part in topic.partitions:
                partition = part.partition_index
                if part.error_code == OffsetOutOfRange.code:
                    self.offset_lost(self.label, partition, self.positions[partition])
                    self.out_of_range.append(partition)
                elif part.error_code:
                    lost = True
                    if not for_code(part.error_code).retriable:
                        self.workload.history.refused(self.label, partition, b"fetch", part.error_code)
                else:
                    self.keep(partition, *requests.values_from(part.records, self.positions[partition]))
        return lost

    def keep(self, partition: int, values: list[tuple[int, bytes]], next_offset: int) -> None:
        """Note values that were read, and where to read on."""
        self.positions[partition] = next_offset
        if values:
            self.workload.history.read(self.label, partition, values)
            if self.to_end:
                self.values[partition] += values

    def ask_for_ends(self) -> Coroutine:
        """Ask the leaders where each partition ends."""
        history = self.workload.history
        asked = self.by_leader()
        floors = dict(history.latest)
        outcomes = yield [
            self.to(
                node, requests.list_offsets(self.workload.topic, {each: self.known_epoch(each) for each in partitions})
            )
            for node, partitions in asked.items()
        ]
        for outcome in outcomes:
            if isinstance(outcome, Disconnected):
                continue
            for topic in outcome.topics:
                for part in topic.partitions:
                    if part.error_code == 0:
                        history.listed(part.partition_index, floors.get(part.partition_index, 0), part.offset)
                        self.ends[part.partition_index] = part.offset
