"""Which part of a log may be compacted, and whether it is time: Apache Kafka's ``LogCleanerManager`` and ``Cleaner``.

A log consists of a clean part, up to the first dirty offset, where each key stands once already, and a dirty part.
``cleaner-offset-checkpoint`` has up to where it was cleaned the last time. Of the dirty part, whole segments can be
cleaned, but never

* the active segment,
* what lies at the last stable offset or beyond, and so never beyond the high watermark,
* a segment with a record younger than ``min.compaction.lag.ms``, and what follows on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kstore.errors import CorruptMessage
from kstore.errors.arguments import LONG_MAX
from kstore.log.damage import failed_to_read
from kstore.log.segment import RELATIVE_OFFSET_MAX, Segment
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from kstore.log.config import LogConfig
    from kstore.log.log import Log

GROUP_SEGMENTS_MAX = 32
"""So many segments at most become one: all their files are renamed in one turn. Kafka has no such bound."""


class Cleanable(NamedTuple):
    """A log as its cleaner sees it. ``first_uncleanable_offset`` is where a segment begins.

    ``is_overdue``: a record has waited longer than ``max.compaction.lag.ms``. ``generation`` is how often the log's end
    had been cut: after another cut none of this holds.
    """

    first_dirty_offset: int
    first_uncleanable_offset: int
    clean_bytes: int
    cleanable_bytes: int
    is_overdue: bool
    generation: int

    @property
    def dirty_ratio(self) -> float:
        """The share of the bytes that can be cleaned which is dirty; 0 where there are none."""
        whole = self.clean_bytes + self.cleanable_bytes
        return self.cleanable_bytes / whole if whole else 0.0

    def is_due(self, config: LogConfig) -> bool:
        """Whether the log is to be cleaned now. Of several that are, the dirtiest comes first."""
        return self.cleanable_bytes > 0 and (self.is_overdue or self.dirty_ratio > config.min_cleanable_dirty_ratio)


def cleanable(log: Log, checkpoint: int | None, now_ms: int) -> Cleanable:
    """What of a log can be cleaned; ``checkpoint`` is its first dirty offset as of the last time, if it is known.

    Raises KafkaStorageError when the disk fails.
    """
    first_dirty = log.start_offset if checkpoint is None else checkpoint
    if not log.start_offset <= first_dirty <= log.end_offset:
        first_dirty = log.start_offset  # what the checkpoint says can't be
    dirty = [each for each in log.segments.from_offset(first_dirty) if each is not log.segments.active]
    limit = min(log.last_stable_offset, log.segments.active.base_offset)
    if log.config.min_compaction_lag_ms > 0:
        youngest_ms = now_ms - log.config.min_compaction_lag_ms
        limit = min([limit, *(each.base_offset for each in dirty if each.max_timestamp > youngest_ms)])
    first_uncleanable = log.segments.from_offset(limit)[0].base_offset
    return Cleanable(
        first_dirty,
        first_uncleanable,
        sum(each.size_bytes for each in log.segments if each.base_offset < first_dirty),
        sum(each.size_bytes for each in dirty if each.base_offset < first_uncleanable),
        _is_overdue(log, dirty, now_ms),
        log.disk.generation,
    )


def _is_overdue(log: Log, dirty: Sequence[Segment], now_ms: int) -> bool:
    if log.config.max_compaction_lag_ms == LONG_MAX:
        return False
    oldest_ms = now_ms - log.config.max_compaction_lag_ms
    try:
        return any(0 < each.first_timestamp() < oldest_ms for each in dirty)
    except (OSError, CorruptMessage) as error:
        raise failed_to_read(log, error) from error


def grouped(segments: Sequence[Segment], config: LogConfig, first_uncleanable_offset: int) -> list[list[Segment]]:
    """The segments in groups, each of which becomes one segment: with what they have now it isn't larger than
    ``segment.bytes``, its indexes aren't larger than ``segment.index.bytes``, and its offsets fit the indexes' 31 bits.
    """
    groups: list[list[Segment]] = []
    for number, segment in enumerate(segments):
        after = segments[number + 1].base_offset if number + 1 < len(segments) else first_uncleanable_offset
        if groups and _fits(groups[-1], segment, config, after - 1):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return groups


def _fits(group: list[Segment], segment: Segment, config: LogConfig, last_offset: int) -> bool:
    whole = [*group, segment]
    return (
        len(group) < GROUP_SEGMENTS_MAX
        and sum(each.size_bytes for each in whole) <= config.segment_bytes
        and sum(each.offset_index.size_bytes for each in whole) <= config.segment_index_bytes
        and sum(each.time_index.size_bytes for each in whole) <= config.segment_index_bytes
        and (not segment.size_bytes or last_offset - group[0].base_offset <= RELATIVE_OFFSET_MAX)
    )
