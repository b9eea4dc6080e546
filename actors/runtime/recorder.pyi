from typing import NamedTuple

from actors.runtime.clock import Clock

class TraceRow(NamedTuple):
    sequence: int
    time_us: int
    cause: int
    actor: str
    kind: str
    partition: str
    offset1: int
    offset2: int

class Recorder:
    @property
    def next_sequence(self) -> int: ...
    def __init__(self, clock: Clock, capacity: int = 65536, hashing: bool = False) -> None: ...
    def intern(self, key: str | type) -> int: ...
    def note(
        self,
        actor: int,
        kind: str | type,
        cause: int,
        partition: str = "",
        offset1: int = -1,
        offset2: int = -1,
    ) -> int: ...
    def count(self, kind: str | type) -> int: ...
    def trace_hash(self) -> str: ...
    def recent(self, count: int = 65536) -> list[TraceRow]: ...
    def chain(self, sequence: int) -> list[TraceRow]: ...
