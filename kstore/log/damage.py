"""Errors of a damaged log: bytes that were synced to disk are wrong or missing.

A failing disk may work again, and then the log is as it was; a damaged log stays damaged, until it is restored from a
backup, or what is wrong is copied again from another replica. A log that is damaged as it is opened is neither read nor
appended to. Of one where damage is found later, what is wrong isn't read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.errors import CorruptMessage, KafkaStorageError

if TYPE_CHECKING:
    from kstore.log.log import Log


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


def is_there(log: Log) -> bool:
    """Whether the file that is appended to still has its name: one that was deleted can be written to all the same."""
    return log.fs.exists(log.segments.active.file.path)
