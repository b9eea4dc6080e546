"""The records of a fetch response, from the leader that reads them to the follower or socket that takes them."""

from __future__ import annotations

from typing import Any

from kstore.records import RecordBatch, parse_batches


class Chunks(list[Any]):
    """The records of a fetch response as they go to a socket, with the parsed batches they come from, if
    there are any.
    """

    __slots__ = ("batches",)

    def __init__(self, chunks: list[Any], batches: list[RecordBatch] | None) -> None:
        self.extend(chunks)
        self.batches = batches


def batches_of(records: Any) -> list[RecordBatch]:
    """The complete batches of a fetch response, in either form; an incomplete last one is left out."""
    if isinstance(records, Chunks) and records.batches is not None:
        return records.batches
    if isinstance(records, list):
        records = b"".join(bytes(chunk) for chunk in records)
    return parse_batches(records, allow_partial=True)
