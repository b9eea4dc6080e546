"""A consumer that assigns its partitions itself, and commits its offsets to a group without members: a simple group."""

from __future__ import annotations

from actors.runtime import Coroutine
from actors.runtime.coroutine import Pause
from actors.simulation.group_member import GroupMember

NO_GENERATION = -1
PAUSE_MS = 1_000


class SimpleConsumer(GroupMember):
    """It reads all partitions; now and then it begins again at what is committed, as a process does that is started
    again.
    """

    def live(self) -> Coroutine:
        self.assigned = list(self.workload.partitions)
        while True:
            yield Pause(self.random.randint(PAUSE_MS // 4, PAUSE_MS))
            if self.coordinator < 0 and not (yield from self.find_coordinator()):
                continue
            if not self.positions and not (yield from self.find_positions(self.assigned)):
                continue
            yield from self.fetch_assigned()
            if self.dirty and (yield from self.commit()) and not self.workload.closing and self.random.random() < 0.1:
                self.positions.clear()

    @property
    def is_stable(self) -> bool:
        return self.coordinator >= 0 and not self.dirty and len(self.positions) == len(self.assigned)

    def went_wrong(self, code: int) -> bool:
        if code:
            self.coordinator = -1
        return code != 0

    def since(self, partition: int) -> int:
        return NO_GENERATION
