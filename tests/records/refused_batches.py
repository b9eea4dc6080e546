"""Produced batches, sound and wrong in every way there is a rule for, each with the topic it is meant for.

Run as a program it prints them for ``golden/JudgeBatches.java``, whose answers are checked in (Kafka 4.4.0)::

    python refused_batches.py | java -cp "$KAFKA_HOME/libs/*" golden/JudgeBatches.java > golden/verdicts.tsv
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from model.batch_model import LEVELS, ModelBatch, ModelRecord, record_bytes, varint

from kstore.codec import codec_name, compress
from kstore.named import NamedTuple

NOW = 1_700_000_000_000
LONG_MAX = 2**63 - 1


class Case(NamedTuple):
    """A batch as produced, and what its topic asks for."""

    name: str
    data: bytes
    compacted: bool = False
    timestamp_type: int = 0
    now_ms: int = NOW
    before_max_ms: int = LONG_MAX
    after_max_ms: int = 3_600_000

    def line(self) -> str:
        rules = (int(self.compacted), self.timestamp_type, self.now_ms, self.before_max_ms, self.after_max_ms)
        return "\t".join((self.name, self.data.hex(), *map(str, rules)))


class Verdict(NamedTuple):
    """The error's name, the indexes of refused records, the max timestamp, and the bytes for the log in hex."""

    error: str
    refused: str
    max_timestamp: str
    stamped: str


RECORDS = [
    ModelRecord(offset=0, timestamp=NOW, key=b"a", value=b"1"),
    ModelRecord(offset=1, timestamp=NOW + 40, key=None, value=b"22", headers=[(b"h", b"x"), (b"n", None)]),
    ModelRecord(offset=2, timestamp=NOW - 500, key=b"c", value=None),
    ModelRecord(offset=3, timestamp=NOW + 40, key=None, value=b"4444"),
]


def batch(**fields: Any) -> ModelBatch:
    return ModelBatch(records=list(RECORDS), **fields)


def raw(records: bytes, codec: int = 0, **fields: object) -> bytes:
    """A batch whose records are these bytes, whatever they are; four of them unless told otherwise."""
    return batch(payload=compress(codec, records, LEVELS[codec]), compression=codec, **fields).to_bytes()


def framed(body: bytes) -> bytes:
    return varint(len(body)) + body


def cases() -> Iterator[Case]:
    for codec in range(5):
        yield from sound(codec)
        yield from wrong_records(codec)
        yield from wrong_structure(codec)
    yield from wrong_header()
    yield from wrong_framing()


def sound(codec: int) -> Iterator[Case]:
    name = codec_name(codec)
    yield Case(f"{name}: sound", batch(compression=codec).to_bytes())
    yield Case(f"{name}: log append time topic", batch(compression=codec).to_bytes(), timestamp_type=1)
    yield Case(
        f"{name}: idempotent", batch(compression=codec, producer_id=5, producer_epoch=1, base_sequence=9).to_bytes()
    )
    yield Case(f"{name}: max timestamp is a lie", batch(compression=codec, max_timestamp=12).to_bytes())
    yield Case(f"{name}: leader epoch is a lie", batch(compression=codec, leader_epoch=99).to_bytes())
    old = [record._replace(timestamp=-1) for record in RECORDS]
    yield Case(f"{name}: no timestamps", batch(compression=codec)._replace(records=old).to_bytes(), before_max_ms=1000)
    marked = batch(compression=codec, timestamp_type=1, max_timestamp=NOW + 1)
    yield Case(f"{name}: marked as log append time", marked.to_bytes())
    yield Case(f"{name}: marked, log append time topic", marked.to_bytes(), timestamp_type=1)


def wrong_records(codec: int) -> Iterator[Case]:
    name = codec_name(codec)
    data = batch(compression=codec).to_bytes()
    yield Case(f"{name}: no keys, compacted", data, compacted=True)
    yield Case(f"{name}: too old", data, before_max_ms=100)
    yield Case(f"{name}: too new", data, after_max_ms=39)
    yield Case(f"{name}: just in time", data, before_max_ms=500, after_max_ms=40)
    yield Case(f"{name}: no keys and too old", data, compacted=True, before_max_ms=100)
    yield Case(f"{name}: too old in a log append time topic", data, timestamp_type=1, before_max_ms=0, after_max_ms=0)
    marked = batch(compression=codec, timestamp_type=1, max_timestamp=NOW + 9_000_000).to_bytes()
    yield Case(f"{name}: marked as log append time, too new", marked)
    marked = batch(compression=codec, timestamp_type=1, max_timestamp=-1).to_bytes()
    yield Case(f"{name}: marked as log append time, without one", marked)


