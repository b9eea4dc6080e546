"""What a log raises when the disk no longer has what it took: bytes that were durable are wrong, or gone.

A failing disk may work again, and then the log is as it was; a damaged log isn't, however often it is read.
It is neither read from nor appended to: it is put back from a backup, or copied anew from another replica.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.errors import CorruptMessage, KafkaStorageError

if TYPE_CHECKING:
    from kstore.log.log import Log


class LogDamaged(KafkaStorageError):
    """The message names the file or folder, what is wrong with it, and where."""


def unreadable(path: str, error: OSError | CorruptMessage) -> KafkaStorageError:
    """What to raise when a log can't be read: an error of the disk, or damaged bytes."""
    if isinstance(error, CorruptMessage):
        return LogDamaged(f"{path} is damaged: {error.message}")
    return KafkaStorageError(f"couldn't read {path}: {error}")


def failed_to_read(log: Log, error: OSError | CorruptMessage) -> KafkaStorageError:
    """The log was in use as it turned out: it is closed, and its owner told."""
    found = unreadable(log.path, error)
    log.is_damaged = log.is_damaged or isinstance(found, LogDamaged)
    log.failed(found.message)
    return found


def is_there(log: Log) -> bool:
    """Whether the file that is appended to can still be found: one that was deleted is written to all the same."""
    return log.fs.exists(log.segments.active.file.path)
