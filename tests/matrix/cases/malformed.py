"""Cases of requests that are wrong as bytes, for every key, and of frames that are no requests at all.

After each the connection is asked one thing more, so that it is seen whether it still stands.
"""

from __future__ import annotations

import struct
from typing import Any

from matrix.case import Talk, case, encoded, every_key
from matrix.raw import PATIENCE_S, RawClient, Silence

from kstore.schema import frames
from kstore.schema.messages.add_partitions_to_txn import AddPartitionsToTxnTransaction
from kstore.schema.messages.api_versions import ApiVersionsRequest
from kstore.schema.versions import APIS

API_VERSIONS = 18
SEVERAL_TRANSACTIONS_FROM = 4
HURRY_S = 2.0
"""How long nothing must come where nothing is due."""
UNKNOWN_FIELD = b"\x01\x63\x02ab"
"""One tagged field with the number 99, of two bytes."""


def sound(talk: Talk) -> bytes:
    """A frame, without its length, of the case's key and version, that asks for nothing."""
    request = frames.request_class(talk.case.key)()
    if hasattr(request, "acks"):
        request.acks = 1
    if hasattr(request, "transactions") and talk.version >= SEVERAL_TRANSACTIONS_FROM:
        request.transactions = [AddPartitionsToTxnTransaction(transactional_id="any")]  # without one none is answered
    return encoded(request, talk.version, 1)[4:]


def tried(talk: Talk, step: str, frame: bytes, *, prefix: bytes | None = None, patience_s: float = PATIENCE_S) -> None:
    """Send a frame and note whether it was answered, or what was done instead."""
    client = talk.new_client()
    try:
        client.send((struct.pack(">i", len(frame)) if prefix is None else prefix) + frame)
        answer = client.receive(patience_s)
        note(talk, step, answer if isinstance(answer, Silence) else f"answered; then {stands(client)}")
    finally:
        client.close()


def stands(client: RawClient) -> str:
    """What comes of one more request on a connection."""
    client.send(encoded(ApiVersionsRequest(), 0, 7))
    answer = client.receive()
    return answer.value if isinstance(answer, Silence) else "answered"


def note(talk: Talk, step: str, outcome: Any) -> None:
    told = outcome.value if isinstance(outcome, Silence) else outcome
    talk.transcript[f"{talk.case.api}/{talk.case.name}/{step}/v{talk.version}"] = {"outcome": told}


@every_key("malformed")
def _(talk: Talk) -> None:
    frame = sound(talk)
    header = frame_header(talk)
    tried(talk, "a byte more", frame + b"\x00")
    tried(talk, "a hundred bytes more", frame + b"\x55" * 100)
    if len(frame) > len(header):
        tried(talk, "a byte less", frame[:-1])
        tried(talk, "no body", header)
        tried(talk, "all bits set", header + b"\xff" * (len(frame) - len(header)))
    tried(talk, "half a header", frame[:6])
    if talk.version >= APIS[talk.case.key].flexible_from:
        tried(talk, "an unknown tagged field", frame[:-1] + UNKNOWN_FIELD)
        tried(talk, "an unknown tagged field in the header", header[:-1] + UNKNOWN_FIELD + frame[len(header) :])
        tried(talk, "a tagged field beyond the frame", frame[:-1] + b"\x01\x63\x09ab")
        tried(talk, "two billion tagged fields", frame[:-1] + b"\xff\xff\xff\xff\x07")


def frame_header(talk: Talk) -> bytes:
    """The part of a sound frame that is its header."""
    _, body = frames.decode_request_header(sound(talk))
    return sound(talk)[:body]


@every_key("version not served")
def _(talk: Talk) -> None:
    if talk.version != talk.case.played_versions()[0]:
        return
    defined = APIS[talk.case.key]
    first = encoded(frames.request_class(talk.case.key)(), defined.last, 1)[4:]
    for version in (99, -1, defined.last + 1):
        tried(talk, f"version {version if version in (99, -1) else 'after the last'}", versioned(first, version))


def versioned(frame: bytes, version: int) -> bytes:
    return frame[:2] + struct.pack(">h", version) + frame[4:]


@case(API_VERSIONS, "frames that are no requests", since=4)
def _(talk: Talk) -> None:
    frame = sound(talk)
    tried(talk, "an empty frame", b"")
    tried(talk, "a negative length", b"", prefix=struct.pack(">i", -1))
    tried(talk, "the least length", b"", prefix=struct.pack(">i", -(2**31)))
    tried(talk, "a length over the bound", b"", prefix=struct.pack(">i", 104857601))
    tried(talk, "the greatest length", b"", prefix=struct.pack(">i", 2**31 - 1))
    tried(talk, "a length without its bytes", b"", prefix=struct.pack(">i", 100), patience_s=HURRY_S)
    tried(talk, "half a length", b"", prefix=b"\x00\x00", patience_s=HURRY_S)
    tried(talk, "text", b"GET / HTTP/1.1\r\n\r\n", prefix=b"")
    tried(talk, "a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32), prefix=b"")
    tried(talk, "a client id of length -2", frame[:8] + struct.pack(">h", -2) + frame[10:])
    tried(talk, "a client id beyond the frame", frame[:8] + struct.pack(">h", 3000) + frame[10:])
    tried(talk, "a client id that is no UTF-8", frame[:10] + b"\xff\xfe\xfd\xfc\xfb\xfa" + frame[16:])
    tried(talk, "no client id", frame[:8] + struct.pack(">h", -1) + frame[16:])


@case(API_VERSIONS, "keys that nobody serves", since=4)
def _(talk: Talk) -> None:
    for key in (-1, 4, 7, 95, 999, 32767):
        tried(talk, f"key {key}", struct.pack(">hhih", key, 0, 1, -1))


@case(API_VERSIONS, "several requests at once")
def _(talk: Talk) -> None:
    client = talk.new_client()
    try:
        for correlation_id in (3, 1, 2):
            client.send(
                encoded(
                    ApiVersionsRequest(client_software_name="m", client_software_version="1"),
                    talk.version,
                    correlation_id,
                )
            )
        ids = [client.receive() for _ in range(3)]
        told = [each.value if isinstance(each, Silence) else struct.unpack(">i", each[:4])[0] for each in ids]
        note(talk, "answered in their order", str(told))
    finally:
        client.close()


@case(API_VERSIONS, "a version to come", since=4)
def _(talk: Talk) -> None:
    client = talk.new_client()
    try:
        client.send_frame(versioned(sound(talk), 99))
        answer = client.receive()
        talk.note("answered", answer if isinstance(answer, Silence) else talk.response_of(API_VERSIONS, 0, answer), 0)
    finally:
        client.close()
