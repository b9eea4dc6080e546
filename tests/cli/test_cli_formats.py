"""kcat's format language, delimiters and headers, as the command reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.cli import formats
from actors.cli.formats import FormatError, delimiter, header, plain_printer, record_printer, unescape
from actors.clients.consumer.records import ConsumerRecord


def record(key: bytes | None = b"user", value: bytes | None = b"shipped", headers=()) -> ConsumerRecord:
    return ConsumerRecord("orders", 2, 41, timestamp=1700, key=key, value=value, headers=headers)


def test_every_token_prints_its_part_of_a_record() -> None:
    told = record(headers=[("a", b"1"), ("b", None)])
    assert record_printer(r"%t|%p|%o|%k|%K|%s|%S|%T|%h|%%|%R\n")(told) == (
        b"orders|2|41|user|4|shipped|7|1700|a=1,b=NULL|%|\x00\x00\x00\x07\n"
    )


def test_null_is_empty_or_as_asked_and_its_length_is_minus_one() -> None:
    nothing = record(None, None)
    assert record_printer("%k,%s,%K,%S,%R")(nothing) == b",,-1,-1,\xff\xff\xff\xff"
    assert record_printer("%k,%s", b"NULL")(nothing) == b"NULL,NULL"
    assert record_printer("%k,%s", b"NULL")(record(b"", b"")) == b","


@pytest.mark.parametrize("wrong", ["%q", "%", r"\q", r"\256", "\\"])
def test_a_token_or_an_escape_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(FormatError, match="unknown"):
        record_printer(wrong)


def test_a_delimiter_has_at_least_one_byte() -> None:
    assert delimiter(r"\t") == b"\t"
    assert delimiter("--") == b"--"
    with pytest.raises(FormatError, match="at least one byte"):
        delimiter("")


def test_a_header_needs_a_name_and_may_lack_a_value() -> None:
    assert header("a=") == ("a", b"")
    assert header("a") == ("a", None)
    with pytest.raises(FormatError, match="has no name"):
        header("=1")


def test_without_a_format_keys_are_printed_only_when_asked() -> None:
    assert plain_printer(b"\n", None)(record()) == b"shipped\n"
    assert plain_printer(b";", b"=")(record()) == b"user=shipped;"
    assert plain_printer(b"\n", b":", b"NULL")(record(None, None)) == b"NULL:NULL\n"


@given(st.binary(max_size=40))
def test_any_bytes_can_be_written_with_escapes(data: bytes) -> None:
    assert unescape("".join(rf"\x{byte:02x}" for byte in data)) == data


@given(st.text(st.characters(exclude_characters="\\%", exclude_categories=["Cs"]), max_size=40))
def test_text_without_tokens_is_printed_as_it_is(text: str) -> None:
    assert record_printer(text)(record()) == text.encode()


def test_the_table_of_tokens_names_each_of_them() -> None:
    for token in "skSKRtpoTh":
        assert f"``%{token}``" in formats.__doc__
