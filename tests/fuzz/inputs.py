"""Inputs of a fuzzer of the protocol: requests of every key and version that is served, and what can be wrong in them.

Each input is drawn from a number alone, so that it can be had again. It begins as a request that makes some sense:
names come from small pools, so that topics and groups really exist. Then, by chance, bytes are flipped, the end is cut
off, a length in it is overwritten by a hostile one, or it comes twice. What is asked of the brokers' own configs is
only validated, as a fuzzer that may turn everything off finds nothing.
"""

from __future__ import annotations

import random
import struct
from typing import Any

from actors.broker import registry
from kstore.records import BatchBuilder
from kstore.schema import frames
from kstore.schema.errors import SchemaError
from kstore.schema.struct import BOOL, BYTES, FLOAT64, INT8, INT16, INT32, INT64, RECORDS, STRING, UUID, Struct

TOPICS = [f"fuzz-{number}" for number in range(12)]
GROUPS = [f"group-{number}" for number in range(8)]
CONFIGS = ["retention.ms", "min.insync.replicas", "max.message.bytes", "cleanup.policy", "no.such.key", ""]
WORDS = ["", "a", "consumer", "range", "\0", "é", "x" * 249, "x" * 250, "x" * 32767, "..", "__consumer_offsets"]
BITS = {INT8: 8, INT16: 16, INT32: 32, INT64: 64}
LENGTHS = [b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\x7f\xff", b"\xff\xff", b"\xff\xff\xff\xff\x0f"]
KEYS = sorted(registry.CLIENT_APIS)
DELETIONS = (20, 21)
ALTERATIONS = (33, 44)
BROKER_CONFIGS = 4


class Inputs:
    """The inputs of one seed, by number."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def input(self, number: int) -> bytes:
        """What is sent to a server: one frame or two, with their lengths, sound or not."""
        draw = random.Random(f"{self.seed}/{number}")
        key = draw.choice(KEYS)
        served = registry.CLIENT_APIS[key]
        version = draw.randint(served.first, served.last)
        request = self._message(draw, frames.request_class(key), version, 0)
        if key in ALTERATIONS and any(each.resource_type == BROKER_CONFIGS for each in request.resources):
            request.validate_only = True
        try:
            body = b"".join(bytes(part) for part in frames.encode_request(request, version, number, self._client(draw)))
        except (SchemaError, ValueError, OverflowError):  # what this version can't carry
            return self._raw(draw, key, version)
        return self._spoil(draw, body)

    def _client(self, draw: random.Random) -> str | None:
        return draw.choice([None, "", "fuzzer", "x" * draw.choice((1, 300, 32767))])

    @staticmethod
    def _raw(draw: random.Random, key: int, version: int) -> bytes:
        body = struct.pack(">hhih", key, version, 1, -1) + draw.randbytes(draw.randrange(200))
        return struct.pack(">i", len(body)) + body

    @staticmethod
    def _spoil(draw: random.Random, frame: bytes) -> bytes:
        how = draw.randrange(8)
        if how < 3:
            return frame
        if how == 3:
            return frame + frame
        body = bytearray(frame[4:])
        if how == 4:
            for _ in range(draw.randint(1, 8)):
                body[draw.randrange(len(body))] ^= 1 << draw.randrange(8)
        elif how == 5:
            del body[draw.randrange(len(body)) :]
        elif how == 6:
            at, length = draw.randrange(len(body)), draw.choice(LENGTHS)
            body[at : at + len(length)] = length
        else:
            return struct.pack(">i", draw.choice((-1, 0, 1, len(body) - 1, len(body) + 1, 2**31 - 1))) + bytes(body)
        return struct.pack(">i", len(body)) + bytes(body)

    def _message(self, draw: random.Random, kind: type[Struct], version: int, depth: int) -> Any:
        made: Any = kind()
        for name, field in kind.fields().items():
            if not is_in(field.versions, version):
                continue
            if field.nullable and is_in(field.nullable, version) and draw.random() < 0.1:
                setattr(made, name, None)
            elif draw.random() < 0.95:
                setattr(made, name, self._value(draw, name, field.kind, version, depth))
        return made

    def _value(self, draw: random.Random, name: str, kind: Any, version: int, depth: int) -> Any:
        if isinstance(kind, list):
            count = draw.choice((0, 1, 1, 1, 2, 3, 40 if depth else 3))
            first = [self._value(draw, name, kind[0], version, depth + 1) for _ in range(count)]
            return first * draw.choice((1, 1, 1, 2))
        if isinstance(kind, type):
            return self._message(draw, kind, version, depth + 1)
        if kind in BITS:
            return self._number(draw, name, BITS[kind])
        if kind == STRING:
            return self._text(draw, name)
        if kind == UUID:
            return draw.choice((bytes(16), draw.randbytes(16)))
        if kind == RECORDS:
            return self._records(draw)
        if kind == BYTES:
            return draw.randbytes(draw.choice((0, 1, 2, 6, 40)))
        if kind == FLOAT64:
            return draw.choice((0.0, float("nan"), 1e308))
        return draw.random() < 0.5 if kind == BOOL else draw.randrange(4)

    @staticmethod
    def _number(draw: random.Random, name: str, bits: int) -> int:
        top = 2 ** (bits - 1)
        if name in ("num_partitions", "count"):
            return draw.choice((-2, -1, 0, 1, 1, 2, 3, top - 1))
        if draw.random() < 0.2:
            return draw.choice((-top, top - 1, -1, -2, top // 2))
        if name.endswith("_ms"):
            return min(top - 1, draw.choice((0, 1, 10, 500, 6000)))
        return draw.choice((0, 0, 1, 1, 2, 3, 5))

    @staticmethod
    def _text(draw: random.Random, name: str) -> str:
        if draw.random() < 0.15:
            return draw.choice(WORDS)
        if "group" in name or name in ("key", "coordinator_keys"):
            return draw.choice(GROUPS)
        if name == "transactional_id":
            return draw.choice(WORDS)
        if "config" in name:
            return draw.choice(CONFIGS)
        if name in ("name", "topic", "topic_names", "resource_name", "topics"):
            return draw.choice(TOPICS)
        return draw.choice(WORDS[:8])

    @staticmethod
    def _records(draw: random.Random) -> bytes:
        builder = BatchBuilder()
        for _ in range(draw.randint(1, 5)):
            builder.append(draw.choice((-1, 0, 10**12, 2**62)), draw.choice((None, b"", b"k")), draw.randbytes(8))
        return bytes(builder.build()) * draw.choice((1, 1, 1, 1, 2, 0))


def is_in(versions: str, version: int) -> bool:
    """Whether a range of versions such as ``2-7`` or ``3+`` has this one."""
    first, _, last = versions.partition("-")
    if first.endswith("+"):
        return version >= int(first[:-1])
    return int(first) <= version <= int(last or first)
