"""``kstore groups``: what it says of groups, and how it moves them."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest
from cli.conftest import COMMAND
from waiting import wait_until


@pytest.fixture
def billed(ok, topic, group) -> str:
    """The group, which has read 4 of the 10 records of the topic."""
    ok("produce", topic, stdin=b"".join(b"%d\n" % number for number in range(10)))
    ok("consume", "-G", group, "-o", "beginning", topic, "-c", "4")
    return group


def offset(ok, group: str) -> int:
    return json.loads(ok("groups", "describe", group, "--json"))["groups"][0]["offsets"][0]["committed"]


def test_a_group_is_listed_with_its_state_and_described_with_its_lag(ok, topic, billed) -> None:
    assert [billed, "classic", "Empty", "consumer"] in [
        line.split() for line in ok("groups", "list").decode().splitlines()
    ]
    told = json.loads(ok("groups", "describe", billed, "--json"))["groups"][0]
    assert told["state"] == "Empty"
    assert told["offsets"] == [
        {"topic": topic, "partition": 0, "committed": 4, "next_offset": 10, "lag": 6, "client": None}
    ]
    assert ok("groups", "describe", billed).decode().splitlines()[-1].split() == [topic, "0", "4", "10", "6", "-"]


def test_a_living_member_is_shown_with_what_it_reads(ok, topic, billed, environment) -> None:
    member = subprocess.Popen(
        [COMMAND, "consume", "-G", billed, topic, "-X", "client_id=me"], stdout=subprocess.PIPE, env=environment
    )
    try:
        wait_until(
            lambda: json.loads(ok("groups", "describe", billed, "--json"))["groups"][0]["state"] == "Stable",
            what="a member",
        )
        told = json.loads(ok("groups", "describe", billed, "--json"))["groups"][0]
        assert [(each["client_id"], each["partitions"]) for each in told["members"]] == [("me", [[topic, 0]])]
        assert told["offsets"][0]["client"] == "me"
        assert told["protocol"] == "range"
    finally:
        member.send_signal(signal.SIGTERM)
        member.communicate()
    assert member.returncode == 0
    assert offset(ok, billed) == 10


def test_a_consumer_group_is_shown_with_its_members_and_listed_by_its_type(ok, topic, billed, environment) -> None:
    how = "-X", "client_id=me", "-X", "group_protocol=consumer"
    member = subprocess.Popen([COMMAND, "consume", "-G", billed, topic, *how], stdout=subprocess.PIPE, env=environment)
    try:
        wait_until(lambda: offset(ok, billed) == 10, what="a member that reads")
        (told,) = json.loads(ok("groups", "describe", billed, "--json"))["groups"]
        assert (told["type"], told["state"], told["protocol"]) == ("consumer", "Stable", "uniform")
        assert [(each["client_id"], each["partitions"]) for each in told["members"]] == [("me", [[topic, 0]])]
        assert ok("groups", "describe", billed).decode().startswith(f"{billed}: consumer group, Stable, 1 member,")
        listed = [line.split() for line in ok("groups", "list", "--type", "consumer").decode().splitlines()]
        assert [billed, "consumer", "Stable", "consumer"] in listed
        assert billed not in ok("groups", "list", "--type", "classic").decode().split()
        assert billed in [each["group"] for each in json.loads(ok("groups", "describe", "--json"))["groups"]]
    finally:
        member.send_signal(signal.SIGTERM)
        member.communicate()
    assert member.returncode == 0


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (["--to-earliest"], 0),
        (["--to-latest"], 10),
        (["--to-offset", "7"], 7),
        (["--to-offset", "700"], 10),
        (["--shift-by", "2"], 6),
        (["--shift-by", "-3"], 1),
        (["--shift-by", "-30"], 0),
        (["--to-datetime", "2001-01-01"], 0),
        (["--to-datetime", "2999-01-01"], 10),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_offsets_move_only_when_told_to_execute(ok, topic, billed, where, expected) -> None:
    shown = ok("groups", "reset-offsets", billed, "--topic", topic, *where).decode().splitlines()
    assert shown[1].split() == [topic, "0", "4", str(expected)]
    assert "--execute" in shown[2]
    assert offset(ok, billed) == 4
    told = json.loads(ok("groups", "reset-offsets", billed, "--all-topics", *where, "--execute", "--json"))
    assert told["offsets"] == [{"topic": topic, "partition": 0, "before": 4, "after": expected}]
    assert offset(ok, billed) == expected


def test_a_new_group_can_be_put_anywhere_before_it_exists(ok, topic, group) -> None:
    ok("produce", topic, stdin=b"a\nb\nc\n")
    ok("groups", "reset-offsets", group, "--topic", f"{topic}:0", "--to-offset", "2", "--execute")
    assert ok("consume", "-G", group, topic, "-c", "1") == b"c\n"


def test_configs_of_a_group_are_set_shown_and_unset(ok, billed) -> None:
    key = "consumer.session.timeout.ms"
    assert ok("groups", "alter", billed, "--config", f"{key}=60000").decode() == f"{billed}: altered, {key}=60000\n"
    assert f"\n  {key}=60000\n" in ok("groups", "describe", billed).decode()
    (described,) = json.loads(ok("groups", "describe", billed, "--json"))["groups"]
    assert described["configs"] == {key: "60000"}
    assert json.loads(ok("groups", "alter", billed, "--unset", key, "--json")) == {"altered": [billed]}
    assert key not in ok("groups", "describe", billed).decode()


def test_a_deleted_group_is_gone(ok, kstore, billed) -> None:
    assert ok("groups", "delete", billed).decode() == f"{billed}: deleted\n"
    assert billed not in ok("groups", "list").decode()
    assert ok("groups", "delete", billed, "--if-exists").decode() == f"{billed}: doesn't exist\n"
    done = kstore("groups", "delete", billed)
    assert done.returncode == 1
    assert f"GROUP_ID_NOT_FOUND: there is no group {billed}" in done.stderr.decode()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["reset-offsets", "g", "--to-earliest"], 2, "--topic"),
        (["reset-offsets", "g", "--topic", "{topic}"], 2, "--to-earliest"),
        (["reset-offsets", "g", "--topic", "{topic}:9", "--to-earliest"], 1, "no partition 9"),
        (["reset-offsets", "g", "--topic", "{topic}:x", "--to-earliest"], 2, "names no partitions"),
        (["reset-offsets", "g", "--topic", "{topic}", "--to-datetime", "soon"], 2, "not a time"),
        (["reset-offsets", "never-was", "--topic", "{topic}", "--shift-by", "1"], 2, "has none"),
        (["reset-offsets", "never-was", "--all-topics", "--to-earliest"], 1, "GROUP_ID_NOT_FOUND"),
        (
            ["reset-offsets", "g", "--topic", "{topic}s", "--to-earliest"],
            1,
            "there is no topic {topic}s (did you mean ",
        ),
        (["alter", "g"], 2, "nothing to alter: give --config or --unset"),
        (
            ["alter", "g", "--config", "consumer.session.timeout=1"],
            1,
            "Unknown group config name: consumer.session.timeout",
        ),
        (["alter", "g", "--config", "consumer.session.timeout.ms=1"], 1, "must be in the range 45000 to 60000"),
        (["alter", "g", "--unset", "session.timeout.ms"], 1, "Unknown group config name: session.timeout.ms"),
        (["describe", "never-was"], 1, "GROUP_ID_NOT_FOUND: there is no group never-was"),
    ],
)
def test_what_goes_wrong_with_groups_is_one_line_and_an_exit_code(kstore, topic, words, code, said) -> None:
    done = kstore("groups", *(word.format(topic=topic) for word in words))
    assert done.returncode == code
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) == 1
    assert said.format(topic=topic) in done.stderr.decode()


def test_a_group_with_members_is_not_moved(kstore, ok, topic, billed, environment) -> None:
    member = subprocess.Popen([COMMAND, "consume", "-G", billed, topic], stdout=subprocess.DEVNULL, env=environment)
    try:
        wait_until(
            lambda: json.loads(ok("groups", "describe", billed, "--json"))["groups"][0]["state"] == "Stable",
            what="a member",
        )
        done = kstore("groups", "reset-offsets", billed, "--topic", topic, "--to-earliest", "--execute")
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
    finally:
        os.kill(member.pid, signal.SIGINT)
        member.wait()
    assert member.returncode == 0


def test_a_reset_says_how_many_offsets_move_or_that_none_does(ok, topic, billed) -> None:
    words = ["groups", "reset-offsets", billed, "--topic", topic, "--to-offset"]
    assert ok(*words, "7").decode().splitlines()[-1] == "nothing was changed: add --execute to move 1 offset"
    assert ok(*words, "4").decode().splitlines()[-1] == "nothing to move: the group is there already"
    assert ok(*words, "4", "--execute").decode().splitlines()[-1] == "nothing to move: the group is there already"
    assert ok(*words, "7", "--execute").decode().splitlines()[-1] == "done: 1 offset moved"


def test_without_a_name_all_groups_are_described(ok, billed) -> None:
    told = json.loads(ok("groups", "describe", "--json"))["groups"]
    assert billed in [group["group"] for group in told]
    assert f"{billed}: Empty, 0 members" in ok("groups", "describe").decode().splitlines()


def test_of_several_groups_each_that_is_deleted_is_named_and_one_that_fails_holds_up_no_other(kstore, billed) -> None:
    done = kstore("groups", "delete", "never-was", billed)
    assert (done.returncode, done.stdout.decode()) == (1, f"{billed}: deleted\n")
    assert done.stderr.decode() == "kstore: GROUP_ID_NOT_FOUND: there is no group never-was\n"
