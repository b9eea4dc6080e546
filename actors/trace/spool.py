"""Rows brought to a ``.ktrace`` file as the ring fills, so that a file holds all of a run however long it was.

The recorder hands over some 2,000 rows at a time, which are appended to the file at once: what is not yet in it is
bounded by that, and a process that is killed loses no more. A file that can't be written ends the spooling and says so
in the trace (``TraceFileFailed``) and in ``failure``; the cluster goes on.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

from actors.trace.file import end_block, folder_of, header, name_blocks, row_blocks

if TYPE_CHECKING:
    from actors.runtime.world import World
    from kstore.fs import File


class Spool:
    """Writes the rows of a world's recorder to a file, in place of what was there, from now on.

    Raises OSError when the file can't be written at all.
    """

    def __init__(self, world: World, file: str | PathLike[str]) -> None:
        self.failure: OSError | None = None
        self._world = world
        fs, name = folder_of(file)
        self._file: File | None = fs.open(name, create=True)
        self._file.truncate(0)
        self._append([header(world.clock.base_us(), virtual=world.virtual)])
        world.recorder.spool_to(self._take)

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
        recorder.flush()
        recorder.spool_to(None)
        if self._file is not None:
            try:
                self._append([end_block(recorder.next_sequence)])
            except OSError as error:
                self.failure = error
            self._file.close()
            self._file = None
