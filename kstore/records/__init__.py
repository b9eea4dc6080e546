"""Record batches in Apache Kafka's format v2: split, validated, stamped, read and built.

A batch stays the bytes a client sent. ``parse_batches`` puts a ``RecordBatch`` around each (its own copy of the 61
header bytes, a shared view of the rest), ``validate_for_append`` walks its records as a leader must, ``recompressed``
puts them under a topic's own codec, ``stamped`` gives the batch its place in the log, ``records`` reads it, and
``BatchBuilder`` writes new ones.
"""

from kstore.records.batch import HEADER_BYTES, RecordBatch, parse_batches, scan_batches
from kstore.records.builder import BatchBuilder
from kstore.records.control import (
    ControlType,
    EndTransactionMarker,
    control_batch,
    control_key,
    control_type,
    end_transaction_batch,
    read_end_transaction_marker,
)
from kstore.records.recompressing import recompressed
from kstore.records.record import Record
from kstore.records.validator import ValidationResult, validate_for_append

__all__ = [
    "HEADER_BYTES",
    "BatchBuilder",
    "ControlType",
    "EndTransactionMarker",
    "Record",
    "RecordBatch",
    "ValidationResult",
    "control_batch",
    "control_key",
    "control_type",
    "end_transaction_batch",
    "parse_batches",
    "read_end_transaction_marker",
    "recompressed",
    "scan_batches",
    "validate_for_append",
]
