"""Errors of a damaged log: bytes that were synced to disk are wrong or missing.

A failing disk may work again, and then the log is as it was; a damaged log stays damaged. It is neither read nor
appended to: it must be restored from a backup, or copied again from another replica.
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


def failed_to_read(log: Log, error: OSError | CorruptMessage) -> KafkaStorageError:
    """Handle that a log couldn't be read while it was in use: it is closed, and its owner told."""
    found = unreadable(log.path, error)
    log.is_damaged = log.is_damaged or isinstance(found, LogDamaged)
    log.failed(found.message)
    return found


def is_there(log: Log) -> bool:
    """Whether the file that is appended to still has its name: one that was deleted can be written to all the same."""
    return log.fs.exists(log.segments.active.file.path)
