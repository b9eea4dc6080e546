"""Errors of a damaged log: bytes that were synced to disk are wrong or missing.

A failing disk may work again, and then the log is as it was; a damaged log stays damaged, until it is restored from a
backup, or what is wrong is copied again from another replica. A log that is damaged as it is opened is neither read nor
appended to. Of one where damage is found later, what is wrong isn't read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.errors import CorruptMessage, KafkaStorageError
from kstore.log.quarantine import forget_snapshot_behind, set_file_aside

if TYPE_CHECKING:
    from kstore.log.log import Log
    from kstore.log.segment import Segment


class LogDamaged(KafkaStorageError):
    """The message names the file or folder, what is wrong with it, and where."""


def unreadable(path: str, error: OSError | CorruptMessage) -> KafkaStorageError:
    """The error to raise when a log can't be read: an error of the disk, or damaged bytes."""
    if isinstance(error, CorruptMessage):
        return LogDamaged(f"{path} is damaged: {error.message}")
    return KafkaStorageError(f"couldn't read {path}: {error}")


def failed_to_read(log: Log, error: OSError | CorruptMessage, *, half_done: bool = False) -> KafkaStorageError:
    """Handle that a log couldn't be read while it was in use; the error to raise. Its owner is told.

    An error of the disk closes the log. So do damaged bytes if something was ``half_done``; else what is sound goes on
    being read, and the log takes appends.
    """
    found = unreadable(log.path, error)
    is_damaged = isinstance(found, LogDamaged)
    if is_damaged:
        log.damaged(found.message)
    if half_done or not is_damaged:
        log.failed(found.message)
    return found


def transaction_index_damaged(log: Log, reason: str, wrong: Segment | None = None) -> KafkaStorageError:
    """Handle that a transaction index of a log in use is wrong; the error to raise. That of ``wrong``, and all that
    aren't as they were written, are set aside, and the log is closed: they are made anew as it is opened again.
    """
    try:
        for segment in log.segments:
            index = segment.aborted
            if index is not None and (segment is wrong or not index.is_as_written()):
                set_file_aside(log.fs, index.path)
                forget_snapshot_behind(log.fs, log.path, segment.base_offset, log.segments.base_offsets)
    except OSError as error:
        return log.failed(f"{reason}; then {error}")
    return log.failed(f"{reason}: it is made anew from the markers")


def is_there(log: Log) -> bool:
    """Whether the file that is appended to still has its name: one that was deleted can be written to all the same."""
    return log.fs.exists(log.segments.active.file.path)
