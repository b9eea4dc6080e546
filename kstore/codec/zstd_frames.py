"""Reads Zstandard frames into as much memory as their blocks can expand to, up to a limit.

Kafka's clients write frames that don't say how long their content is, so the size comes from a walk over the block
headers (RFC 8878): a raw or repeated block says its size, a compressed one comes to the smaller of the window and
128 KiB at most. A content size that goes beyond that is a lie.

A frame that isn't whole behind one that is, is left alone, as Kafka's reader does: what it lacks, the records show.

Windows go up to the 128 MiB that levels 21 and 22 ask for, as in Apache Kafka. The decoder sets so much address space
aside, but it writes no more of it than the content, and that ends at the limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import zstandard

from kstore.codec.zstd_contexts import WINDOW_BYTES_MAX, contexts
from kstore.errors import CorruptMessage, MessageTooLarge
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAGIC = 0xFD2FB528
MAGIC_BYTES = MAGIC.to_bytes(4, "little")
SKIPPABLE_MAGIC, SKIPPABLE_MASK = 0x184D2A50, 0xFFFFFFF0
SKIPPABLE_BYTES = SKIPPABLE_MAGIC.to_bytes(4, "little")
BLOCK_BYTES_MAX = 128 * 1024
REPEATED, COMPRESSED = 1, 2  # kinds of blocks; 0 is raw
LEVEL_DEFAULT = 3
FRAME_BYTES_MIN = 9
SINGLE_SEGMENT = 0x20
WINDOW_BYTE_MAX = 17 << 3  # stands for WINDOW_BYTES_MAX


class UnfinishedFrame(CorruptMessage):
    """The bytes end before the frame does."""


class Frame(NamedTuple):
    """Where a frame begins and ends, and what it decompresses to: so many bytes, or at most so many."""

    start: int
    end: int
    content_bytes_max: int
    says_its_size: bool


def compress_zstd(data: Buffer, level: int | None) -> bytes:
    return contexts.compress(data, LEVEL_DEFAULT if level is None else level)


def decompress_zstd(data: Buffer, limit_bytes: int) -> bytes:
    view = memoryview(data)
    decompressor = contexts.decompressor or contexts.new_decompressor()
    # nearly all data is one frame that says its size
    if len(view) >= FRAME_BYTES_MIN and (view[5] <= WINDOW_BYTE_MAX or view[4] & SINGLE_SEGMENT):
        try:
            if 0 < zstandard.frame_content_size(view) <= limit_bytes:
                return decompressor.decompress(view, allow_extra_data=False)
        except zstandard.ZstdError:
            decompressor = contexts.new_decompressor()  # what is wrong is found again, and told, frame by frame
    try:
        return several_frames(decompressor, view, limit_bytes)
    finally:
        contexts.drop_large_decompressor()


def several_frames(decompressor: zstandard.ZstdDecompressor, view: memoryview, limit_bytes: int) -> bytes:
    """What any number of frames hold, of any kind."""
    parts: list[bytes] = []
    room = limit_bytes
    for frame in whole_frames(view, limit_bytes):
        part = frame_content(decompressor, view[frame.start : frame.end], frame, room)
        room -= len(part)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def frame_content(decompressor: zstandard.ZstdDecompressor, data: memoryview, frame: Frame, room: int) -> bytes:
    """What a frame holds; ``MessageTooLarge`` if that is, or may be, more than ``room`` bytes."""
    is_near_limit = frame.content_bytes_max > room
    if is_near_limit and frame.says_its_size:
        raise MessageTooLarge(f"a Zstandard frame of {frame.content_bytes_max} bytes where {room} are accepted")
    try:
        if frame.content_bytes_max and room:
            return decompressor.decompress(data, max_output_size=min(frame.content_bytes_max, room))
        # otherwise the library wouldn't look at the blocks
        part = decompressor.stream_reader(data).read(1)
    except zstandard.ZstdError as error:
        if is_near_limit:
            raise MessageTooLarge("Zstandard data that is corrupt or goes beyond the bytes accepted") from error
        raise CorruptMessage(f"Zstandard: {error}") from error
    if part and is_near_limit:
        raise MessageTooLarge("a Zstandard frame where no more bytes are accepted")
    if part:
        raise CorruptMessage("a Zstandard frame says it is empty and isn't")
    return part


def whole_frames(view: memoryview, limit_bytes: int) -> list[Frame]:
    """The frames with content; what they hold isn't looked at."""
    frames: list[Frame] = []
    at = 0
    while at < len(view):
        try:
            frame = read_frame(view, at, limit_bytes)
        except UnfinishedFrame:
            if at == 0:
                raise
            break
        at = frame.end
        if frame.start < frame.end:
            frames.append(frame)
    if at == 0:
        raise CorruptMessage("no bytes are not a Zstandard frame")
    return frames


