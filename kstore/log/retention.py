"""Retention: whole segments go from a log's start, by age, by size, or because the log begins after them.

As Apache Kafka does it (``UnifiedLog.deleteOldSegments``): the oldest segment goes first, never one that reaches beyond
the high watermark, and by age and size only where ``cleanup.policy`` has ``delete``. A segment's age counts from its
newest timestamp; one without timestamps counts from its creation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.log.answers import Expired

if TYPE_CHECKING:
    from kstore.log.log import Log
    from kstore.log.segment import Segment


def expire(log: Log, now_ms: int) -> Expired | None:
    """As ``Log.expire``."""
    found = breached(log, now_ms)
    if found is None:
        return None
    if found.new_start_offset == log.end_offset:
        log.roll(now_ms)
    log.advance_start_offset(max(found.new_start_offset, log.start_offset))
    return found


def breached(log: Log, now_ms: int) -> Expired | None:
    """Which segments are to go now, if any; nothing is changed."""
    config = log.config
    oldest_ms = now_ms - config.retention_ms if config.deletes and config.retention_ms >= 0 else None
    excess = log.size_bytes - config.retention_bytes if config.deletes and config.retention_bytes >= 0 else -1
    reason, up_to, segments, nbytes = "", log.start_offset, 0, 0
    for segment in log.segments:
        upper = log.segments.upper_offset(segment, log.end_offset)
        if upper > log.high_watermark or (segment is log.segments.active and not segment.size_bytes):
            break
        if upper <= log.start_offset:
            why = "start"
        elif excess >= segment.size_bytes:
            why = "size"
        elif oldest_ms is not None and _newest(segment) < oldest_ms:
            why = "age"
        else:
            break
        excess -= segment.size_bytes
        reason, up_to, segments, nbytes = why, upper, segments + 1, nbytes + segment.size_bytes
    return Expired(log.start_offset, up_to, segments, nbytes, reason) if segments else None


def _newest(segment: Segment) -> int:
    return segment.max_timestamp if segment.max_timestamp >= 0 else segment.created_ms
