"""``kstore topics``: what it does to a Kafka, and what it says."""

from __future__ import annotations

import json

import pytest

from actors.broker.registry import CLIENT_APIS
from actors.cli.main import main
from actors.cluster import Cluster


def described(ok, topic: str) -> dict:
    return json.loads(ok("topics", "describe", topic, "--json"))["topics"][0]


def test_a_topic_is_made_described_altered_and_deleted(ok, topic) -> None:
    name = f"{topic}-life"
    made = ok("topics", "create", name, "-p", "2", "-r", "1", "--config", "segment.ms=60000")
    assert made.decode() == f"{name}: created, 2 partitions, 1 replica\n"
    told = described(ok, name)
    assert told["configs"]["segment.ms"] == "60000"
    assert [partition["partition"] for partition in told["partitions"]] == [0, 1]
    change = ["-p", "3", "--config", "max.message.bytes=2000000", "--unset", "segment.ms"]
    altered = ok("topics", "alter", name, *change).decode()
    assert altered == f"{name}: altered, segment.ms unset, max.message.bytes=2000000, 3 partitions\n"
    told = described(ok, name)
    assert "segment.ms" not in told["configs"]
    assert told["configs"]["max.message.bytes"] == "2000000"
    assert len(told["partitions"]) == 3
    assert ok("topics", "delete", name).decode() == f"{name}: deleted\n"
    assert name not in ok("topics", "list").decode()


def test_a_described_partition_has_its_leader_replicas_and_offsets(ok, topic) -> None:
    ok("produce", topic, stdin=b"a\nb\n")
    (partition,) = described(ok, topic)["partitions"]
    assert partition["leader"] in partition["in_sync"]
    assert set(partition["in_sync"]) <= set(partition["replicas"])
    assert (partition["first_offset"], partition["next_offset"]) == (0, 2)
    table = ok("topics", "describe", topic).decode().splitlines()
    assert table[0].startswith(f"{topic}: 1 partition, ")
    assert table[-2].split() == "PARTITION LEADER REPLICAS IN SYNC FIRST OFFSET NEXT OFFSET BYTES".split()
    assert table[-1].split()[-3:] == ["0", "2", ",".join(map(str, partition["size_bytes"]))]


def test_a_described_partition_has_the_bytes_of_each_of_its_replicas(ok, topic) -> None:
    (empty,) = described(ok, topic)["partitions"]
    assert empty["size_bytes"] == [0] * len(empty["replicas"])
    ok("produce", topic, stdin=b"x" * 1_000 + b"\n")
    (partition,) = described(ok, topic)["partitions"]
    assert len(partition["size_bytes"]) == len(partition["replicas"])
    assert all(1_000 < size < 1_100 for size in partition["size_bytes"])


