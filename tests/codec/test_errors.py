"""kstore.errors against Kafka's own table, and the way from codes to errors and back."""

from pathlib import Path

import pytest

from kstore import errors
from kstore.errors import KafkaError

ROWS = [line.split("\t") for line in (Path(__file__).parent / "golden/errors.tsv").read_text().splitlines()]


@pytest.mark.parametrize(("code", "name", "java", "category"), ROWS, ids=[row[1] for row in ROWS])
def test_an_error_has_kafkas_code_name_and_category(code: str, name: str, java: str, category: str) -> None:
    error = errors.for_code(int(code))
    assert (error.code, error.name, error.category or "none") == (int(code), name, category)
    assert error.retriable == category.endswith("retriable")
    assert type(error).__name__.lower() in (
        name.replace("_", "").lower(),
        name.replace("_EXCEPTION", "").replace("_", "").lower(),
    )
    assert errors.code_of(error) == int(code)


def test_every_category_of_kafkas_is_there() -> None:
    assert {row[3] for row in ROWS} == {*errors.ErrorCategory, "none"}


def test_there_is_no_error_that_kafka_does_not_have() -> None:
    assert set(errors.BY_CODE) == {int(row[0]) for row in ROWS}


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] != "UnknownServerException"], ids=lambda row: row[2])
def test_an_error_is_also_found_under_the_name_of_kafkas_java_exception(row: list[str]) -> None:
    name = row[2] if row[2] == "NetworkException" else row[2].removesuffix("Exception")
    assert getattr(errors, name).code == int(row[0])


def test_an_error_without_a_message_says_what_its_class_says() -> None:
    assert errors.CorruptMessage().message == errors.CorruptMessage().description
    assert errors.CorruptMessage("torn").message == "torn"
    assert errors.CorruptMessage("torn").description == errors.CorruptMessage().description


def test_an_unknown_code_is_an_unknown_error_that_names_it() -> None:
    assert errors.for_code(4711, "odd").message == "error code 4711: odd"
    assert errors.for_code(4711).code == -1


def test_code_0_is_no_error() -> None:
    assert errors.code_of(None) == errors.NONE == 0
    with pytest.raises(ValueError, match="no error"):
        errors.for_code(0)


def test_an_exception_that_is_not_kafkas_has_the_unknown_code() -> None:
    assert errors.code_of(KeyError("x")) == -1


def test_errors_are_caught_as_kafka_errors() -> None:
    with pytest.raises(KafkaError):
        raise errors.NotLeaderOrFollower
