"""Control records that are not what they should be; the sound ones are compared with Kafka's in the golden batches."""

import pytest

from kstore.errors import InvalidRecord
from kstore.records import BatchBuilder, ControlType, Record, control_key, control_type, parse_batches
from kstore.records import read_end_transaction_marker as read_marker


def record(key: bytes | None, value: bytes | None = b"") -> Record:
    builder = BatchBuilder(control=True)
    builder.append(0, key, value)
    return parse_batches(builder.build())[0].records()[0]


@pytest.mark.parametrize("kind", ControlType)
def test_a_key_names_the_kind(kind: ControlType) -> None:
    assert control_type(record(control_key(kind))) is kind


def test_a_kind_of_the_future_is_no_kind_and_no_error() -> None:
    future = record(b"\x00\x00\x00\x4d\x01\x02")
    assert control_type(future) is None
    assert read_marker(future) is None


@pytest.mark.parametrize("key", [None, b"", b"\x00\x00\x00", b"\xff\xff\x00\x00"])
def test_a_key_that_is_none_is_refused(key: bytes | None) -> None:
    with pytest.raises(InvalidRecord):
        control_type(record(key))


@pytest.mark.parametrize("value", [None, b"", b"\x00\x00\x00\x00\x00", b"\xff\xff\x00\x00\x00\x01"])
def test_an_end_of_a_transaction_that_says_nothing_is_refused(value: bytes | None) -> None:
    with pytest.raises(InvalidRecord):
        read_marker(record(control_key(ControlType.COMMIT), value))
