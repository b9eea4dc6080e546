"""A slow, readable reader and writer of record batches v2: the oracle that the fast ones are compared with.

Written from the format's description alone, with ``struct`` and no thought of speed; nothing of ``kstore.records`` is
used, and of ``kstore.codec`` only compression. The writer can be made to lie in any field.
"""

from __future__ import annotations

import struct

from kstore.codec import compress, decompress
from kstore.named import NamedTuple

HEADER = struct.Struct(">qiibIhiqqqhii")
LEVELS = (None, 6, None, None, None)
"""Of each codec: gzip's bytes at its default level differ from one kind of processor to the next, those of 6 don't."""


class ModelRecord(NamedTuple):
    """A record; header names are bytes here."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[bytes, bytes | None]] = []


class ModelBatch(NamedTuple):
    """A batch; fields left None are worked out from the records, others are written as they are, true or not."""

    records: list[ModelRecord]
    base_offset: int = 0
    leader_epoch: int = -1
    crc: int | None = None
    compression: int = 0
    timestamp_type: int = 0
    is_transactional: bool = False
    is_control: bool = False
    last_offset_delta: int | None = None
    base_timestamp: int | None = None
    max_timestamp: int | None = None
    producer_id: int = -1
    producer_epoch: int = -1
    base_sequence: int = -1
    record_count: int | None = None
    payload: bytes | None = None

    def to_bytes(self) -> bytes:
        first = self.records[0].timestamp if self.base_timestamp is None else self.base_timestamp
        newest = max(record.timestamp for record in self.records)
        plain = b"".join(record_bytes(record, first, self.base_offset) for record in self.records)
        payload = compress(self.compression, plain, LEVELS[self.compression]) if self.payload is None else self.payload
        attributes = self.compression | self.timestamp_type << 3 | self.is_transactional << 4 | self.is_control << 5
        last = self.records[-1].offset - self.base_offset
        under_crc = struct.pack(
            ">hiqqqhii",
            attributes,
            last if self.last_offset_delta is None else self.last_offset_delta,
            first,
            newest if self.max_timestamp is None else self.max_timestamp,
            self.producer_id,
            self.producer_epoch,
            self.base_sequence,
            len(self.records) if self.record_count is None else self.record_count,
        )
        crc = crc32c_slowly(under_crc + payload) if self.crc is None else self.crc
        before = struct.pack(">qiibI", self.base_offset, 49 + len(payload), self.leader_epoch, 2, crc)
        return before + under_crc + payload


def crc32c_slowly(data: bytes) -> int:
    """Bit by bit, from the polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def varint(value: int) -> bytes:
    """Zig-zag, then seven bits a byte, lowest first."""
    rest = value * 2 if value >= 0 else -value * 2 - 1
    out = bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def framed(data: bytes | None) -> bytes:
    return varint(-1) if data is None else varint(len(data)) + data


def record_bytes(record: ModelRecord, base_timestamp: int, base_offset: int) -> bytes:
    body = b"\x00" + varint(record.timestamp - base_timestamp) + varint(record.offset - base_offset)
    body += framed(record.key) + framed(record.value) + varint(len(record.headers))
    body += b"".join(framed(name) + framed(value) for name, value in record.headers)
    return framed(body)


class Reader:
    """Takes values off the front of some bytes; raises IndexError when they end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, nbytes: int) -> bytes:
        if nbytes < 0 or nbytes > len(self.data) - self.at:
            raise IndexError(f"{nbytes} bytes of {len(self.data) - self.at}")
        self.at += nbytes
        return self.data[self.at - nbytes : self.at]

    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value >> 1 if value % 2 == 0 else -(value >> 1) - 1
        raise IndexError("a varint without an end")

    def framed(self) -> bytes | None:
        nbytes = self.varint()
        return None if nbytes < 0 else self.take(nbytes)


def read_record(data: bytes, base_timestamp: int, base_offset: int) -> ModelRecord:
    reader = Reader(data)
    reader.take(1)
    timestamp = base_timestamp + reader.varint()
    offset = base_offset + reader.varint()
    key, value = reader.framed(), reader.framed()
    headers = []
    for _ in range(reader.varint()):
        name = reader.framed()
        assert name is not None
        headers.append((name, reader.framed()))
    assert reader.at == len(data)
    return ModelRecord(offset, timestamp, key, value, headers)


def read_batches(data: bytes) -> list[ModelBatch]:
    """The batches in these bytes, which must be sound."""
    reader = Reader(data)
    batches = []
    while reader.at < len(data):
        fields = HEADER.unpack(reader.take(HEADER.size))
        base, length, epoch, magic, crc, attributes, last, first, newest, producer, producer_epoch, sequence, count = (
            fields
        )
        assert magic == 2
        payload = reader.take(length - 49)
        assert crc == crc32c_slowly(data[reader.at - length + 9 : reader.at])
        records = Reader(decompress(attributes & 7, payload, limit_bytes=2**30))
        found = []
        for _ in range(count):
            body = records.framed()
            assert body is not None
            record = read_record(body, first, base)
            found.append(record._replace(timestamp=newest) if attributes & 8 else record)
        assert records.at == len(records.data)
        batches.append(
            ModelBatch(
                found,
                base,
                epoch,
                crc,
                attributes & 7,
                attributes >> 3 & 1,
                bool(attributes & 16),
                bool(attributes & 32),
                last,
                first,
                newest,
                producer,
                producer_epoch,
                sequence,
                count,
                payload,
            )
        )
    return batches
