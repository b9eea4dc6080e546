"""What a reader of committed records leaves out of an answer: the batches of transactions that were aborted. Pure.

A broker gives such a reader nothing at or above the last stable offset, so each transaction among it is over,
and names those that were aborted, each with its producer and its first offset. From there to the marker that aborts it,
what the producer wrote in transactions is left out (Java's ``CompletedFetch``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from kstore.records.control import ControlType, control_type

if TYPE_CHECKING:
    from kstore.records import RecordBatch
    from kstore.schema.messages.fetch import AbortedTransaction


def aborted_places(batches: Sequence[RecordBatch], aborted: Iterable[AbortedTransaction]) -> Collection[int]:
    """The indexes of the batches to leave out."""
    begins = sorted(((each.first_offset, each.producer_id) for each in aborted), reverse=True)
    running: set[int] = set()
    found: set[int] = set()
    for index, batch in enumerate(batches):
        producer_id = batch.producer_id
        if producer_id < 0:
            continue
        while begins and begins[-1][0] <= batch.last_offset:
            running.add(begins.pop()[1])
        if producer_id not in running:
            continue
        if batch.is_control:
            if any(control_type(record) is ControlType.ABORT for record in batch.records()):
                running.discard(producer_id)
        elif batch.is_transactional:
            found.add(index)
    return found
