from collections.abc import Callable
from typing import NamedTuple

from actors.runtime.clock import Clock

NOTE: int
ENTERED: int

class TraceRow(NamedTuple):
    sequence: int
    time_us: int
    cause: int
    actor: str
    kind: str
    partition: str
    offset1: int
    offset2: int
    subject: str = ""
    took_us: int = 0
    depth: int = ...

class Recorder:
    @property
    def next_sequence(self) -> int: ...
    def __init__(self, clock: Clock, capacity: int = 65536, hashing: bool = False) -> None: ...
    def intern(self, key: str | type) -> int: ...
    def release(self, number: int) -> None: ...
    def note(
        self,
        actor: int,
        kind: str | type,
        cause: int,
        partition: str = "",
        offset1: int = -1,
        offset2: int = -1,
        subject: str = "",
    ) -> int: ...
    def spool_to(self, sink: Callable[[list[tuple[int, str]], bytes], None] | None) -> None: ...
    def flush(self) -> None: ...
    def count(self, kind: str | type) -> int: ...
    def trace_hash(self) -> str: ...
    def copy(self) -> tuple[bytes, list[str]]: ...
    def recent(self, count: int = 65536) -> list[TraceRow]: ...
    def chain(self, sequence: int) -> list[TraceRow]: ...