def test_brokers_that_do_not_tell_sizes_are_described_without(monkeypatch, capsys) -> None:
    monkeypatch.delitem(CLIENT_APIS, 35)
    with Cluster(2, listen="127.0.0.1:0") as cluster:
        cluster.create_topic("t")
        words = ["topics", "describe", "t", "-b", cluster.bootstrap_servers]
        assert main([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["topics"][0]["partitions"][0]["size_bytes"] is None
        assert main(words) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[-2].split() == "PARTITION LEADER REPLICAS IN SYNC FIRST OFFSET NEXT OFFSET".split()


def test_a_replica_on_a_dead_broker_is_described_without_its_size(capsys) -> None:
    with Cluster(2, listen="127.0.0.1:0") as cluster:
        cluster.create_topic("t")
        cluster.faults.kill(2)
        words = ["topics", "describe", "t", "-b", cluster.bootstrap_servers]
        assert main([*words, "--json"]) == 0
        (partition,) = json.loads(capsys.readouterr().out)["topics"][0]["partitions"]
        assert dict(zip(partition["replicas"], partition["size_bytes"], strict=True)) == {1: 0, 2: None}
        assert main(words) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[-1] in ("0,-", "-,0")


def test_the_list_has_kafka_s_own_topics_only_when_asked(ok, topic, group) -> None:
    ok("produce", topic, stdin=b"a\n")
    ok("consume", "-G", group, "-o", "beginning", topic, "-c", "1")
    names = [line.split()[0] for line in ok("topics", "list").decode().splitlines()]
    assert topic in names
    assert "__consumer_offsets" not in names
    told = json.loads(ok("topics", "list", "--internal", "--json"))["topics"]
    assert {"name": "__consumer_offsets", "internal": True}.items() <= next(
        each for each in told if each["internal"]
    ).items()


def test_a_dry_run_makes_nothing_and_says_what_it_would_make(ok, topic) -> None:
    name = f"{topic}-dry"
    told = json.loads(ok("topics", "create", name, "--partitions", "4", "--dry-run", "--json"))
    assert told["dry_run"]
    assert told["created"][0]["partitions"] == 4
    assert name not in ok("topics", "list").decode()


def test_what_exists_or_is_gone_already_is_fine_when_told_so(ok, topic) -> None:
    assert ok("topics", "create", topic, "--if-not-exists").decode() == f"{topic}: exists already\n"
    assert ok("topics", "delete", f"{topic}-none", "--if-exists").decode() == f"{topic}-none: doesn't exist\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["create", "{topic}"], 1, "TOPIC_ALREADY_EXISTS"),
        (["create", "not a name"], 1, "INVALID_TOPIC_EXCEPTION"),
        (["create", "x", "--partitions", "0"], 2, "at least 1"),
        (["create", "x", "--replication-factor", "99"], 1, "INVALID_REPLICATION_FACTOR"),
        (["create", "x", "--config", "nonsense"], 2, "not KEY=VALUE"),
        (["create", "x", "--config", "no.such.key=1"], 1, "INVALID_CONFIG"),
        (["delete", "{topic}-none"], 1, "UNKNOWN_TOPIC_OR_PARTITION"),
        (["describe", "{topic}-none"], 1, "UNKNOWN_TOPIC_OR_PARTITION: there is no topic {topic}-none (did you mean "),
        (["alter", "{topic}"], 2, "nothing to alter"),
        (["alter", "{topic}", "--partitions", "1"], 1, "INVALID_PARTITIONS"),
        (["alter", "{topic}-none", "--partitions", "2"], 1, "UNKNOWN_TOPIC_OR_PARTITION"),
        (["alter", "{topic}-none", "--unset", "segment.ms"], 1, "there is no topic {topic}-none (did you mean "),
        (
            ["alter", "{topic}", "--config", "segment.ms=60000", "--unset", "segment.byts"],
            1,
            "(did you mean segment.bytes?)",
        ),
        (
            ["alter", "{topic}", "--unset", "nonsense"],
            1,
            "INVALID_CONFIG: {topic}: Unknown topic config name: nonsense",
        ),
        (["crate"], 2, "there is no action crate (did you mean create?); see kstore topics create --help"),
        ([], 2, "say what to do: list, create"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(kstore, topic, words, code, said) -> None:
    done = kstore("topics", *(word.format(topic=topic) for word in words))
    assert done.returncode == code
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) == 1
    assert said.format(topic=topic) in done.stderr.decode()


def test_of_several_topics_each_that_was_done_is_named_and_one_that_fails_holds_up_no_other(kstore, ok, topic) -> None:
    names = [f"{topic}-a", topic, f"{topic}-b"]
    done = kstore("topics", "create", *names, "-p", "1", "-r", "1")
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [f"{name}: created, 1 partition, 1 replica" for name in names[::2]]
    assert done.stderr.decode().startswith("kstore: TOPIC_ALREADY_EXISTS: ")
    done = kstore("topics", "alter", names[0], f"{topic}-c", names[2], "-p", "2")
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [f"{name}: altered, 2 partitions" for name in names[::2]]
    done = kstore("topics", "delete", names[0], f"{topic}-c", names[2], "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"deleted": names[::2]}
    assert len(done.stderr.splitlines()) == 1
    assert f"there is no topic {topic}-c" in done.stderr.decode()


def test_what_was_altered_before_something_was_refused_is_named(kstore, topic) -> None:
    done = kstore("topics", "alter", topic, "--config", "segment.ms=60000", "-p", "1")
    assert (done.returncode, done.stdout.decode()) == (1, f"{topic}: altered, segment.ms=60000\n")
    assert b"INVALID_PARTITIONS" in done.stderr


def test_without_a_name_all_topics_are_described_but_kafka_s_own_only_when_asked(ok, topic, group) -> None:
    ok("produce", topic, stdin=b"a\n")
    ok("consume", "-G", group, "-o", "beginning", topic, "-c", "1")
    names = [each["name"] for each in json.loads(ok("topics", "describe", "--json"))["topics"]]
    assert topic in names
    assert "__consumer_offsets" not in names
    assert names == [line.split()[0] for line in ok("topics", "list").decode().splitlines()[1:]]
    assert "__consumer_offsets: " in ok("topics", "describe", "--internal").decode()