def wrong_structure(codec: int) -> Iterator[Case]:
    name = codec_name(codec)
    good = [record_bytes(record, NOW, 0) for record in RECORDS]
    rest = b"".join(good[1:])
    body = good[0][1:]
    head = body[:3]
    yield Case(f"{name}: byte after the records", raw(b"".join(good) + b"\x00", codec))
    yield Case(f"{name}: record missing", raw(b"".join(good[:3]), codec))
    yield Case(f"{name}: record too many", raw(b"".join(good) + good[0], codec))
    yield Case(f"{name}: no bytes at all", raw(b"", codec))
    yield Case(f"{name}: record longer than it says", raw(varint(len(body) - 1) + body + rest, codec))
    yield Case(f"{name}: record shorter than it says", raw(varint(len(body) + 1) + body + rest, codec))
    yield Case(f"{name}: record length negative", raw(varint(-1) + body + rest, codec))
    yield Case(f"{name}: record length beyond the batch", raw(varint(5000) + body + rest, codec))
    yield Case(f"{name}: record length of six bytes", raw(b"\xff\xff\xff\xff\xff\x01" + rest, codec))
    yield Case(
        f"{name}: timestamp delta of eleven bytes", raw(framed(b"\x00" + b"\xff" * 10 + b"\x01" + body) + rest, codec)
    )
    yield Case(f"{name}: key beyond the record", raw(framed(head + varint(100) + body[4:]) + rest, codec))
    yield Case(f"{name}: value beyond the record", raw(framed(head + varint(0) + varint(9) + b"vv") + rest, codec))
    yield Case(f"{name}: key length -2", raw(framed(head + varint(-2) + varint(1) + b"v" + varint(0)) + rest, codec))
    headers = head + varint(-1) + varint(-1)
    yield Case(f"{name}: header count negative", raw(framed(headers + varint(-1)) + rest, codec))
    yield Case(f"{name}: header count beyond the record", raw(framed(headers + varint(7)) + rest, codec))
    yield Case(f"{name}: header count of two billion", raw(framed(headers + varint(2**31 - 1)) + rest, codec))
    yield Case(
        f"{name}: header without a key", raw(framed(headers + varint(1) + varint(-1) + varint(-1)) + rest, codec)
    )
    yield Case(f"{name}: header key beyond", raw(framed(headers + varint(1) + varint(9) + b"ab") + rest, codec))
    yield Case(f"{name}: header value beyond", raw(framed(headers + varint(1) + varint(0) + varint(9)) + rest, codec))
    swapped = [record_bytes(record._replace(offset=3 - record.offset), NOW, 0) for record in RECORDS]
    yield Case(f"{name}: offset deltas backwards", raw(b"".join(swapped), codec))
    if codec:
        yield Case(f"{name}: not compressed at all", batch(compression=codec, payload=b"".join(good)).to_bytes())
        cut = compress(codec, b"".join(good), LEVELS[codec])[:-3]
        yield Case(f"{name}: compressed bytes cut", batch(compression=codec, payload=cut).to_bytes())


def wrong_header() -> Iterator[Case]:
    yield Case("header: base offset 5", batch(base_offset=5).to_bytes())
    yield Case("header: checksum wrong", batch(crc=1).to_bytes())
    yield Case("header: checksum wrong and control", batch(crc=1, is_control=True).to_bytes())
    yield Case("header: control", batch(is_control=True).to_bytes())
    yield Case(
        "header: transactional",
        batch(is_transactional=True, producer_id=1, producer_epoch=0, base_sequence=0).to_bytes(),
    )
    yield Case("header: producer without a sequence", batch(producer_id=5, producer_epoch=1).to_bytes())
    yield Case("header: sequence without a producer", batch(base_sequence=3).to_bytes())
    for count in (-1, 0, 3, 5, 2**31 - 1):
        yield Case(f"header: count {count}", batch(record_count=count).to_bytes())
        yield Case(f"header: count and span {count}", batch(record_count=count, last_offset_delta=count - 1).to_bytes())
    for delta in (-1, -2, 7):
        yield Case(f"header: last offset delta {delta}", batch(last_offset_delta=delta).to_bytes())
    for codec in (5, 6, 7):
        yield Case(f"header: compression {codec}", batch(compression=codec, payload=b"x").to_bytes())


def wrong_framing() -> Iterator[Case]:
    good = batch().to_bytes()
    yield Case("framing: two batches", good + good)
    yield Case("framing: nothing", b"")
    yield Case("framing: half a batch", good[: len(good) // 2])
    yield Case("framing: ten bytes", good[:10])
    for magic in (0, 1, 3, 255):
        yield Case(f"framing: magic {magic}", good[:16] + bytes((magic,)) + good[17:])
    for length in (-1, 0, 13, 48):
        yield Case(f"framing: length {length}", good[:8] + struct.pack(">i", length) + good[12:])


if __name__ == "__main__":
    for case in cases():
        print(case.line())
