"""Gives bytes to a reader, and says what is wrong with what it does: an untyped error, memory, time."""

from __future__ import annotations

import signal
import time
import traceback
import tracemalloc
from collections import Counter
from types import FrameType

from fuzz.readers.cases import Case
from fuzz.readers.reader import REFUSALS

from kstore.named import NamedTuple

SECONDS_MAX = 2.0


class TooSlow(BaseException):
    """A reader has taken too much processor time; no reader catches it."""


class Fault(NamedTuple):
    """A case that a reader didn't take as it should."""

    reader: str
    number: int
    what: str
    data: bytes

    def __str__(self) -> str:
        shown = self.data.hex() if len(self.data) <= 2_000 else f"{self.data[:2_000].hex()}... ({len(self.data)} bytes)"
        return f"case {self.number} of {self.reader}: {self.what}\n  bytes {shown}"


class Trial:
    """Of one case in ``memory_every`` the memory is measured, which costs time. ``seen`` counts what came of them."""

    def __init__(self, *, memory_every: int = 1, seconds_max: float = SECONDS_MAX) -> None:
        self.memory_every = memory_every
        self.seconds_max = seconds_max
        self.seen: Counter[str] = Counter()
        self.faults: list[Fault] = []
        self.slowest_s = 0.0
        self.largest_bytes = 0

    def __enter__(self) -> Trial:
        self._before = signal.signal(signal.SIGPROF, _stop)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGPROF, self._before)

    def run(self, number: int, case: Case) -> None:
        """One case; what is wrong is added to ``faults``."""
        reader, data = case
        is_measured = number % self.memory_every == 0
        if is_measured:
            tracemalloc.start()
        begun = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, self.seconds_max)
        wrong = ""
        try:
            reader.read(data)
        except REFUSALS as error:
            self.seen[f"refused: {type(error).__name__}"] += 1
        except TooSlow:
            wrong = f"still not done after {self.seconds_max} s"
        except Exception as error:  # noqa: BLE001  # which is what a fault is
            where = traceback.extract_tb(error.__traceback__)[-1]
            wrong = f"{type(error).__name__}: {str(error)[:200]} ({where.filename}:{where.lineno})"
        else:
            self.seen["read"] += 1
        signal.setitimer(signal.ITIMER_PROF, 0)
        self.slowest_s = max(self.slowest_s, time.process_time() - begun)
        if is_measured:
            taken = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.largest_bytes = max(self.largest_bytes, taken)
            if not wrong and taken > reader.memory_bytes_max + 100 * len(data):
                wrong = f"{taken} bytes of memory for {len(data)} bytes"
        if wrong:
            self.seen["faults"] += 1
            self.faults.append(Fault(reader.name, number, wrong, data))


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow
