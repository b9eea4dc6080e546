"""Words where other tools have them: what is taken as well, and what is told instead."""

from __future__ import annotations

import pytest

from actors.cli import demo
from actors.cli.main import VERBS, main, parse


@pytest.mark.parametrize("verb", ["topics", "groups"])
def test_brokers_are_named_before_the_action_or_after_it(verb: str) -> None:
    for words in (["-b", "kafka:1", "list"], ["list", "-b", "kafka:1"], ["-b", "kafka:0", "list", "-b", "kafka:1"]):
        assert parse([verb, *words]).bootstrap == "kafka:1"
    assert parse([verb, "-X", "client_id=me", "list"]).keywords == [("client_id", "me")]
    assert parse([verb, "list"]).keywords == []


@pytest.mark.parametrize("verb", ["consume", "produce"])
def test_who_names_the_topic_with_an_option_is_told_how_it_is_given(verb: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main([verb, "-t", "parcels"])
    assert f"the topic is given without -t: kstore {verb} TOPIC" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_no_help_has_marks_of_a_markup_language(verb: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    assert "``" not in capsys.readouterr().out


@pytest.mark.parametrize(("columns", "lines", "small"), [(80, 24, False), (59, 24, True), (80, 19, True)])
def test_the_demo_tells_itself_in_lines_where_a_picture_has_no_room(
    monkeypatch: pytest.MonkeyPatch, columns: int, lines: int, small: bool
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))
    assert demo.is_small() == small
