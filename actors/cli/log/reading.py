"""Reading logs for the verbs of ``kstore log``: which are meant, and their batches, with a word about what is wrong."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

from actors.cli.arguments import InputError
from actors.cli.output import one_line
from kstore.codec.compression import codec_name
from kstore.errors import CorruptMessage
from kstore.fs.interface import parent
from kstore.log.offline import NoLogError, StoredLog, find_logs, is_gone
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kstore.log.offline import StoredBatch, StoredSegment
    from kstore.records import RecordBatch


class FoundLog(NamedTuple):
    """A log at the path ``given``. ``path`` is its folder's, from there; ``label`` is the name that people are shown,
    with as much of its path as tells it from the others.
    """

    log: StoredLog
    given: str
    path: str
    label: str

    @property
    def size_bytes(self) -> int:
        """The bytes of its batches; 0 for what can't be read."""
        try:
            return sum(size_of(segment) for segment in self.log.segments)
        except OSError:
            return 0


class FoundLogs(NamedTuple):
    """The logs that are meant; ``is_wrong`` if some of them can't be found because something can't be read."""

    logs: list[FoundLog]
    is_wrong: bool


def size_of(segment: StoredSegment) -> int:
    """The bytes of a segment; 0 if it can't be read."""
    try:
        return segment.size_bytes
    except OSError:
        return 0


def logs_at(paths: list[str], *, read_all: bool) -> FoundLogs:
    """The logs at paths, with a word about those that aren't read to their ends; with ``read_all`` all of them are.

    Raises ``InputError`` for a path without logs.
    """
    unreadable: list[Exception] = []
    try:
        found = [
            (path, log._replace(up_to=None) if read_all else log)
            for path in dict.fromkeys(paths)
            for log in find_logs(path, of_any_name=True, told=unreadable.append)
        ]
    except NoLogError as error:
        for each in unreadable:
            tell(one_line(each))
        raise InputError(str(error)) from None
    for each in unreadable:
        tell(one_line(each))
    labels = labels_of([folder_of(log) for _, log in found])
    logs = [
        FoundLog(log, given, shown_path(given, log), label) for (given, log), label in zip(found, labels, strict=True)
    ]
    tell_of_use(logs)
    return FoundLogs(logs, bool(unreadable))


def folder_of(log: StoredLog) -> str:
    """The absolute path of a log's folder."""
    return os.path.join(getattr(log.fs, "root", ""), log.path)


def shown_path(given: str, log: StoredLog) -> str:
    """The path of a log's folder from where the given one begins."""
    return os.path.normpath(os.path.join(given, os.path.relpath(folder_of(log), os.path.abspath(given))))


def labels_of(paths: list[str]) -> list[str]:
    """The last parts of each path, as many as tell it from the others.

    >>> labels_of(["/data/node-1/orders-0", "/data/node-2/orders-0", "/data/node-2/orders-1"])
    ['node-1/orders-0', 'node-2/orders-0', 'orders-1']
    """
    parts = [path.split("/") for path in paths]
    labels = [each[-1] for each in parts]
    for count in range(2, max(map(len, parts), default=0) + 1):
        twice = {label for label, times in Counter(labels).items() if times > 1}
        if not twice:
            break
        labels = ["/".join(each[-count:]) if old in twice else old for each, old in zip(parts, labels, strict=True)]
    return labels


def tell_of_use(logs: list[FoundLog]) -> None:
    """Say of which brokers logs aren't read to their ends: a line for each."""
    by_broker: dict[str, list[FoundLog]] = {}
    for each in logs:
        if each.log.up_to is not None:
            by_broker.setdefault(parent(folder_of(each.log)), []).append(each)
    for broker, label in zip(by_broker, labels_of(list(by_broker)), strict=True):
        (first, *others) = by_broker[broker]
        read = (
            "logs are read up to their high watermarks"
            if others
            else f"{first.log.name} is read up to the high watermark {first.log.up_to}"
        )
        tell(f"{label}: no mark of a clean stop: {read} (--all: beyond)")


def tell(line: str) -> None:
    """Print a line for people."""
    print(f"kstore: {' '.join(line.split())}", file=sys.stderr)


class LogReader:
    """Reads the batches of a log from an offset on, or of some of its ``segments``. ``is_wrong`` once something in it
    can't be read. What retention removes meanwhile is passed over.
    """

    def __init__(self, found: FoundLog, first: int = 0, segments: list[StoredSegment] | None = None) -> None:
        self.found = found
        self.log = found.log
        self.label = found.label
        self.first = first
        self.is_wrong = False
        self.segments = self.listed() if segments is None else segments

    def listed(self) -> list[StoredSegment]:
        """The segments in the log's folder."""
        try:
            return self.log.segments
        except OSError as error:
            if not is_gone(self.log.fs, self.log.path):
                self.wrong(unreadable(self.log.path, error))
            return []

    def batches(self) -> Iterator[tuple[StoredSegment, StoredBatch]]:
        """The batches with records at ``first`` or later."""
        segments, end = self.segments, -1
        for number, segment in enumerate(segments):
            if number + 1 < len(segments) and segments[number + 1].base_offset <= self.first:
                continue
            try:
                for found in segment.batches():
                    if self.log.up_to is not None and found.batch.last_offset >= self.log.up_to:
                        return
                    end = found.batch.last_offset + 1
                    if end > self.first:
                        yield segment, found
            except CorruptMessage as error:
                if self.log.up_to is None or max(end, segment.base_offset) < self.log.up_to:
                    self.wrong(error)  # what is behind the high watermark may just be written
            except OSError as error:
                if not is_gone(segment.fs, segment.path):
                    self.wrong(unreadable(segment.path, error))

    def wrong(self, error: Exception) -> None:
        """Say that something can't be read; what can is read on."""
        tell(f"{self.label}: {error}")
        self.is_wrong = True


def unreadable(path: str, error: OSError) -> OSError:
    """The error of a file or folder with its name."""
    return OSError(f"{path}: {error.strerror or error}")


def codec_of(batch: RecordBatch) -> str:
    """The name of a batch's codec, or its number if there is no such one."""
    try:
        return codec_name(batch.compression)
    except ValueError:
        return str(batch.compression)
