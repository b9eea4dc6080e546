"""The records of a fetch answer, between the leader that reads them and the follower or socket that takes them."""

from __future__ import annotations

from typing import Any

from kstore.records import RecordBatch, parse_batches


class Chunks(list[Any]):
    """The records of a fetch answer as they go to a socket, with the parsed batches they came from, if they are."""

    __slots__ = ("batches",)

    def __init__(self, chunks: list[Any], batches: list[RecordBatch] | None) -> None:
        self.extend(chunks)
        self.batches = batches


def batches_of(records: Any) -> list[RecordBatch]:
    """The whole batches of a fetch answer, whichever way they came; an incomplete last one is left out."""
    if isinstance(records, Chunks) and records.batches is not None:
        return records.batches
    if isinstance(records, list):
        records = b"".join(bytes(chunk) for chunk in records)
    return parse_batches(records, allow_partial=True)
