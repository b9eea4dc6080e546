"""Readers of record batches: of a leader, a consumer, the cleaner, and of what compression they have."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from functools import partial
from pathlib import Path

from cluster.kept_folders import old_message
from fuzz.readers.reader import LIMIT_BYTES, Reader

from kstore.codec import compress, crc32c, decompress
from kstore.codec.compression import NAMES
from kstore.errors import KafkaError
from kstore.log.cleaned_transactions import CleanedTransactions
from kstore.log.copy_pass import CopyPass
from kstore.log.key_pass import KeyPass
from kstore.log.offset_map import OffsetMap
from kstore.log.old_formats import find_old_message, old_format
from kstore.log.producers import ProducerStates
from kstore.records import (
    ControlType,
    EndTransactionMarker,
    control_batch,
    control_type,
    end_transaction_batch,
    parse_batches,
    read_end_transaction_marker,
    recompressed,
    scan_batches,
    validate_for_append,
)
from kstore.records.batch import RecordBatch

GOLDEN = Path(__file__).parents[2] / "records" / "golden" / "batches.jsonl"
SOUND_BYTES_MAX = 4_000
HEADER_BYTES = 61
PLAIN = b"".join(b"%d order " % (number * number) for number in range(80)) + bytes(300)


def golden_batches() -> tuple[bytes, ...]:
    """Of every codec and kind, as Apache Kafka's builder wrote them; large ones tell nothing more."""
    found = [bytes.fromhex(json.loads(line)["bytes"]) for line in GOLDEN.read_text().splitlines()]
    marker = EndTransactionMarker(is_commit=True, coordinator_epoch=3)
    return (
        *(each for each in found if len(each) <= SOUND_BYTES_MAX),
        end_transaction_batch(marker, 1_700_000_000_000, 7, 2),
        control_batch(ControlType.LEADER_CHANGE, b"\0" * 20, 1_700_000_000_000),
    )


def with_fitting_checksums(data: bytes) -> bytes:
    """Of each batch, up to where its length says it ends."""
    out = bytearray(data)
    at = 0
    while len(out) - at >= HEADER_BYTES:
        end = at + max(HEADER_BYTES, 12 + int.from_bytes(out[at + 8 : at + 12], "big", signed=True))
        struct.pack_into(">I", out, at + 17, crc32c(out[at + 21 : end]))
        at = end
    return bytes(out)


def read_batches(data: bytes) -> None:
    """As a leader and a consumer read them; what the walk of a leader accepts, a consumer can read."""
    scan_batches(data)
    for batch in parse_batches(data, allow_partial=True):
        repr(batch)
        assert batch.size_bytes == HEADER_BYTES + len(batch.payload)
        with suppress(KafkaError):
            recompressed(batch, batch.decompressed(LIMIT_BYTES), 4)
        with suppress(KafkaError):
            batch.find_timestamp(1_700_000_000_000, 3, max_record_bytes=LIMIT_BYTES)
        with suppress(KafkaError):
            for record in batch.records(limit_bytes=LIMIT_BYTES):
                if batch.is_control:
                    control_type(record)
                    read_end_transaction_marker(record)
        try:
            validate_for_append(batch, max_decompressed_bytes=LIMIT_BYTES, from_client=False)
        except KafkaError:
            continue
        assert len(batch.records(limit_bytes=LIMIT_BYTES)) == batch.count


def _noted(producers: ProducerStates, batch: RecordBatch) -> None:
    with suppress(KafkaError):
        if batch.producer_id >= 0:
            producers.add(batch)


def clean(data: bytes) -> None:
    """As the cleaner reads them, and a replay of the log's producers."""
    batches = parse_batches(data, allow_partial=True)
    producers = ProducerStates()
    for batch in batches:
        _noted(producers, batch)
    offsets = OffsetMap(1 << 12)
    transactions = CleanedTransactions()
    KeyPass(offsets, transactions, 0, LIMIT_BYTES).note(batches, len(data))
    copy = CopyPass(offsets, transactions, now_ms=0, delete_retention_ms=1, limit_bytes=LIMIT_BYTES)
    while batches:
        read_bytes, kept, _ = copy.retained(batches, len(data))
        for batch in kept:
            batch.records(limit_bytes=LIMIT_BYTES)
        assert read_bytes > 0
        while read_bytes > 0:
            read_bytes -= batches.pop(0).size_bytes


def read_old_messages(data: bytes) -> None:
    """As the look at a segment's beginning reads them."""
    old_format(data)
    find_old_message(data)


def decompressed(codec: int, data: bytes) -> None:
    """At most as much as was allowed."""
    assert len(decompress(codec, data, limit_bytes=LIMIT_BYTES)) <= LIMIT_BYTES


def batch_readers() -> list[Reader]:
    sound = golden_batches()
    old = (
        old_message(7, 0, b"key", b"value" * 9),
        old_message(8, 1, None, b"value"),
        sound[0] + old_message(9, 1, b""),
    )
    records_bytes = 120 * LIMIT_BYTES  # a record of seven bytes is an object of five numbers
    return [
        Reader("batches", read_batches, sound, with_fitting_checksums, 120, records_bytes),
        Reader("cleaner", clean, sound, with_fitting_checksums, 60, records_bytes),
        Reader("old messages", read_old_messages, old),
        *(
            Reader(
                NAMES[codec],
                partial(decompressed, codec),
                (compress(codec, PLAIN), compress(codec, PLAIN * 40), compress(codec, b""), b""),
                memory_bytes_max=8 * LIMIT_BYTES,
            )
            for codec in (1, 2, 3, 4)
        ),
    ]
