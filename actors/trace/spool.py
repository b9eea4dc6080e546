"""Writes the recorder's rows to a ``.ktrace`` file as the ring fills, so that the file has a whole run.

The recorder hands over some 2,000 rows at a time, which are appended to the file at once; in real time whatever is
there is brought once a second as well (less often while nothing happens). A process that is killed loses no more. A
file that can't be written ends the spooling and says so in the trace (``TraceFileFailed``) and in ``failure``; the
cluster goes on.

The file is locked as long as it is written, so that two never write one. What is there already, such as the trace of a
run that crashed, is kept under the name with a number: ``run.ktrace.1`` is the oldest.
"""

from __future__ import annotations

from itertools import count
from os import PathLike, fspath
from typing import TYPE_CHECKING

from actors.trace.file import TraceFileError, end_block, folder_of, header, name_blocks, row_blocks
from kstore.fs import LockedError

if TYPE_CHECKING:
    from actors.runtime.timers import Timer
    from actors.runtime.world import World
    from kstore.fs import File
    from kstore.fs.posix import PosixFileSystem, PosixLock

BRING_MS_MIN, BRING_MS_MAX = 1_000, 60_000


class Spool:
    """Writes the rows of a world's recorder to a new file from now on; ``kept_as`` is what a file there is called now.

    Raises ``TraceFileError`` when another process or cluster is writing the file, OSError when it can't be written at
    all.
    """

    def __init__(self, world: World, file: str | PathLike[str]) -> None:
        self.failure: OSError | None = None
        self._world = world
        fs, name = folder_of(file)
        self._lock, self.kept_as = _claim(fs, name, fspath(file))
        self._file: File | None = fs.open(name, create=True)
        self._append([header(world.clock.base_us(), virtual=world.virtual)])
        world.recorder.spool_to(self._take)
        self._timer: Timer | None = None
        if not world.virtual:
            self._bring_later(BRING_MS_MIN)

    def _bring_later(self, delay_ms: int) -> None:
        clock, written = self._world.clock, self._world.recorder.next_sequence
        self._timer = self._world.timers.at(clock.now_us() + delay_ms * 1000, self._bring, delay_ms, written)

    def _bring(self, delay_ms: int, written: int) -> None:
        """Bring what was written since; if that is this timer's own row, it can wait."""
        if self._world.recorder.next_sequence - written > 1:
            self._world.recorder.flush()
            self._bring_later(BRING_MS_MIN)
        else:
            self._bring_later(min(2 * delay_ms, BRING_MS_MAX))

    def _take(self, names: list[tuple[int, str]], rows: bytes) -> None:
        if self._file is None:
            return
        try:
            self._append([*name_blocks(names), *row_blocks(rows)])
        except OSError as error:
            self.failure = error
            self._file.close()
            self._file = None
            self._world.recorder.note(0, "TraceFileFailed", 0, subject=str(error))

    def _append(self, parts: list[bytes]) -> None:
        assert self._file is not None
        self._file.append(parts, sum(map(len, parts)))

    def close(self) -> None:
        """Write what is not in the file yet, and its end. Closing twice is harmless."""
        recorder = self._world.recorder
        if self._timer is not None:
            self._timer.cancel()
        recorder.flush()
        recorder.spool_to(None)
        if self._file is not None:
            try:
                self._append([end_block(recorder.next_sequence)])
            except OSError as error:
                self.failure = error
            self._file.close()
            self._file = None
        self._lock.release()


def _claim(fs: PosixFileSystem, name: str, told: str) -> tuple[PosixLock, str]:
    """Lock a file of this name that is empty, having renamed one that isn't; and what that is called now, or ""."""
    try:
        lock = fs.lock(name)
        if not fs.size(name):
            return lock, ""
        kept_as = next(other for other in (f"{name}.{number}" for number in count(1)) if not fs.exists(other))
        fs.rename(name, kept_as)
        try:
            return fs.lock(name), kept_as
        finally:
            lock.release()
    except LockedError:
        raise TraceFileError(f"{told} is being written by another server or cluster: name another trace file") from None
