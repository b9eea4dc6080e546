"""Opening of a replica's log: at a node's start, for a new partition, and again after it was offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.errors import KafkaStorageError
from kstore.log import Log
from kstore.log.checkpoints import CheckpointError, read_partition_metadata, write_partition_metadata
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from kstore.fs import FileSystem
    from kstore.log import LogConfig
    from kstore.log.manifest import LogNote

PROBE_BYTES = 4096


class LogEnds(NamedTuple):
    """What is known of a log that isn't open, in the form for ``Log.open``."""

    recovery_point: int = 0
    start_offset: int = 0
    high_watermark: int = 0
    floor: int = 0
    clean: bool = False
    note: LogNote | None = None

    @classmethod
    def of(cls, log: Log) -> LogEnds:
        """The ends of a log that can't be trusted any more: nothing that it had may be missing, but for what was to be
        cut off.
        """
        return cls(log.recovery_point, log.start_offset, log.high_watermark, log.floor)


def open_log(
    fs: FileSystem,
    label: str,
    topic_id: bytes,
    config: LogConfig,
    ends: LogEnds,
    now_ms: int,
    draw_below: Callable[[int], int],
) -> Log:
    """Open the log in folder ``label``, and check its topic id.

    Raises:
        KafkaError: it can't be opened; LogDamaged: records that it must have are missing.
    """
    try:
        owner = read_partition_metadata(fs, label) if fs.exists(label) else None
        if owner is not None and owner != topic_id:
            raise KafkaStorageError(f"{label} holds records of another topic, of the id {owner.hex()}")
        log = Log.open(
            fs,
            label,
            config,
            now_ms=now_ms,
            clean=ends.clean,
            recovery_point=ends.recovery_point,
            start_offset=ends.start_offset,
            high_watermark=ends.high_watermark,
            note=ends.note,
            floor=ends.floor,
            draw_below=draw_below,
        )
        if owner is None:
            write_partition_metadata(fs, label, topic_id)
    except CheckpointError as error:
        raise KafkaStorageError(str(error)) from None
    except OSError as error:
        raise KafkaStorageError(f"can't open {label}: {error}") from None
    return log


def probe(fs: FileSystem, label: str) -> None:
    """Raise KafkaStorageError unless the log's folder can be written to; a missing folder is no error."""
    path = f"{label}/probe.tmp"
    try:
        if fs.exists(label):
            fs.replace(path, bytes(PROBE_BYTES))
            fs.unlink(path)
    except OSError as error:
        raise KafkaStorageError(f"can't write to {label}: {error}") from None
