"""Compressed records as odd writers send them: every header, count and ending that a codec's framing leaves open.

Each variant is a batch of three records whose bytes were compressed in one odd way. ``golden/payloads.tsv`` says which
of them Apache Kafka 4.4.0 takes; ``tests/oracle/test_payloads_and_kafka.py`` asks it, over its protocol, and makes that
file anew when it is told to.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import cramjam
import xxhash
from model.batch_model import ModelBatch, ModelRecord, record_bytes

from kstore.codec import GZIP, LZ4, SNAPPY, ZSTD, compress
from kstore.named import NamedTuple

NOW = 1_700_000_000_000
RECORDS = [ModelRecord(i, NOW + i, b"key-%d" % i, b"value-%d " % i * 40) for i in range(3)]
PLAIN = b"".join(record_bytes(record, NOW, 0) for record in RECORDS)
HALF = len(PLAIN) // 2
JUNK = {"a zero": b"\0", "three bytes": b"abc", "eight zeros": bytes(8), "sixty bytes": b"junk!!" * 10}
int32 = struct.Struct(">i")
uint32 = struct.Struct("<I")


class Variant(NamedTuple):
    """One odd way to compress the records; ``payload`` is what came of it."""

    name: str
    codec: int
    payload: bytes

    def batch(self) -> bytes:
        return ModelBatch(list(RECORDS), compression=self.codec, payload=self.payload).to_bytes()


def variants() -> Iterator[Variant]:
    for codec, found in ((GZIP, gzips()), (SNAPPY, snappies()), (LZ4, lz4s()), (ZSTD, zstds())):
        for name, payload in found:
            yield Variant(name, codec, payload)


def member(content: bytes, flags: int = 0, fields: bytes = b"", *, trailer: bytes | None = None) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = stream.compress(content) + stream.flush()
    head = b"\x1f\x8b\x08" + bytes((flags,)) + bytes(6) + fields
    return head + body + (uint32.pack(zlib.crc32(content)) + uint32.pack(len(content)) if trailer is None else trailer)


def with_header_crc(flags: int, fields: bytes, wrong: int = 0) -> bytes:
    head = b"\x1f\x8b\x08" + bytes((flags | 2,)) + bytes(6) + fields
    crc = ((zlib.crc32(head) & 0xFFFF) ^ wrong).to_bytes(2, "little")
    return head + crc + member(PLAIN)[10:]


def gzips() -> Iterator[tuple[str, bytes]]:
    whole, first, second = member(PLAIN), member(PLAIN[:HALF]), member(PLAIN[HALF:])
    yield "gzip: one member", whole
    yield "gzip: two members", first + second
    yield "gzip: an empty member before", member(b"") + whole
    yield "gzip: an empty member behind", whole + member(b"")
    yield "gzip: three empty members behind", whole + member(b"") * 3
    yield "gzip: a member of more records behind", whole + member(PLAIN)
    for name, junk in JUNK.items():
        yield f"gzip: {name} behind", whole + junk
    yield "gzip: the beginning of a header behind", whole + b"\x1f\x8b\x08\0"
    yield "gzip: a whole header behind and nothing else", whole + whole[:10]
    yield "gzip: a whole header and 8 bytes behind", whole + whole[:10] + bytes(8)
    yield "gzip: a whole header and 9 bytes behind", whole + whole[:10] + bytes(9)
    yield "gzip: a whole header and junk behind", whole + whole[:10] + b"junk!!" * 10
    yield "gzip: a cut member behind", whole + second[:-3]
    yield "gzip: a header of another method behind", whole + b"\x1f\x8b\x07" + bytes(40)
    yield "gzip: junk between members", first + b"junk!!" * 10 + second
    yield "gzip: a name", member(PLAIN, 8, b"orders.txt\0")
    yield "gzip: a name without an end", member(PLAIN, 8, b"")[:10] + b"x" * 40
    yield "gzip: a comment", member(PLAIN, 16, b"orders\0")
    yield "gzip: an extra field", member(PLAIN, 4, b"\x03\0abc")
    yield "gzip: an extra field beyond the end", member(PLAIN, 4, b"\xff\xff")
    yield "gzip: everything a header can have", with_header_crc(1 | 4 | 8 | 16, b"\x03\0abcname\0comment\0")
    yield "gzip: a checksum of the header", with_header_crc(0, b"")
    yield "gzip: a wrong checksum of the header", with_header_crc(0, b"", 1)
    yield "gzip: reserved flags", member(PLAIN, 0xE0)
    yield "gzip: said to be text", member(PLAIN, 1)
    yield "gzip: a wrong checksum", member(PLAIN, trailer=uint32.pack(1) + uint32.pack(len(PLAIN)))
    yield "gzip: a wrong length", member(PLAIN, trailer=uint32.pack(zlib.crc32(PLAIN)) + uint32.pack(1))
    yield "gzip: no trailer", member(PLAIN, trailer=b"")
    yield "gzip: half a trailer", member(PLAIN, trailer=bytes(4))
    yield "gzip: zlib's framing", zlib.compress(PLAIN)
    yield "gzip: bare deflate", member(PLAIN)[10:-8]
    yield "gzip: a second member with a name", first + member(PLAIN[HALF:], 8, b"n\0")
    yield "gzip: a second member with a wrong header checksum", first + with_header_crc(0, b"", 1)
    yield "gzip: nothing", b""


def bare(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(content))


def block(content: bytes) -> bytes:
    data = bare(content)
    return int32.pack(len(data)) + data


def xerial(version: bytes = int32.pack(1), lowest: bytes = int32.pack(1), magic: bytes = b"\x82SNAPPY\0") -> bytes:
    return magic + version + lowest


def snappies() -> Iterator[tuple[str, bytes]]:
    halves = block(PLAIN[:HALF]) + block(PLAIN[HALF:])
    yield "snappy: bare", bare(PLAIN)
    yield "snappy: blocks", xerial() + halves
    yield "snappy: the header repeated between blocks", xerial() + block(PLAIN[:HALF]) + xerial() + block(PLAIN[HALF:])
    yield "snappy: versions little-endian", xerial(uint32.pack(1), uint32.pack(1)) + halves
    for number in (-1, 0, 2, 2**31 - 1):
        yield f"snappy: version {number}", xerial(version=int32.pack(number)) + halves
        yield f"snappy: lowest version {number}", xerial(lowest=int32.pack(number)) + halves
    between = xerial(int32.pack(0))
    yield "snappy: version 0 between blocks", xerial() + block(PLAIN[:HALF]) + between + block(PLAIN[HALF:])
    between = xerial(uint32.pack(1), uint32.pack(1))
    yield "snappy: little-endian between blocks", xerial() + block(PLAIN[:HALF]) + between + block(PLAIN[HALF:])
    yield "snappy: another magic", xerial(magic=b"\x82SNAPPX\0") + halves
    yield "snappy: another magic behind", xerial() + halves + xerial(magic=b"\x82SNAPPX\0") + halves
    yield "snappy: a header behind", xerial() + halves + xerial()
    yield "snappy: a cut header behind", xerial() + halves + xerial()[:9]
    yield "snappy: an empty block behind", xerial() + halves + block(b"")
    yield "snappy: an empty block before", xerial() + block(b"") + halves
    yield "snappy: a block of no bytes behind", xerial() + halves + int32.pack(0)
    yield "snappy: a block of negative length behind", xerial() + halves + int32.pack(-1)
    yield "snappy: a block beyond the end", xerial() + halves + int32.pack(100) + b"abc"
    yield "snappy: one large block", xerial() + block(PLAIN)
    for name, junk in JUNK.items():
        yield f"snappy: {name} behind blocks", xerial() + halves + junk
        yield f"snappy: {name} behind a bare stream", bare(PLAIN) + junk
    yield "snappy: two bare streams", bare(PLAIN[:HALF]) + bare(PLAIN[HALF:])
    yield "snappy: a header alone", xerial()
    yield "snappy: the framing format", bytes(cramjam.snappy.compress(PLAIN))
    yield "snappy: nothing", b""


INDEPENDENT, BLOCK_CHECKSUM, CONTENT_SIZE, CONTENT_CHECKSUM = 0x20, 0x10, 0x08, 0x04


def stored(content: bytes, *, checksum: int | None = None) -> bytes:
    data = uint32.pack(len(content) | 1 << 31) + content
    return data if checksum is None else data + uint32.pack(checksum)


def packed(content: bytes) -> bytes:
    data = bytes(cramjam.lz4.compress_block(content, store_size=False))
    return uint32.pack(len(data)) + data


def frame(
    blocks: bytes, flags: int = INDEPENDENT, middle: bytes = b"", end: bytes = bytes(4), size_byte: int = 0x40
) -> bytes:
    descriptor = bytes((0x40 | flags, size_byte)) + middle
    return b"\x04\x22\x4d\x18" + descriptor + bytes((xxhash.xxh32_intdigest(descriptor) >> 8 & 0xFF,)) + blocks + end


def lz4s() -> Iterator[tuple[str, bytes]]:
    whole = frame(packed(PLAIN))
    yield "lz4: one block", whole
    yield "lz4: stored", frame(stored(PLAIN))
    yield "lz4: two blocks", frame(packed(PLAIN[:HALF]) + stored(PLAIN[HALF:]))
    yield "lz4: two frames", frame(packed(PLAIN[:HALF])) + frame(packed(PLAIN[HALF:]))
    yield "lz4: a frame of more records behind", whole + whole
    yield "lz4: an empty frame before", frame(b"") + whole
    yield "lz4: an empty frame behind", whole + frame(b"")
    yield "lz4: a skippable frame before", struct.pack("<II", 0x184D2A50, 4) + b"skip" + whole
    yield "lz4: a skippable frame behind", whole + struct.pack("<II", 0x184D2A50, 4) + b"skip"
    for name, junk in JUNK.items():
        yield f"lz4: {name} behind", whole + junk
    yield "lz4: no end", frame(packed(PLAIN), end=b"")
    yield "lz4: half an end", frame(packed(PLAIN), end=bytes(2))
    yield "lz4: the end stored", frame(packed(PLAIN), end=uint32.pack(1 << 31))
    digest, size = uint32.pack(xxhash.xxh32_intdigest(PLAIN)), struct.pack("<Q", len(PLAIN))
    summed = INDEPENDENT | CONTENT_CHECKSUM
    yield "lz4: a checksum of the content", frame(packed(PLAIN), summed, end=bytes(4) + digest)
    yield "lz4: a wrong checksum of the content", frame(packed(PLAIN), summed, end=bytes(8))
    yield "lz4: a checksum of the content that is missing", frame(packed(PLAIN), summed)
    yield "lz4: a size of the content", frame(packed(PLAIN), INDEPENDENT | CONTENT_SIZE, size)
    yield "lz4: a wrong size of the content", frame(packed(PLAIN), INDEPENDENT | CONTENT_SIZE, struct.pack("<Q", 1))
    yield "lz4: an immense size of the content", frame(packed(PLAIN), INDEPENDENT | CONTENT_SIZE, b"\xff" * 8)
    right = xxhash.xxh32_intdigest(PLAIN)
    yield "lz4: a checksum of the block", frame(stored(PLAIN, checksum=right), INDEPENDENT | BLOCK_CHECKSUM)
    yield "lz4: a wrong checksum of the block", frame(stored(PLAIN, checksum=1), INDEPENDENT | BLOCK_CHECKSUM)
    yield "lz4: a wrong checksum of the header", whole[:6] + bytes((whole[6] ^ 1,)) + whole[7:]
    yield "lz4: blocks that may lean on others", frame(packed(PLAIN), 0)
    yield "lz4: reserved flag", frame(packed(PLAIN), INDEPENDENT | 2)
    yield "lz4: a dictionary", frame(packed(PLAIN), INDEPENDENT | 1, bytes(4))
    for code in range(8):
        yield f"lz4: block size {code}", frame(packed(PLAIN), size_byte=code << 4)
    yield "lz4: reserved bits in the block size", frame(packed(PLAIN), size_byte=0x41)
    yield "lz4: a block larger than said", frame(stored(PLAIN + bytes(70_000)))
    yield "lz4: a block beyond the end", frame(uint32.pack(5000) + b"abc")
    yield "lz4: an empty block behind", frame(packed(PLAIN) + packed(b""))
    yield "lz4: the legacy format", b"\x02\x21\x4c\x18" + packed(PLAIN)
    yield "lz4: a bare block", packed(PLAIN)[4:]
    yield "lz4: nothing", b""


def zframe(blocks: bytes, window_log: int = 17, mantissa: int = 0, descriptor: int = 0, end: bytes = b"") -> bytes:
    """A frame that says nothing of its size, with that window."""
    return struct.pack("<IBB", 0xFD2FB528, descriptor, window_log - 10 << 3 | mantissa) + blocks + end


def raw(content: bytes, last: int = 1) -> bytes:
    return (len(content) << 3 | last).to_bytes(3, "little") + content


def zstds() -> Iterator[tuple[str, bytes]]:
    whole = compress(ZSTD, PLAIN)
    yield "zstd: one frame", whole
    for level in (-5, 1, 19, 20, 21, 22):
        yield f"zstd: level {level}", bytes(cramjam.zstd.compress(PLAIN, level))
        stream = cramjam.zstd.Compressor(level)
        stream.compress(PLAIN)
        yield f"zstd: level {level} as a stream", bytes(stream.finish())
    for log in (10, 23, 24, 26, 27):
        yield f"zstd: a window of 2^{log}", zframe(raw(PLAIN), log)
    yield "zstd: a window of 2^27 and an eighth", zframe(raw(PLAIN), 27, 1)
    yield "zstd: a window of 2^28", zframe(raw(PLAIN), 28)
    yield "zstd: a window of 2^31", zframe(raw(PLAIN), 31)
    yield "zstd: a window of 2^41", zframe(raw(PLAIN), 41)
    yield "zstd: two frames", compress(ZSTD, PLAIN[:HALF]) + compress(ZSTD, PLAIN[HALF:])
    yield "zstd: a frame of more records behind", whole + whole
    yield "zstd: an empty frame before", compress(ZSTD, b"") + whole
    yield "zstd: an empty frame behind", whole + compress(ZSTD, b"")
    skippable = struct.pack("<II", 0x184D2A53, 4) + b"skip"
    yield "zstd: a skippable frame before", skippable + whole
    yield "zstd: a skippable frame behind", whole + skippable
    yield "zstd: a skippable frame beyond the end", whole + skippable[:-2]
    yield "zstd: a skippable frame's header behind", whole + skippable[:8]
    yield "zstd: half a skippable frame's header behind", whole + skippable[:6]
    yield "zstd: a skippable frame alone beyond the end", skippable[:-2]
    for nbytes in (1, 3, 4, 5, 8, 20):
        yield f"zstd: the first {nbytes} bytes of a frame behind", whole + whole[:nbytes]
    yield "zstd: an empty frame cut behind", whole + compress(ZSTD, b"")[:-1]
    for name, junk in JUNK.items():
        yield f"zstd: {name} behind", whole + junk
    yield "zstd: cut", whole[:-3]
    yield "zstd: a second frame cut", compress(ZSTD, PLAIN[:HALF]) + compress(ZSTD, PLAIN[HALF:])[:-3]
    summed = uint32.pack(xxhash.xxh64_intdigest(PLAIN) & 0xFFFFFFFF)
    yield "zstd: a checksum", zframe(raw(PLAIN), descriptor=4, end=summed)
    yield "zstd: a wrong checksum", zframe(raw(PLAIN), descriptor=4, end=bytes(4))
    yield "zstd: a checksum that is missing", zframe(raw(PLAIN), descriptor=4)
    yield "zstd: reserved bit", zframe(raw(PLAIN), descriptor=8)
    yield "zstd: unused bit", zframe(raw(PLAIN), descriptor=16)
    head = struct.pack("<IBBB", 0xFD2FB528, 1, 7 << 3, 5)
    yield "zstd: a dictionary", head + raw(PLAIN)
    yield "zstd: no dictionary, said so", struct.pack("<IBBB", 0xFD2FB528, 1, 7 << 3, 0) + raw(PLAIN)
    yield "zstd: an empty raw block behind", zframe(raw(PLAIN, 0) + raw(b""))
    single = struct.pack("<IBI", 0xFD2FB528, 0b10100000, len(PLAIN))
    yield "zstd: one segment", single + raw(PLAIN)
    yield "zstd: a content size that is too small", struct.pack("<IBI", 0xFD2FB528, 0b10100000, 7) + raw(PLAIN)
    yield "zstd: a content size that is too large", struct.pack("<IBI", 0xFD2FB528, 0b10100000, 7000) + raw(PLAIN)
    yield "zstd: a reserved block", zframe(b"\x07\0\0" + PLAIN)
    yield "zstd: nothing", b""
