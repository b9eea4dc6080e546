"""Words where other tools have them: what is taken as well, and what is told instead."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from actors.cli import demo
from actors.cli.main import VERBS, main, parse, parser

STRING = re.compile(r'(?<!")"(?!")[^"\n]*"')  # not a docstring
EVERY = [(verb,) for verb in VERBS] + [
    (verb, action) for verb, of in parser().actions().items() for action in of.actions()
]


@pytest.mark.parametrize("verb", ["topics", "groups", "transactions"])
def test_brokers_are_named_before_the_action_or_after_it(verb: str) -> None:
    for words in (["-b", "kafka:1", "list"], ["list", "-b", "kafka:1"], ["-b", "kafka:0", "list", "-b", "kafka:1"]):
        assert parse([verb, *words]).bootstrap == "kafka:1"
    assert parse([verb, "-X", "client_id=me", "list"]).keywords == [("client_id", "me")]
    assert parse([verb, "list"]).keywords == []


@pytest.mark.parametrize(
    ("line", "said", "help_of"),
    [
        ("topic list", "kstore: there is no verb topic (did you mean topics?)", "topics"),
        ("topics crate x", "kstore topics: there is no action crate (did you mean create?)", "topics create"),
        ("groups ls", "kstore groups: there is no action ls (did you mean list?)", "groups list"),
        ("groups", "kstore groups: say what to do: list, describe, alter, reset-offsets, delete", "groups"),
        (
            "topics create x --partitons 3",
            "kstore topics create: there is no option --partitons (did you mean --partitions?)",
            "topics create",
        ),
        ("serve --listn :1", "kstore serve: there is no option --listn (did you mean --listen?)", "serve"),
        ("topics list x y", "kstore topics list: unexpected arguments: x y", "topics list"),
        ("topics list -Q", "kstore topics list: there is no option -Q", "topics list"),
        ("produce", "kstore produce: the following arguments are required: TOPIC", "produce"),
    ],
)
def test_a_word_that_is_not_there_is_told_with_the_one_that_was_meant_and_its_help(
    line: str, said: str, help_of: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(line.split()))
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"{said}; see kstore {help_of} --help\n"


def test_an_option_of_the_command_itself_is_told_by_its_nearest(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["--verson"])
    assert "no option --verson (did you mean --version?); see kstore --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("consume -t parcels", "the topic is given without it: kstore consume TOPIC"),
        ("produce --topic parcels", "the topic is given without it: kstore produce TOPIC"),
        ("consume parcels --from-beginning", "a consumer begins there by default"),
        ("consume parcels --group couriers", "(did you mean -G?)"),
        ("topics list --bootstrap-server kafka:9092", "(did you mean -b?)"),
        ("topics alter parcels --set retention.ms=1", "there is no option --set (did you mean --config?)"),
        ("topics --create --topic parcels", "write kstore topics create"),
        ("topics --list", "write kstore topics list"),
        ("transactions describe --transactional-id tx", "the id is given without it: kstore transactions describe ID"),
        ("transactions forceTerminateTransaction", "(did you mean force-terminate?)"),
        ("-b kafka:9092 topics list", "options stand after the verb"),
        ("-C -b kafka:9092 -t parcels", "write kstore consume"),
    ],
)
def test_who_knows_kcat_or_kafka_s_scripts_is_told_how_it_is_said_here(
    line: str, said: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["consume", "a", "-o", "-3"], ["produce", "a", "-K--"], ["topics", "create", "--part=3", "a"]]
)
def test_values_with_a_dash_and_shortened_options_are_not_taken_for_unknown_options(words: list[str]) -> None:
    assert parse(words).verb == words[0]


def test_without_a_verb_the_help_is_printed_and_it_counts_as_asked_wrongly(capsys: pytest.CaptureFixture) -> None:
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert all(verb in said.err for verb in VERBS)


@pytest.mark.parametrize("words", [list(each) for each in EVERY], ids=" ".join)
def test_help_fits_a_terminal_of_eighty_columns(
    words: list[str], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["help", *words]) == 0
    told = capsys.readouterr().out
    assert told.startswith(" ".join(["usage: kstore", *words]))
    assert [line for line in told.splitlines() if len(line) > 80] == []


def test_the_summary_of_a_verb_is_the_same_before_and_after_it_is_loaded() -> None:
    assert parser().format_help() == parser("").format_help()


def test_no_message_and_no_help_names_a_file_that_only_a_checkout_has() -> None:
    sources = [path for house in ("kstore", "actors") for path in Path(house).rglob("*.py")]
    assert len(sources) > 100
    named = [f"{path}: {text}" for path in sources for text in STRING.findall(path.read_text()) if "docs/" in text]
    assert named == []


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


@pytest.mark.parametrize(
    ("term", "encoding", "plain"),
    [("xterm", "utf-8", False), ("xterm", "latin-1", True), ("dumb", "utf-8", True), ("", "utf-8", True)],
)
def test_the_demo_tells_itself_in_lines_on_a_terminal_that_can_t_draw_it(
    monkeypatch: pytest.MonkeyPatch, term: str, encoding: str, plain: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    assert demo.is_plain() == plain
