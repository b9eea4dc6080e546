"""``kstore transactions``: what it says of transactional ids and producers, and how it ends what they have open."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from clients.transacting import NEVER_GIVEN, hang

from kstore import Admin, Producer
from kstore.errors import ProducerFenced

Ok = Callable[..., bytes]


@pytest.fixture
def name() -> str:
    """A transactional id of the test's own."""
    return f"biller-{os.getpid()}-{time.monotonic_ns()}"


@pytest.fixture
def biller(bootstrap: str, topic: str, name: str) -> Iterator[Producer]:
    """A producer that has the id, and a transaction with a record in the topic."""
    with Producer(bootstrap_servers=bootstrap, transactional_id=name) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"a bill").get(30)
        yield producer


@pytest.fixture
def hanging(bootstrap: str, topic: str) -> int:
    """A transaction in the topic that nobody will end: its producer's id."""
    with Admin(bootstrap_servers=bootstrap) as admin:
        hang(admin, topic)
    return NEVER_GIVEN


def rows(printed: bytes) -> list[list[str]]:
    return [line.split() for line in printed.decode().splitlines()]


def printed_row(told: dict[str, Any]) -> list[str]:
    """What the table shows of a producer: its last time as a date in UTC, and what there isn't as a dash."""
    last = datetime.fromtimestamp(told["last_timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
    return ["-" if each is None else str(each) for each in {**told, "last_timestamp": last}.values()]


def test_ids_are_listed_with_what_is_asked_for(ok: Ok, name: str, biller: Producer) -> None:
    (told,) = json.loads(ok("transactions", "list", "--transactional-id-pattern", name, "--json"))["transactions"]
    assert told == {
        "transactional_id": name,
        "coordinator": told["coordinator"],
        "producer_id": told["producer_id"],
        "state": "Ongoing",
    }
    line = [name, str(told["coordinator"]), str(told["producer_id"]), "Ongoing"]
    assert rows(ok("transactions", "list"))[0] == "TRANSACTIONAL ID COORDINATOR PRODUCER ID STATE".split()
    for words in ([], ["--state", "Ongoing"], ["--producer-id", line[2]], ["--duration-filter", "0"]):
        assert line in rows(ok("transactions", "list", *words))
    for words in (["--state", "Empty", "--state", "Dead"], ["--duration-filter", "3600000"]):
        assert line not in rows(ok("transactions", "list", *words))


def test_an_id_is_described_with_what_it_has_open(ok: Ok, topic: str, name: str, biller: Producer) -> None:
    (told,) = json.loads(ok("transactions", "describe", name, "--json"))["transactions"]
    assert (told["transactional_id"], told["state"], told["timeout_ms"]) == (name, "Ongoing", 60_000)
    assert told["partitions"] == [[topic, 0]]
    assert 0 <= told["duration_ms"] <= time.time() * 1000 - told["start_time_ms"]
    titles, line = rows(ok("transactions", "describe", name))
    assert " ".join(titles[-4:]) == "OPEN FOR MS PARTITIONS"
    began = datetime.fromisoformat(line[6])
    assert (began.tzinfo, began.timestamp() * 1000) == (UTC, told["start_time_ms"])
    assert (line[0], line[4], line[-1]) == (name, "Ongoing", f"{topic}-0")
    assert name in [
        each["transactional_id"] for each in json.loads(ok("transactions", "describe", "--json"))["transactions"]
    ]


def test_producers_of_partitions_are_described(ok: Ok, topic: str, name: str, biller: Producer) -> None:
    (told,) = json.loads(ok("transactions", "describe-producers", topic, "--json"))["producers"]
    assert (told["topic"], told["partition"], told["last_sequence"], told["start_offset"]) == (topic, 0, 0, 0)
    assert told["coordinator_epoch"] is None
    _, line = rows(ok("transactions", "describe-producers", f"{topic}:0"))
    assert line == printed_row(told)
    leader = json.loads(ok("topics", "describe", topic, "--json"))["topics"][0]["partitions"][0]["leader"]
    assert rows(ok("transactions", "describe-producers", topic, "--broker-id", str(leader)))[1:] == [line]


def test_a_partition_without_producers_is_told(kstore, topic: str) -> None:
    done = kstore("transactions", "describe-producers", topic)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == b"kstore: no producer with an id has written there\n"


def test_a_terminated_transaction_is_aborted_and_its_producer_fenced(
    ok: Ok, topic: str, name: str, biller: Producer
) -> None:
    said = ok("transactions", "force-terminate", name).decode()
    assert said == f"{name}: transaction aborted, producer fenced\n"
    with pytest.raises(ProducerFenced):
        biller.commit_transaction()
    said = ok("transactions", "force-terminate", name).decode()
    assert said == f"{name}: no transaction was open, producer fenced\n"
    assert json.loads(ok("transactions", "force-terminate", name, "--json")) == {"terminated": [name]}
    assert json.loads(ok("transactions", "describe", name, "--json"))["transactions"][0]["partitions"] == []


def test_an_id_that_is_not_there_is_not_made_and_holds_up_no_other(kstore, ok: Ok, name: str, biller: Producer) -> None:
    done = kstore("transactions", "force-terminate", f"{name}x", name)
    assert (done.returncode, done.stdout.decode()) == (1, f"{name}: transaction aborted, producer fenced\n")
    assert f"TRANSACTIONAL_ID_NOT_FOUND: there is no transactional id {name}x (did you mean " in done.stderr.decode()
    assert f"{name}x" not in ok("transactions", "list").decode()


def test_a_hanging_transaction_is_found_and_aborted(ok: Ok, kstore, topic: str, hanging: int) -> None:
    (told,) = json.loads(ok("transactions", "find-hanging", topic, "--json"))["hanging"]
    assert (told["topic"], told["partition"], told["producer_id"], told["start_offset"]) == (topic, 0, hanging, 0)
    assert told["duration_minutes"] > 15
    done = kstore("transactions", "find-hanging", f"{topic}:0")
    assert rows(done.stdout)[1] == printed_row(told)
    assert b"kstore transactions abort TOPIC:PARTITION --start-offset N" in done.stderr
    assert json.loads(
        ok("transactions", "find-hanging", topic, "--max-transaction-timeout", "2000000000", "--json")
    ) == {"hanging": []}
    said = ok("transactions", "abort", f"{topic}:0", "--start-offset", "0").decode()
    assert said == f"{topic}-0: the transaction of producer {hanging} was aborted\n"
    done = kstore("transactions", "find-hanging", topic)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"kstore: no transaction hangs\n")


def test_a_transaction_is_aborted_by_its_producer_as_well(ok: Ok, topic: str, hanging: int) -> None:
    words = ["abort", f"{topic}:0", "--producer-id", str(hanging), "--producer-epoch", "3", "--coordinator-epoch", "-1"]
    assert json.loads(ok("transactions", *words, "--json")) == {
        "topic": topic,
        "partition": 0,
        "producer_id": hanging,
        "producer_epoch": 3,
        "coordinator_epoch": 0,
    }


def test_a_transaction_that_its_coordinator_knows_is_not_aborted_in_one_partition_alone(
    kstore, ok: Ok, topic: str, name: str, biller: Producer
) -> None:
    assert json.loads(ok("transactions", "find-hanging", topic, "--max-transaction-timeout", "0", "--json")) == {
        "hanging": []
    }
    words = ["transactions", "abort", f"{topic}:0", "--start-offset", "0"]
    done = kstore(*words)
    assert (done.returncode, done.stdout) == (1, b"")
    assert f"INVALID_TXN_STATE: it doesn't hang: it is of transactional id {name}" in done.stderr.decode()
    assert b"was aborted" in ok(*words, "--force")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["describe", "never-was"], 1, "TRANSACTIONAL_ID_NOT_FOUND: there is no transactional id never-was"),
        (["list", "--state", "ongoing"], 2, "(did you mean Ongoing?)"),
        (
            ["list", "--transactional-id-pattern", "("],
            1,
            "INVALID_REGULAR_EXPRESSION: transactional_id_pattern is a reg",
        ),
        (["describe-producers", "{topic}s"], 1, "there is no topic {topic}s (did you mean "),
        (["describe-producers", "{topic}:9"], 1, "topic {topic} has no partition 9, but 1"),
        (
            ["describe-producers", "{topic}", "--broker-id", "77"],
            1,
            "BROKER_NOT_AVAILABLE: there is no broker 77; there are",
        ),
        (["find-hanging", "{topic}s"], 1, "there is no topic {topic}s (did you mean "),
        (["abort", "{topic}"], 2, "'{topic}' is not one partition: write TOPIC:PARTITION, such as orders:0"),
        (["abort", "{topic}:0"], 2, "name the transaction: --start-offset N, or --producer-id ID --producer-epoch N"),
        (["abort", "{topic}:0", "--producer-id", "5"], 2, "name the transaction: --start-offset N, or --producer-id"),
        (["abort", "{topic}:0", "--producer-id", "5", "--producer-epoch", "40000"], 2, "a number, from 0 to 32767"),
        (["abort", "{topic}:0", "--start-offset", "4"], 1, "no open transaction of {topic}-0 begins at offset 4"),
    ],
)
def test_what_goes_wrong_with_transactions_is_one_line_and_an_exit_code(kstore, topic, words, code, said) -> None:
    done = kstore("transactions", *(word.format(topic=topic) for word in words))
    assert (done.returncode, done.stdout) == (code, b"")
    assert len(done.stderr.splitlines()) == 1
    assert said.format(topic=topic) in done.stderr.decode()
