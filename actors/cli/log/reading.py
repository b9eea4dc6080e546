"""Reading logs for the verbs of ``kstore log``: which are meant, and their batches, with a word about what is wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from actors.cli.arguments import InputError
from kstore.codec.compression import codec_name
from kstore.errors import CorruptMessage
from kstore.log.offline import NoLogError, StoredLog, find_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kstore.log.offline import StoredBatch, StoredSegment
    from kstore.records import RecordBatch


def logs_at(paths: list[str], *, read_all: bool) -> list[StoredLog]:
    """The logs at paths, with a word about those that aren't read to their ends; with ``read_all`` all of them are.

    Raises ``InputError`` for a path without logs.
    """
    try:
        found = [log._replace(up_to=None) if read_all else log for path in paths for log in find_logs(path)]
    except NoLogError as error:
        raise InputError(str(error)) from None
    for log in found:
        if log.up_to is not None:
            tell(f"{log.name}: no mark of a clean stop: read up to the high watermark {log.up_to} (--all: beyond it)")
    return found


def tell(line: str) -> None:
    """Print a line for people."""
    print(f"kstore: {line}", file=sys.stderr)


class LogReader:
    """Reads the batches of a log from an offset on. ``is_wrong`` once something in it can't be read."""

    def __init__(self, log: StoredLog, first: int = 0) -> None:
        self.log = log
        self.first = first
        self.is_wrong = False

    def batches(self) -> Iterator[tuple[StoredSegment, StoredBatch]]:
        """The batches with records at ``first`` or later."""
        segments = self.log.segments
        for number, segment in enumerate(segments):
            if number + 1 < len(segments) and segments[number + 1].base_offset <= self.first:
                continue
            try:
                for found in segment.batches():
                    if self.log.up_to is not None and found.batch.last_offset >= self.log.up_to:
                        return
                    if found.batch.last_offset >= self.first:
                        yield segment, found
            except CorruptMessage as error:
                self.wrong(error)

    def wrong(self, error: Exception) -> None:
        """Say that something can't be read; what can is read on."""
        tell(f"{self.log.name}: {error}")
        self.is_wrong = True


def codec_of(batch: RecordBatch) -> str:
    """The name of a batch's codec, or its number if there is no such one."""
    try:
        return codec_name(batch.compression)
    except ValueError:
        return str(batch.compression)