def number(view: memoryview, at: int, nbytes: int) -> int:
    if nbytes > len(view) - at:
        raise UnfinishedFrame("a Zstandard frame ends too early")
    return int.from_bytes(view[at : at + nbytes], "little")


def may_be_frame(head: bytes) -> bool:
    """Whether a frame of either kind begins with these bytes, four of them or what there is."""
    skippable = bytes((head[0] & 0xF0,)) + head[1:]
    return MAGIC_BYTES.startswith(head) or SKIPPABLE_BYTES.startswith(skippable)


def read_frame(view: memoryview, at: int, limit_bytes: int) -> Frame:
    start = at
    if not may_be_frame(bytes(view[at : at + 4])):
        raise CorruptMessage("this is not a Zstandard frame")
    magic = number(view, at, 4)
    if magic & SKIPPABLE_MASK == SKIPPABLE_MAGIC:
        end = at + 8 + number(view, at + 4, 4)
        if end > len(view):
            raise UnfinishedFrame("a Zstandard frame ends too early")
        return Frame(end, end, 0, False)  # skippable: nothing to decompress
    descriptor = number(view, at + 4, 1)
    at += 5
    single_segment = descriptor >> 5 & 1
    window = 0
    if not single_segment:
        exponent_mantissa = number(view, at, 1)
        base = 1 << (10 + (exponent_mantissa >> 3))
        window = base + (base >> 3) * (exponent_mantissa & 7)
        at += 1
    at += (0, 1, 2, 4)[descriptor & 3]
    size_bytes = (single_segment, 2, 4, 8)[descriptor >> 6]
    content = number(view, at, size_bytes) + (256 if size_bytes == 2 else 0) if size_bytes else None
    at += size_bytes
    if content is not None and content > limit_bytes:
        raise MessageTooLarge(f"Zstandard data of {content} bytes; at most {limit_bytes} are accepted")
    if single_segment:
        window = content or 0
    elif window > WINDOW_BYTES_MAX:
        raise CorruptMessage(f"Zstandard data with a window of {window} bytes; at most {WINDOW_BYTES_MAX} are read")
    at, most = blocks_end(view, at, min(window, BLOCK_BYTES_MAX))
    if content is not None and content > most:
        raise CorruptMessage(f"a Zstandard frame says it has {content} bytes and cannot hold them")
    end = at + (4 if descriptor >> 2 & 1 else 0)
    if end > len(view):
        raise UnfinishedFrame("a Zstandard frame ends too early")
    return Frame(start, end, most if content is None else content, content is not None)


def blocks_end(view: memoryview, at: int, block_bytes_max: int) -> tuple[int, int]:
    """Where the blocks of a frame end, and how many bytes they decompress to at most."""
    most = 0
    is_last = 0
    while not is_last:
        header = number(view, at, 3)
        is_last, kind, size = header & 1, header >> 1 & 3, header >> 3
        at += 3 + (1 if kind == REPEATED else size)
        if kind > COMPRESSED or (kind != COMPRESSED and size > BLOCK_BYTES_MAX):
            raise CorruptMessage("a Zstandard block is not what a block can be")
        if at > len(view):
            raise UnfinishedFrame("a Zstandard block ends too early")
        most += block_bytes_max if kind == COMPRESSED else size
    return at, most
