"""The messages between the log cleaner of a node and its replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.runtime import Ref
    from kstore.log.cleanable import Cleanable
    from kstore.log.cleaning import CleaningStats
    from kstore.log.offset_map import OffsetMap


class Compact(NamedTuple):
    """Close the active segment, and have the node's cleaner clean the log at once. The answer is a list of ``Cleaned``,
    empty if the log is out of use, and None if it isn't compacted. Raises KafkaStorageError when the disk refuses.
    """


class OfferLog(NamedTuple):
    """To the node's cleaner: this compacted log may have more to clean than before."""

    topic: str
    partition: int
    replica: Ref


class CleanNow(NamedTuple):
    """Ask the node's cleaner to clean a log whatever its dirty ratio is. The answer is a list of ``Cleaned``."""

    topic: str
    partition: int
    replica: Ref


class LogTruncated(NamedTuple):
    """To the node's cleaner: what lies at ``end_offset`` or beyond will be other records."""

    topic: str
    partition: int
    end_offset: int


class FindCleanable(NamedTuple):
    """Ask what of a log can be cleaned; ``first_dirty_offset`` as its cleaner knows it, if it does. The answer is a
    ``FoundCleanable``, or None if the log isn't compacted or is out of use.
    """

    first_dirty_offset: int | None


class FoundCleanable(NamedTuple):
    """``may_become_due``: time, or other records' commits, may make it due without a new segment."""

    cleanable: Cleanable
    is_due: bool
    may_become_due: bool


class Clean(NamedTuple):
    """Clean the log, as the answer to ``FindCleanable`` said. The answer is a ``Cleaned``."""

    cleanable: Cleanable
    offsets: OffsetMap


class Cleaned(NamedTuple):
    """The first dirty offset from now on, None if the cleaning didn't come to its end: ``failure`` says why."""

    cleaned_to: int | None
    stats: CleaningStats
    failure: str | None
