"""Messages at random: what was encoded comes back; what was damaged is refused or harmless, and never costs much."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from conformance.golden.golden_messages import CLASSES, LINES
from hypothesis import given, settings
from hypothesis import strategies as st

from kstore.named import NamedTuple
from kstore.schema import SchemaError, decode, encode, frames
from kstore.schema.struct import Field, Message, Struct
from kstore.schema.versions import APIS


class Golden(NamedTuple):
    """One message as Kafka's own classes wrote it."""

    cls: type[Message]
    version: int
    data: bytes


def golden_of(name: str) -> list[Golden]:
    """All that has bytes at all: some messages have no fields in some versions."""
    written = [(line["version"], case.get("hex", "")) for line in LINES[name] for case in line["cases"].values()]
    return [Golden(CLASSES[name], version, bytes.fromhex(text)) for version, text in written if text]


NAMES = sorted(CLASSES)
GOLDEN = {name: golden_of(name) for name in NAMES}
NAMES_WITH_BYTES = [name for name in NAMES if GOLDEN[name]]
RANGES = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}
SCALARS = {
    **{kind: st.integers(-(2**bits), 2**bits - 1) for kind, bits in RANGES.items()},
    "uint16": st.integers(0, 2**16 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "bool": st.booleans(),
    "float64": st.floats(allow_nan=False),
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    "bytes": st.binary(max_size=200),
    "records": st.binary(max_size=200),
    "uuid": st.binary(min_size=16, max_size=16),
}


def uvarint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + uvarint(rest) if rest else bytes([low])


hostile_numbers = st.integers(0, 2**32 - 1) | st.sampled_from([2**15 - 1, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1])
hostile_lengths = st.one_of(
    hostile_numbers.map(lambda number: number.to_bytes(4, "big")),
    hostile_numbers.map(lambda number: (number & 0xFFFF).to_bytes(2, "big")),
    hostile_numbers.map(uvarint),
    st.just(b"\xff" * 10),
)


def covers(versions: str, version: int) -> bool:
    first, dash, last = versions.partition("-")
    return bool(versions) and int(first.rstrip("+")) <= version <= (
        int(last) if dash else 999 if versions.endswith("+") else int(first)
    )


def values(field: Field, version: int, flexible: bool) -> st.SearchStrategy[Any]:
    kind = field.kind
    if isinstance(kind, list):
        inner = structs(kind[0], version, flexible) if isinstance(kind[0], type) else SCALARS[kind[0]]
        found: st.SearchStrategy[Any] = st.lists(inner, max_size=3)
    else:
        found = structs(kind, version, flexible) if isinstance(kind, type) else SCALARS[str(kind)]
    return st.none() | found if covers(field.nullable, version) else found


def structs(cls: type[Struct], version: int, flexible: bool) -> st.SearchStrategy[Any]:
    fields = {
        name: values(field, version, flexible)
        for name, field in cls.fields().items()
        if covers(field.versions, version)
    }
    if flexible:
        tags = st.dictionaries(st.integers(3000, 2**31 - 1), st.binary(max_size=20), max_size=2)
        fields["unknown_tagged_fields"] = st.just(()) | tags.map(lambda found: tuple(sorted(found.items())))
    return st.builds(cls, **fields)


@st.composite
def any_message(draw: st.DrawFn) -> tuple[Message, int]:
    cls = CLASSES[draw(st.sampled_from(NAMES))]
    version = draw(st.integers(*cls.VERSIONS))
    return draw(structs(cls, version, version >= cls.FLEXIBLE_FROM)), version


@settings(max_examples=5 * settings().max_examples)
@given(any_message())
def test_what_was_encoded_comes_back(drawn: tuple[Message, int]) -> None:
    message, version = drawn
    data = encode(message, version)
    assert decode(type(message), version, data) == message
    assert encode(decode(type(message), version, data), version) == data


def check_harmless(cls: type[Message], version: int, data: bytes) -> None:
    """Decode damaged bytes; if that works, the message is a whole one."""
    try:
        message = decode(cls, version, data)
    except SchemaError:
        return
    try:
        again = encode(message, version)
    except ValueError as error:
        if "tagged field" not in str(error) and "unknown one" not in str(error):
            raise
        return  # a tag stood there twice, or out of order
    assert encode(decode(cls, version, again), version) == again


def golden() -> st.SearchStrategy[Golden]:
    return st.sampled_from(NAMES_WITH_BYTES).flatmap(lambda name: st.sampled_from(GOLDEN[name]))


@st.composite
def with_flips(draw: st.DrawFn, data: bytes) -> bytes:
    flipped = bytearray(data)
    for bit in draw(st.lists(st.integers(0, 8 * len(data) - 1), min_size=1, max_size=4)):
        flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


@st.composite
def with_a_hostile_length(draw: st.DrawFn, data: bytes) -> bytes:
    """Anywhere, over what stood there or before it: no lengths at all, and ones that promise far more than there is."""
    at = draw(st.integers(0, len(data)))
    length = draw(hostile_lengths)
    return data[:at] + length + data[at + draw(st.sampled_from([0, 1, len(length)])) :]


@st.composite
def with_a_piece_moved(draw: st.DrawFn, data: bytes) -> bytes:
    """A piece left out, or there twice."""
    return data[: draw(st.integers(0, len(data)))] + data[draw(st.integers(0, len(data))) :]


@pytest.mark.parametrize("name", NAMES_WITH_BYTES)
@settings(max_examples=max(1, settings().max_examples // 15))
@given(st.data())
def test_cut_flipped_and_hostile_messages_are_refused_or_harmless(name: str, drawn: st.DataObject) -> None:
    cls, version, data = drawn.draw(st.sampled_from(GOLDEN[name]))
    check_harmless(cls, version, drawn.draw(with_flips(data)))
    check_harmless(cls, version, drawn.draw(with_a_hostile_length(data)))
    with pytest.raises(SchemaError):
        decode(cls, version, data[: drawn.draw(st.integers(0, len(data) - 1))])


@settings(max_examples=5 * settings().max_examples)
@given(golden(), st.data())
def test_pieces_left_out_or_repeated_are_refused_or_harmless(message: Golden, drawn: st.DataObject) -> None:
    check_harmless(message.cls, message.version, drawn.draw(with_a_piece_moved(message.data)))


@settings(max_examples=3 * settings().max_examples)
@given(st.sampled_from(NAMES), st.data())
def test_garbage_is_refused_or_harmless(name: str, data: st.DataObject) -> None:
    cls = CLASSES[name]
    check_harmless(cls, data.draw(st.integers(*cls.VERSIONS)), data.draw(st.binary(max_size=300)))


@given(st.binary(max_size=60), st.sampled_from(sorted(APIS)), st.integers(0, 20))
def test_garbage_headers_are_refused_or_read(garbage: bytes, api_key: int, version: int) -> None:
    for frame in (garbage, api_key.to_bytes(2, "big") + version.to_bytes(2, "big") + garbage):
        try:
            header, body = frames.decode_request_header(frame)
        except SchemaError:
            continue
        assert 10 <= body <= len(frame)
        assert header.request_api_key == int.from_bytes(frame[:2], "big", signed=True)


@settings(max_examples=5 * settings().max_examples)
@given(golden(), st.data())
def test_no_damaged_message_takes_more_than_a_multiple_of_its_size(message: Golden, drawn: st.DataObject) -> None:
    cls, version, data = message
    hostile = drawn.draw(with_flips(data) | with_a_hostile_length(data) | with_a_piece_moved(data))
    decode(cls, version, data)  # compiles what is compiled once
    tracemalloc.start()
    try:
        with suppress(SchemaError):
            decode(cls, version, hostile)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000 + 100 * len(hostile)
