"""Looking up records by their timestamps: the time indexes lead to a place before which none is as new."""

from collections.abc import Iterable

from kstore.log.answers import TimestampedOffset
from kstore.log.segment import Segment


def first_at(segments: Iterable[Segment], timestamp: int, start_offset: int) -> TimestampedOffset | None:
    """The first record at ``timestamp`` or later, from an offset on; None when all are older."""
    for segment in segments:
        if segment.max_timestamp < timestamp:
            continue
        for batch in segment.find_timestamp(timestamp, start_offset):
            if batch.max_timestamp < timestamp or batch.last_offset < start_offset:
                continue
            for record in batch.records():
                if record.timestamp >= timestamp and record.offset >= start_offset:
                    return TimestampedOffset(record.timestamp, record.offset, batch.leader_epoch)
    return None
