"""What one node's log holds of a partition, as far as the checks know."""

from __future__ import annotations

from bisect import bisect_left

from actors.simulation.batch_entry import BatchEntry


class Shadow:
    """What one node's log holds, from ``start_offset`` on. ``agreed`` counts the committed entries that its own are
    known to equal; ``began`` has where the open transactions began, by producer; ``floor`` is where a cut was to end
    that failed half way; ``log`` is the object that was opened last; ``stable`` is the leader epoch in which the node
    last led, and what was stable then.
    """

    __slots__ = (
        "agreed",
        "began",
        "durable_to",
        "end_offset",
        "entries",
        "floor",
        "has_lost_power",
        "high_watermark",
        "incarnation",
        "log",
        "producer_epochs",
        "stable",
        "start_offset",
    )

    def __init__(self) -> None:
        self.entries: list[BatchEntry] = []
        self.start_offset = 0
        self.end_offset = 0
        self.high_watermark = 0
        self.incarnation = ""
        self.log: object = None
        self.agreed = 0
        self.floor: int | None = None
        self.producer_epochs: dict[int, int] = {}
        self.began: dict[int, int] = {}
        self.stable = (-1, 0)
        self.durable_to = 0  # when its power was lost
        self.has_lost_power = False

    def given_up(self, end_offset: int) -> None:
        """The log was damaged and the node isn't in sync: it has given up all from an offset on, and copies it anew."""
        while self.entries and self.entries[-1].last_offset >= end_offset:
            self.entries.pop()
        self.start_offset = min(self.start_offset, end_offset)
        self.end_offset, self.high_watermark = end_offset, min(self.high_watermark, end_offset)
        self.agreed = 0
        self.forget_producers()

    def begins_anew(self, start_offset: int) -> None:
        """The log ended before its leader's began: it is empty, and begins where that does."""
        self.entries, self.agreed = [], 0
        self.start_offset = self.end_offset = self.high_watermark = start_offset
        self.forget_producers()

    def present(self, start_offset: int) -> list[BatchEntry]:
        """The entries that a log with this start has."""
        return self.entries[bisect_left(self.entries, start_offset, key=lambda entry: entry.last_offset) :]

    def follow_producer(self, entry: BatchEntry) -> None:
        """Take what an entry at the end says of its producer."""
        if entry.producer_id < 0:
            return
        self.producer_epochs[entry.producer_id] = entry.producer_epoch
        if entry.is_control:
            self.began.pop(entry.producer_id, None)
        elif entry.is_transactional:
            self.began.setdefault(entry.producer_id, entry.base_offset)

    def forget_producers(self) -> None:
        """Begin anew with what the entries say of producers."""
        self.producer_epochs, self.began = {}, {}
        for entry in self.entries:
            self.follow_producer(entry)
