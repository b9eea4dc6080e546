"""ListOffsets on a leader: the offset of a timestamp, or of a special time.

Only what the reader may read is found: for consumers, up to the high watermark or the last stable offset.
"""

from __future__ import annotations

from actors.partition.messages import READ_COMMITTED, READ_TO_LOG_END, FindOffset, FoundOffset
from kstore.errors import OffsetNotAvailable
from kstore.log import Log

LATEST = -1
EARLIEST = -2
MAX_TIMESTAMP = -3
EARLIEST_LOCAL = -4
LATEST_TIERED = -5
EARLIEST_PENDING_UPLOAD = -6
NOTHING = FoundOffset(-1, -1, -1)


def find_offset(log: Log, message: FindOffset, leader_epoch: int, *, settled: bool) -> FoundOffset:
    """The answer of a leader in ``leader_epoch``; ``settled``: the high watermark has reached that epoch's start.

    Raises:
        OffsetNotAvailable: what is committed isn't known yet.
    """
    limit = limit_of(log, message.isolation)
    settled = settled or message.isolation == READ_TO_LOG_END
    timestamp = message.timestamp
    if timestamp == LATEST:
        if not settled:
            raise OffsetNotAvailable("the high watermark hasn't reached the start of the leader's epoch")
        return FoundOffset(-1, limit, leader_epoch)
    if timestamp in (EARLIEST, EARLIEST_LOCAL):
        return FoundOffset(-1, log.start_offset, log.epoch_at(log.start_offset))
    if timestamp in (LATEST_TIERED, EARLIEST_PENDING_UPLOAD):
        return NOTHING
    found = log.max_timestamp() if timestamp == MAX_TIMESTAMP else log.offset_for_timestamp(timestamp)
    if found is not None and found.offset < limit:
        return FoundOffset(found.timestamp, found.offset, found.leader_epoch)
    if not settled:
        raise OffsetNotAvailable("the high watermark hasn't reached the start of the leader's epoch")
    return NOTHING


def limit_of(log: Log, isolation: int) -> int:
    """The offset up to which a reader may read."""
    if isolation == READ_TO_LOG_END:
        return log.end_offset
    return log.last_stable_offset if isolation == READ_COMMITTED else log.high_watermark
