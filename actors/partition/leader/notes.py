"""Trace rows of a leader: appends, transactions in its log, and changes of the in-sync set."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kstore.errors import InvalidProducerEpoch, KafkaError
from kstore.log.preparing import Prepared
from kstore.records import read_end_transaction_marker

if TYPE_CHECKING:
    from actors.partition.messages import Append
    from actors.runtime import Reply
    from kstore.log import AppendInfo, Log
    from kstore.records import RecordBatch

WriteNote = Callable[..., object]
"""An actor's ``note``."""


def note_appended(
    note: WriteNote, label: str, collected: list[tuple[Append, Reply, int]], outcomes: list[AppendInfo | KafkaError]
) -> None:
    """A row for each request; its cause is the turn that brought it, so a record's life leads to its sender."""
    for (_, _, row), outcome in zip(collected, outcomes, strict=True):
        if not isinstance(outcome, KafkaError) and not outcome.duplicate:
            note("BatchAppended", label, outcome.first_offset, outcome.last_offset, cause=row)


def note_transactions(
    note: WriteNote,
    label: str,
    log: Log,
    collected: list[tuple[Append, Reply, int]],
    outcomes: list[AppendInfo | KafkaError],
) -> None:
    """A row for each transaction that began in the log with these appends, for each marker, and for each batch of an
    epoch that is fenced. Other records of transactions have none.
    """
    for (message, _, row), outcome in zip(collected, outcomes, strict=True):
        if isinstance(outcome, InvalidProducerEpoch):
            first: RecordBatch | Prepared = message.batches[0]
            batch = first.batch if isinstance(first, Prepared) else first
            note_fenced(note, label, batch.producer_id, batch.producer_epoch)
        elif not isinstance(outcome, KafkaError):
            for batch in outcome.batches:
                if batch.is_control:
                    _note_marker(note, label, batch, row)
                elif batch.is_transactional and began(log, batch.producer_id) == batch.base_offset:
                    note("TransactionOpened", label, batch.base_offset, batch.producer_id, cause=row)


def began(log: Log, producer_id: int) -> int:
    """Where the open transaction of a producer began; -1 if it has none."""
    producer = log.producers.get(producer_id)
    return -1 if producer is None else producer.transaction_first_offset


def _note_marker(note: WriteNote, label: str, batch: RecordBatch, row: int) -> None:
    for record in batch.records():
        marker = read_end_transaction_marker(record)
        if marker is not None:
            what = "commit" if marker.is_commit else "abort"
            note("MarkerAppended", label, batch.base_offset, batch.producer_id, what, cause=row)


def note_fenced(note: WriteNote, label: str, producer_id: int, epoch: int) -> None:
    """A producer wrote in an epoch that isn't its last."""
    note("OldEpochRefused", label, epoch, producer_id)


def note_found(note: WriteNote, label: str, log: Log) -> None:
    """What a new leader finds in its log, unless that is empty: the high watermark that it begins with (if that is at
    the end, it won't advance before something is appended), and a row for each open transaction.
    """
    if log.end_offset > 0:
        note("HighWatermarkFound", label, log.high_watermark)
    if log.producers.transactions.first_unstable_offset >= 0:
        for producer in log.producers:
            if producer.transaction_first_offset >= 0:
                note("TransactionFoundOpen", label, producer.transaction_first_offset, producer.producer_id)


def note_isr_changed(note: WriteNote, label: str, before: tuple[int, ...], now: tuple[int, ...]) -> None:
    """Write which replicas left the in-sync set, and which joined."""
    if gone := [str(node) for node in before if node not in now]:
        note("IsrShrunk", label, len(before), len(now), f"without {', '.join(gone)}")
    if come := [str(node) for node in now if node not in before]:
        note("IsrGrown", label, len(before), len(now), f"with {', '.join(come)}")
