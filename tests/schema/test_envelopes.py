"""Messages as records of logs, and ids as strings."""

from __future__ import annotations

import base64

import pytest

from kstore.errors import UnsupportedVersion
from kstore.schema import SchemaError, decode, envelopes
from kstore.schema.messages.consumer_offsets import KEY_TYPES, VALUE_TYPES, OffsetCommitKey, OffsetCommitValue
from kstore.schema.messages.metadata_records import RECORD_TYPES, TopicRecord
from kstore.schema.uuids import ZERO, to_string


def test_a_coordinators_record_has_its_type_before_the_key_and_its_version_before_the_value() -> None:
    key = OffsetCommitKey(group="g", topic="t", partition=3)
    raw = envelopes.encode_key(key)
    assert raw == b"\x00\x01" + b"\x00\x01g\x00\x01t\x00\x00\x00\x03"
    assert decode(KEY_TYPES[envelopes.prefix_of(raw)], 0, raw, 2) == key
    value = OffsetCommitValue(offset=5, metadata="m", commit_timestamp=9)
    raw = envelopes.encode_value(value, 3)
    assert decode(VALUE_TYPES[1], envelopes.prefix_of(raw), raw, 2) == value
    with pytest.raises(SchemaError, match="1 bytes are too short"):
        envelopes.prefix_of(b"\x00")


def test_a_metadata_record_is_read_back() -> None:
    for type_, cls in RECORD_TYPES.items():
        message = cls()
        for version in range(cls.VERSIONS[0], cls.VERSIONS[1] + 1):
            raw = envelopes.encode_metadata(message, version)
            assert raw[:3] == bytes([1, type_, version])
            assert envelopes.decode_metadata(memoryview(raw)) == message


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "cut off"),
        (b"\x01\x02", "cut off"),
        (b"\x01\xff\xff\xff\x00", "cut off"),
        (b"\x02\x02\x00", "envelope of version 2"),
        (b"\x00\x02\x00", "envelope of version 0"),
        (b"\x01\x7e\x00", "type 126"),
        (b"\x01\x02\x00" + b"\x02t" + bytes(16) + b"\x00" + b"?", "1 bytes are left over after a TopicRecord"),
        (b"\x01\x02\x00" + b"\x09t", "TopicRecord.name"),
    ],
)
def test_what_is_no_metadata_record_is_refused(raw: bytes, what: str) -> None:
    with pytest.raises(SchemaError, match=what):
        envelopes.decode_metadata(raw)


def test_a_metadata_record_of_another_version_is_refused() -> None:
    with pytest.raises(UnsupportedVersion):
        envelopes.decode_metadata(b"\x01\x02\x63")
    with pytest.raises(ValueError, match="no place in a metadata log"):
        envelopes.encode_metadata(OffsetCommitValue(), 200)
    assert TopicRecord().topic_id == ZERO


def test_ids_are_written_as_kafka_writes_them(seed: int) -> None:
    import random

    draw = random.Random(seed)
    assert to_string(ZERO) == "AAAAAAAAAAAAAAAAAAAAAA"
    assert to_string(b"\xff" * 16) == "_____________________w"
    for _ in range(200):
        uuid = draw.randbytes(16)
        assert base64.urlsafe_b64decode(to_string(uuid) + "==") == uuid


def test_what_is_no_id_is_refused() -> None:
    with pytest.raises(ValueError, match="an id is 16 bytes"):
        to_string(b"short")
