"""Readers of messages: every one of Kafka's schemas in every version, frames, and what members tell each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from conformance.golden.golden_messages import CLASSES, LINES
from fuzz.readers.reader import Reader

from actors.cli.envelope import EnvelopeError, read_record
from actors.clients.consumer.assignors import wire
from actors.clients.consumer.assignors.sticky import decode_owned, encode_owned
from actors.groups import records as group_records
from actors.network.framing import BadFrame, FrameReader
from actors.runtime.limits import FIRST_PIECE_BYTES
from actors.transactions import records as transaction_records
from kstore.schema import decode, encode, frames
from kstore.schema.envelopes import decode_metadata
from kstore.schema.messages.metadata_records import RECORD_TYPES
from kstore.schema.struct import Message

FRAME_BYTES_MAX = 1 << 20
Golden = tuple[str, int, bytes]


def golden_messages() -> Iterator[Golden]:
    """Name, version and bytes of all that Kafka's own classes wrote, but for those that have none."""
    for name in sorted(CLASSES):
        for line in LINES[name]:
            for case in line["cases"].values():
                if case.get("hex"):
                    yield name, line["version"], bytes.fromhex(case["hex"])


def read_message(name: str, version: int, data: bytes) -> None:
    """A message that can be read is a whole one: it can be written, unless it has a tag twice."""
    message = decode(CLASSES[name], version, data)
    repr(message)
    try:
        again = encode(message, version)
    except ValueError as error:
        if "tagged field" not in str(error) and "unknown one" not in str(error):
            raise
        return
    assert encode(decode(CLASSES[name], version, again), version) == again


def read_request(data: bytes) -> None:
    """As a broker does: the header first, then the message."""
    header, at = frames.decode_request_header(data)
    decode(frames.request_class(header.request_api_key), header.request_api_version, data, at)


def read_response(data: bytes) -> None:
    """As a client does that has asked for metadata."""
    _, at = frames.decode_response_header(3, 12, data)
    decode(frames.response_class(3), 12, data, at)


def read_stream(data: bytes) -> None:
    """What comes over a socket, in pieces of what it takes at once."""
    shared = memoryview(bytearray(100))
    reader = FrameReader(shared, FRAME_BYTES_MAX)
    while data:
        space = reader.space()
        count = min(len(space), len(data))
        space[:count] = data[:count]
        data = data[count:]
        del space
        try:
            reader.received(count)
        except BadFrame:
            return


def read_log_record(decode_entry: Callable[[bytes, bytes | None], object], data: bytes) -> None:
    """A coordinator's record: its key, behind a byte that says how long it is, then its value."""
    split = 1 + data[0] if data else 1
    decode_entry(data[1:split], data[split:] or None)


def coordinator_records(kinds: tuple[tuple[str, str], ...]) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for key_name, value_name in kinds:
        keys = [data for name, version, data in golden_messages() if name == key_name and version == 0]
        values = [(version, data) for name, version, data in golden_messages() if name == value_name]
        for version, value in values:
            key = CLASSES[key_name].API_KEY.to_bytes(2, "big") + keys[-1]
            found.append(bytes((len(key),)) + key + version.to_bytes(2, "big") + value)
    return tuple(found)


GROUP_KINDS = (
    ("OffsetCommitKey", "OffsetCommitValue"),
    ("GroupMetadataKey", "GroupMetadataValue"),
    ("ConsumerGroupMetadataKey", "ConsumerGroupMetadataValue"),
    ("ConsumerGroupMemberMetadataKey", "ConsumerGroupMemberMetadataValue"),
    ("ConsumerGroupTargetAssignmentMemberKey", "ConsumerGroupTargetAssignmentMemberValue"),
    ("ConsumerGroupCurrentMemberAssignmentKey", "ConsumerGroupCurrentMemberAssignmentValue"),
)


def metadata_records() -> tuple[bytes, ...]:
    types = {cls.NAME: number for number, cls in RECORD_TYPES.items()}
    return tuple(bytes((1, types[name], version)) + data for name, version, data in golden_messages() if name in types)


def protocol_messages(name: str) -> tuple[bytes, ...]:
    return tuple(version.to_bytes(2, "big") + data for each, version, data in golden_messages() if each == name)


def read_line(data: bytes) -> None:
    """A line of ``kstore produce --json``."""
    with suppress(EnvelopeError):
        read_record(data)


def read_frames() -> tuple[bytes, ...]:
    return tuple(
        b"".join(bytes(part) for part in frames.encode_request(message(), version, 7, "fuzzer"))
        for message, version in ((CLASSES["MetadataRequest"], 12), (CLASSES["ProduceRequest"], 9))
    )


def message_readers() -> list[Reader]:
    """The messages' readers are drawn together: see ``weight``."""
    requests = tuple(data[4:] for data in read_frames())
    made: Message = CLASSES["MetadataResponse"]()
    response = b"".join(bytes(part) for part in frames.encode_response(made, 12, 7))[4:]
    transactions = coordinator_records((("TransactionLogKey", "TransactionLogValue"),))
    owned = (encode_owned([], 3), b"\0\0\0\1\0\1t\0\0\0\2\0\0\0\0\0\0\0\1\0\0\0\7")
    return [
        Reader("request", read_request, requests),
        Reader("response", read_response, (response,)),
        Reader("stream", read_stream, read_frames(), memory_bytes_max=4 * FIRST_PIECE_BYTES),
        Reader("metadata record", lambda data: void(decode_metadata(data)), metadata_records()),
        Reader("group record", partial(read_log_record, group_records.decode_entry), coordinator_records(GROUP_KINDS)),
        Reader("transaction record", partial(read_log_record, transaction_records.decode_entry), transactions),
        Reader(
            "subscription",
            lambda data: void(wire.decode_subscription(data)),
            protocol_messages("ConsumerProtocolSubscription"),
        ),
        Reader(
            "assignment",
            lambda data: void(wire.decode_assignment(data)),
            protocol_messages("ConsumerProtocolAssignment"),
        ),
        Reader(
            "line of records",
            read_line,
            (b'{"key":"a","value":{"base64":"AA=="},"headers":[["h","1"]],"partition":3}',),
        ),
        Reader("sticky user data", lambda data: void(decode_owned(data)), owned),
    ]


def schema_readers() -> list[Reader]:
    """One for each message and version, with what Kafka wrote of it."""
    by_version: dict[tuple[str, int], list[bytes]] = {}
    for name, version, data in golden_messages():
        by_version.setdefault((name, version), []).append(data)
    return [
        Reader(f"{name} {version}", partial(read_message, name, version), tuple(sound))
        for (name, version), sound in by_version.items()
    ]


def void(_: object) -> None:
    """A reader says nothing."""
