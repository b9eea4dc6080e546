"""Where reading begins and ends, as ``-o`` says it, and times as people write them."""

from __future__ import annotations

import pytest

from actors.cli.positions import PositionError, Span, Start, span, time_ms


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], Span()),
        (["beginning"], Span(Start.BEGINNING)),
        (["end"], Span(Start.END)),
        (["stored"], Span(Start.STORED)),
        (["17"], Span(Start.OFFSET, 17)),
        (["-17"], Span(Start.TAIL, 17)),
        (["s@17"], Span(Start.TIME, 17)),
        (["e@18"], Span(None, 0, 18)),
        (["e@18", "s@17"], Span(Start.TIME, 17, 18)),
    ],
)
def test_every_way_to_say_where_is_understood(texts: list[str], expected: Span) -> None:
    assert span(texts) == expected


@pytest.mark.parametrize("text", ["", "x", "1.5", "--1", "s@", "s@yesterday", "e@x", "@5"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(PositionError):
        span([text])


def test_two_starts_or_two_ends_are_refused() -> None:
    with pytest.raises(PositionError, match="two starts"):
        span(["3", "end"])
    with pytest.raises(PositionError, match="two ends"):
        span(["e@3", "e@4"])


def test_a_start_is_an_offset_of_the_partition_it_is_used_for() -> None:
    assert span(["beginning"]).of(3, 10) == 3
    assert span(["end"]).of(3, 10) == 10
    assert span(["-4"]).of(3, 10) == 6
    assert span(["-40"]).of(3, 10) == 3
    assert span(["5"]).of(3, 10) == 5


def test_a_date_is_in_utc_unless_it_says_otherwise() -> None:
    assert time_ms("1970-01-02") == 86_400_000
    assert time_ms("1970-01-01T01:00") == time_ms("1970-01-01T02:00+01:00") == 3_600_000
    assert time_ms("12") == 12
