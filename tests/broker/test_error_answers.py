"""The answer to a request that failed as a whole, for every key and version that is served."""

from typing import Any

import pytest

from actors.broker import registry
from actors.broker.error_answers import error_answer
from kstore.errors import UnknownServerError
from kstore.schema import decode, encode, frames
from kstore.schema.struct import BOOL, BYTES, RECORDS, STRING, UUID, Struct

CODE = UnknownServerError.code
SERVED = registry.CLIENT_APIS | registry.NODE_APIS
EVERY = [(key, v) for key, served in sorted(SERVED.items()) for v in range(served.first, served.last + 1)]


def filled(kind: type[Struct], depth: int = 0) -> Any:
    """A request with two of everything that can be listed."""
    made: Any = kind()
    for name, field in kind.fields().items():
        element = field.kind[0] if isinstance(field.kind, list) else None
        if isinstance(element, type):
            setattr(made, name, [filled(element, depth + 1), filled(element, depth + 1)])
        elif element is not None:
            setattr(made, name, {STRING: ["a", "b"], UUID: [bytes(16)] * 2}.get(element, [4, 5]))
        elif field.kind in (STRING,) and field.tag < 0:
            setattr(made, name, f"a {name}")
        elif field.kind in (BYTES, RECORDS):
            setattr(made, name, b"")
        elif field.kind == BOOL:
            setattr(made, name, False)
        elif name in ("partition", "partition_index", "index"):
            setattr(made, name, 7)
        elif name == "acks":
            setattr(made, name, 1)
    return made


def in_version(request: Any, version: int) -> Any:
    """The request as it comes in this version: what that can't carry is left out."""
    for name, field in type(request).fields().items():
        if not is_in(field.versions, version):
            setattr(request, name, type(request)().__getattribute__(name))
            continue
        value = getattr(request, name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Struct):
                in_version(each, version)
    return request


def is_in(versions: str, version: int) -> bool:
    first, _, last = versions.partition("-")
    if first.endswith("+"):
        return version >= int(first[:-1])
    return int(first) <= version <= int(last or first)


def codes_in(answer: Any) -> list[int]:
    found = []
    for name in type(answer).fields():
        value = getattr(answer, name)
        if name.endswith("error_code"):
            found.append(value)
        elif isinstance(value, list):
            found += [code for each in value if isinstance(each, Struct) for code in codes_in(each)]
    return found


@pytest.mark.parametrize(("key", "version"), EVERY, ids=lambda value: str(value))
def test_every_request_has_an_answer_that_says_the_code(key: int, version: int) -> None:
    request = in_version(filled(frames.request_class(key)), version)
    answer = error_answer(request, version, CODE)
    assert answer is not None
    again = decode(type(answer), version, b"".join(bytes(part) for part in as_parts(encode(answer, version))))
    assert CODE in codes_in(again)
    assert set(codes_in(again)) <= {0, CODE}


def as_parts(encoded: Any) -> list[Any]:
    return encoded if isinstance(encoded, list) else [encoded]


def test_an_answer_names_each_partition_that_was_asked_for() -> None:
    request = in_version(filled(frames.request_class(0)), 9)
    answer: Any = error_answer(request, 9, CODE)
    assert [topic.name for topic in answer.responses] == ["a name", "a name"]
    part = answer.responses[1].partition_responses[0]
    assert (part.index, part.error_code, part.base_offset) == (7, CODE, -1)


@pytest.mark.parametrize(("key", "version", "what"), [(15, 5, "groups"), (42, 2, "results"), (20, 4, "responses")])
def test_names_that_are_listed_bare_come_back_as_what_they_name(key: int, version: int, what: str) -> None:
    answer = error_answer(in_version(filled(frames.request_class(key)), version), version, CODE)
    assert [
        (getattr(e, "group_id", None) or getattr(e, "name", None), e.error_code) for e in getattr(answer, what)
    ] == [
        ("a", CODE),
        ("b", CODE),
    ]


def test_who_wants_no_answer_gets_none() -> None:
    request = filled(frames.request_class(0))
    request.acks = 0
    assert error_answer(request, 9, CODE) is None


def test_a_request_that_names_everything_can_not_be_answered_for_each() -> None:
    request = frames.request_class(3)(topics=None)  # type: ignore[call-arg]
    assert error_answer(request, 9, CODE) is None
    answer: Any = error_answer(request, 13, CODE)
    assert answer.error_code == CODE


@pytest.mark.parametrize(("key", "version"), [(1, 7), (1, 12), (3, 13), (43, 2)])
def test_as_in_kafka_some_answers_say_the_code_of_all_and_of_each(key: int, version: int) -> None:
    answer = error_answer(in_version(filled(frames.request_class(key)), version), version, CODE)
    assert set(codes_in(answer)) == {CODE}
    assert len(codes_in(answer)) > 1


@pytest.mark.parametrize(("key", "version"), [(1, 13), (9, 7), (13, 5), (24, 5), (35, 5), (47, 0), (55, 2), (57, 1)])
def test_as_in_kafka_the_others_with_a_code_of_all_say_that_alone(key: int, version: int) -> None:
    answer = error_answer(in_version(filled(frames.request_class(key)), version), version, CODE)
    assert codes_in(answer) == [CODE]


def test_the_code_is_about_the_partitions_of_a_fetch_if_that_is_asked_for() -> None:
    answer: Any = error_answer(in_version(filled(frames.request_class(1)), 18), 18, CODE, of_partitions=True)
    assert answer.error_code == 0
    assert [part.error_code for topic in answer.responses for part in topic.partitions] == [CODE] * 4
    answer = error_answer(frames.request_class(1)(), 18, CODE, of_partitions=True)
    assert answer.error_code == CODE, "a fetch of a session that names no partition"
