"""Messages at random: what was encoded comes back; what was damaged is refused or harmless, and never costs much."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

import pytest
from conformance.golden.golden_messages import CLASSES, LINES
from hypothesis import given, settings
from hypothesis import strategies as st

from kstore.schema import SchemaError, decode, encode, frames
from kstore.schema.struct import Field, Message, Struct
from kstore.schema.versions import APIS

NAMES = sorted(CLASSES)
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


def check_harmless(cls: type[Message], version: int, data: bytes) -> bool:
    """Decodes damaged bytes; if that works, the message is a whole one. Says whether it was refused."""
    try:
        message = decode(cls, version, data)
    except SchemaError:
        return True
    try:
        again = encode(message, version)
    except ValueError as error:
        if "tagged field" not in str(error) and "unknown one" not in str(error):
            raise
        return False  # a tag stood there twice, or out of order
    assert encode(decode(cls, version, again), version) == again
    return False


def damaged(data: bytes, draw: random.Random) -> bytes:
    """A flip, a cut, a hostile length, a piece twice or left out."""
    at = draw.randrange(len(data))
    match draw.randrange(5):
        case 0:
            return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[:at]
        case 2:
            hostile = draw.choice([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x7f\xff", b"\x80\x00", b"\xff\xff\xff\xff\x0f"])
            return data[:at] + hostile + data[at + len(hostile) :]
        case 3:
            return data[:at] + data[draw.randrange(len(data)) :]
    return data[: at + 1] + data[at // 2 :]


@pytest.mark.parametrize("name", NAMES)
def test_damaged_messages_are_refused_or_harmless(name: str, seed: int) -> None:
    draw = random.Random(f"{seed} {name}")
    for line in LINES[name]:
        for case in line["cases"].values():
            data = bytes.fromhex(case.get("hex", ""))
            for _ in range(12 if data else 0):
                check_harmless(CLASSES[name], line["version"], damaged(data, draw))


def test_the_damage_is_mostly_noticed(seed: int) -> None:
    draw = random.Random(seed)
    refused = 0
    for name in NAMES:
        line = LINES[name][-1]
        data = bytes.fromhex(line["cases"]["full"]["hex"])
        refused += bool(data) and check_harmless(CLASSES[name], line["version"], damaged(data, draw))
    assert refused > len(NAMES) // 3


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


def test_no_damaged_message_takes_more_than_a_multiple_of_its_size(seed: int) -> None:
    draw = random.Random(seed)
    for name in NAMES:
        cls, line = CLASSES[name], LINES[name][-1]
        data = bytes.fromhex(line["cases"]["full"]["hex"])
        check_harmless(cls, line["version"], data)  # compiles what is compiled once
        for _ in range(3 if data else 0):
            hostile = damaged(data, draw)
            tracemalloc.start()
            try:
                decode(cls, line["version"], hostile)
            except SchemaError:
                pass
            finally:
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            assert peak < 20_000 + 100 * len(hostile), name
