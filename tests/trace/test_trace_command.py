"""``kstore trace``: every question, in text and in JSON; what can't be read or asked ends with one line and a code."""

import json
from pathlib import Path
from typing import Any

import pytest
from cluster.members import pair
from transactions.producers import TransactionalProducer

from actors.cli.main import main
from actors.trace import Trace


@pytest.fixture
def run(start: Any, tmp_path: Path) -> str:
    """A file of a run with a group, a record, an open transaction and a failover."""
    client = start()
    pair(client)
    client.say("t", b"a", b"b")
    producer = TransactionalProducer(client, "tx")
    producer.init()
    producer.send(b"c", index=1)
    client.cluster.faults.kill(client.led_elsewhere("t")[1])
    client.run(1)
    path = str(tmp_path / "run.ktrace")
    Trace.of(client.cluster.world).save(path)
    return path


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["trace", *words]) == 0
    return capsys.readouterr().out


def test_without_a_question_it_says_what_the_file_holds(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, run)
    assert "rows from 2020-01-01T00:00:00.000+00:00 to 2020-01-01T00:00:0" in text
    assert "(virtual time)" in text
    assert "broker-1#1, broker-2#1, broker-3#1" in text
    topics = ["__consumer_offsets", "__transaction_state", "t"]
    assert f"  topics: {', '.join(topics)}\n  groups: g\n  transactional ids: tx\n" in text
    told = json.loads(printed(capsys, run, "--json"))["summary"]
    assert (told["topics"], told["groups"], told["transactional_ids"]) == (topics, ["g"], ["tx"])
    assert told["rows"] == len(Trace.load(run).recording) == sum(told["kinds"].values())


def test_each_question_prints_its_answer_as_the_library_has_it(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    trace = Trace.load(run)
    asked = ["--record", "t/0/1", "--group", "g", "--leader", "t/1"]
    asked += ["--transaction", "tx", "--visible", "t/1", "--actor", "broker-1#1/controller"]
    answers: list[Any] = [
        trace.record("t", 0, 1),
        trace.why_rebalance("g"),
        trace.why_leader("t", 1),
        trace.transaction("tx"),
        trace.why_not_visible("t", 1),
        trace.actor("1#1/contr"),
    ]
    assert printed(capsys, run, *asked) == "\n".join(f"{answer}\n" for answer in answers)
    told = json.loads(printed(capsys, run, *asked, "--json"))
    names = ("record", "group", "leader", "transaction", "visible", "actor")
    plain = json.loads(json.dumps([answer.to_dict() for answer in answers]))
    assert told == dict(zip(names, plain, strict=True))


def test_the_slowest_the_deepest_and_the_last(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(printed(capsys, run, "--top", "3", "--tail", "4", "--json"))
    assert (len(told["deepest"]), told["slowest"], len(told["tail"])) == (3, [], 4)
    text = printed(capsys, run, "--top", "3", "--tail", "4")
    assert "slowest turns:\n  none that took any time" in text
    assert len(text.rstrip().splitlines()) == 2 + 1 + 4 + 1 + 4


def test_perfetto_gets_a_file_or_stdout(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run.json"
    assert main(["trace", run, "--perfetto", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "open it at https://ui.perfetto.dev" in captured.err
    assert json.loads(out.read_text()) == json.loads(printed(capsys, run, "--perfetto", "-"))


def test_a_file_that_is_cut_off_is_read_as_far_as_it_is_whole(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    whole = Path(run).read_bytes()
    Path(run).write_bytes(whole[:-3])
    assert main(["trace", run]) == 0
    captured = capsys.readouterr()
    assert "cut off" in captured.err
    assert "rows from" in captured.out


def test_what_is_no_trace_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    assert main(["trace", str(path)]) == 2
    assert capsys.readouterr().err == f"kstore: {path}: this isn't a .ktrace file: its header is missing\n"


def test_a_file_that_is_not_there_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", str(tmp_path / "none.ktrace")]) == 1
    assert capsys.readouterr().err == f"kstore: {tmp_path / 'none.ktrace'}: No such file or directory\n"
    assert main(["trace", "none.ktrace"]) == 1
    assert capsys.readouterr().err == "kstore: none.ktrace: No such file or directory\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--record", "t/0"], "a record is written TOPIC/PARTITION/OFFSET"),
        (["--record", "t/0/x"], "a record is written TOPIC/PARTITION/OFFSET"),
        (["--visible", "t"], "a partition is written TOPIC/PARTITION"),
        (["--leader", "t"], "a partition is written TOPIC/PARTITION"),
        (["--top", "0"], "'0' must be a number, at least 1"),
    ],
)
def test_a_question_written_wrongly_is_told_how_it_is_written(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["trace", "run.ktrace", *words])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_an_actor_that_is_not_there_is_told_with_those_that_are(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", run, "--actor", "nobody"]) == 1
    assert "no actor of this trace has 'nobody' in its name; there are " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--group", "gg"], "kstore: gg: the trace has no rebalance of this group (did you mean g?)\n"),
        (["--leader", "tt/0"], "kstore: tt-0: the trace has nothing about its leader (did you mean t?)\n"),
        (["--transaction", "tt"], "kstore: tt: the trace has no transaction of this id (did you mean tx?)\n"),
        (["--visible", "tt/0"], "kstore: tt-0: the trace has nothing about this partition (did you mean t?)\n"),
        (["--leader", "t/99"], "kstore: t-99: the trace has nothing about its leader\n"),
        (
            ["--record", "t/0/7"],
            "kstore: t/0/7: the trace has nothing about offset 7: the last offset appended is 1\n",
        ),
        (["--record", "x/0/0"], "kstore: x/0/0: the trace has nothing about offset 0: nothing was appended to x-0\n"),
    ],
)
def test_what_the_trace_knows_nothing_of_is_told_on_stderr_and_ends_with_1(
    run: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", run, *words]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", said)
    assert main(["trace", run, *words, "--json"]) == 1
    assert capsys.readouterr().out == "{}\n"


def test_beside_something_unknown_the_rest_is_answered(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", run, "--leader", "t/0", "--group", "nobody"]) == 1
    captured = capsys.readouterr()
    assert captured.out == f"{Trace.load(run).why_leader('t', 0)}\n"
    assert captured.err == "kstore: nobody: the trace has no rebalance of this group\n"
