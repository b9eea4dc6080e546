"""What a producer has done so far, and how kafka-python calls that in its ``metrics()``."""

from __future__ import annotations


class Counts:
    """Counts of one producer, from its beginning on."""

    def __init__(self) -> None:
        self.requests = self.in_flight = self.batches = self.batch_bytes = self.plain_bytes = 0
        self.records = self.record_errors = self.record_retries = self.splits = 0

    def metrics(self, buffer_free: int, buffer_memory: int) -> dict[str, dict[str, float]]:
        """Only what is really counted; averages are over everything so far, not over a window of time."""
        batches, requests = max(self.batches, 1), max(self.requests, 1)
        return {
            "producer-metrics": {
                "batch-size-avg": self.batch_bytes / batches,
                "batch-split-total": self.splits,
                "buffer-available-bytes": buffer_free,
                "buffer-total-bytes": buffer_memory,
                "compression-rate-avg": self.batch_bytes / max(self.plain_bytes, 1),
                "record-error-total": self.record_errors,
                "record-retry-total": self.record_retries,
                "record-send-total": self.records,
                "records-per-request-avg": self.records / requests,
                "request-total": self.requests,
                "requests-in-flight": self.in_flight,
            }
        }
