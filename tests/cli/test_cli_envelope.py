"""Records as lines of JSON: whatever a record holds comes back as it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.cli.envelope import EnvelopeError, read_record, record_line
from actors.clients.consumer.records import ConsumerRecord

DATA = st.none() | st.binary(max_size=30) | st.text(max_size=20).map(str.encode)


@given(DATA, DATA, st.lists(st.tuples(st.text(max_size=5), DATA), max_size=3))
def test_a_record_comes_back_as_it_was(key, value, headers) -> None:
    line = record_line(ConsumerRecord("t", 3, 7, timestamp=9, key=key, value=value, headers=headers))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read_record(line) == {
        "key": key,
        "value": value,
        "headers": headers,
        "partition": 3,
        "timestamp_ms": 9,
    }


def test_text_stays_readable_and_other_bytes_are_base64() -> None:
    shown = json.loads(record_line(ConsumerRecord("t", 0, 0, key="é".encode(), value=b"\xff")))
    assert shown["key"] == "é"
    assert shown["value"] == {"base64": "/w=="}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "no JSON"),
        (b"[]", "a JSON object"),
        (b'{"key": 1}', "the key is neither"),
        (b'{"value": {"base64": "?"}}', "the value is not base64"),
        (b'{"value": {"base64": "", "more": 1}}', "the value is neither"),
        (b'{"headers": [["a"]]}', "a list of"),
        (b'{"headers": {"a": "b"}}', "a list of"),
        (b'{"partition": "0"}', "partition is no integer"),
    ],
)
def test_a_line_that_is_no_record_says_why(line: bytes, words: str) -> None:
    with pytest.raises(EnvelopeError, match=words):
        read_record(line)
