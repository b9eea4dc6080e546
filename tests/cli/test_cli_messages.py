"""How an input becomes records: pieces between delimiters, whatever the reads bring, keys and nulls."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from actors.cli.messages import InputMessage, Splitter, pieces


def all_pieces(data: bytes, end: bytes, step: int) -> list[bytes]:
    stream = io.BytesIO(data)
    return [piece for found in pieces(lambda size: stream.read(min(step, size)), end) for piece in found]


@given(st.lists(st.binary(max_size=6)), st.sampled_from([b"\n", b"--", b"aba"]), st.integers(1, 9))
def test_pieces_are_the_same_however_the_reads_fall(parts: list[bytes], end: bytes, step: int) -> None:
    data = end.join(parts)
    expected = data.split(end)
    if not expected[-1]:
        expected.pop()
    assert all_pieces(data, end, step) == expected


def test_a_key_ends_at_the_first_delimiter_and_what_has_none_has_the_fixed_key() -> None:
    splitter = Splitter(b":", b"fixed", null=False)
    assert splitter.messages([b"a:b:c", b"d", b"", b":e", b"f:"], b"\n") == [
        InputMessage(b"a", b"b:c", 6),
        InputMessage(b"fixed", b"d", 2),
        InputMessage(b"", b"e", 3),
        InputMessage(b"f", b"", 3),
    ]


def test_with_z_what_is_empty_beside_a_key_delimiter_is_null() -> None:
    splitter = Splitter(b":", None, null=True)
    assert splitter.messages([b":a", b"b:"], b"\n") == [InputMessage(None, b"a", 3), InputMessage(b"b", None, 3)]


def test_without_a_key_delimiter_everything_is_value() -> None:
    assert Splitter(None, b"k", null=False).message(b"a:b", 3) == InputMessage(b"k", b"a:b", 3)
