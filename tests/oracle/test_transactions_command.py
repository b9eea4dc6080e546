"""Kafka's ``kafka-transactions.sh`` beside ``kstore transactions``, each on kstore and on a real Kafka: every
subcommand does the same on both, and either command finds what the other has done.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.targets import OverTcp
from clients.transacting import NEVER_GIVEN, hang
from waiting import wait_until

from actors.cluster import Cluster
from bench.peers.kafka import KafkaCluster, ServerFailed, tool
from kstore import Producer
from kstore.errors import ProducerFenced

SCRIPT = "org.apache.kafka.tools.TransactionsCommand"
KSTORE = str(Path(sys.executable).with_name("kstore"))
Row = dict[str, str]


@pytest.fixture(params=["kstore", "kafka"])
def target(request: pytest.FixtureRequest, kafka_jars: Path) -> Iterator[OverTcp]:
    """What both commands talk to."""
    if request.param == "kafka":
        kafka: KafkaCluster = request.getfixturevalue("kafka")
        found = OverTcp("kafka", kafka.bootstrap, brokers=1)
        yield found
        found.close()
        return
    with Cluster(1, listen="127.0.0.1:0") as cluster:
        found = OverTcp("kstore", cluster.bootstrap_servers, brokers=1)
        yield found
        found.close()


def said_by_kafkas(target: OverTcp, *words: str) -> str:
    return tool(SCRIPT, "--bootstrap-server", target.bootstrap, *words)


def of_kafkas(target: OverTcp, *words: str) -> list[Row]:
    """The table that Kafka's script prints, which pads cells with spaces and parts them with tabs."""
    lines = [line for line in said_by_kafkas(target, *words).splitlines() if "\t" in line]
    titles, *rows = [[cell.strip() for cell in line.removesuffix("\t").split("\t")] for line in lines]
    return [dict(zip(titles, row, strict=True)) for row in rows]


def of_kstores(target: OverTcp, *words: str) -> dict[str, list[dict[str, object]]]:
    environment = {**os.environ, "KSTORE_BOOTSTRAP": target.bootstrap}
    command = [KSTORE, "transactions", *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    found: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
    return found


def opened(target: OverTcp, name: str, topic: str, partitions: int = 1) -> Producer:
    producer = target.producer(transactional_id=name)
    producer.init_transactions()
    producer.begin_transaction()
    for each in range(partitions):
        producer.send(topic, b"open", partition=each).get(30)
    return producer


def test_list_and_describe_say_the_same(target: OverTcp) -> None:
    topic, name = target.topic(2), target.fresh("listed")
    opened(target, name, topic, 2)
    (row,) = of_kafkas(target, "list", "--transactional-id-pattern", name)
    (ours,) = of_kstores(target, "list", "--transactional-id-pattern", name)["transactions"]
    assert row == {
        "TransactionalId": name,
        "Coordinator": str(ours["coordinator"]),
        "ProducerId": str(ours["producer_id"]),
        "TransactionState": "Ongoing",
    }
    assert ours["state"] == "Ongoing"
    for words, count in ((["--duration-filter", "0"], 1), (["--duration-filter", "3600000"], 0)):
        assert len(of_kafkas(target, "list", "--transactional-id-pattern", name, *words)) == count
    (row,) = of_kafkas(target, "describe", "--transactional-id", name)
    (ours,) = of_kstores(target, "describe", name)["transactions"]
    duration_ms = int(row.pop("TransactionDurationMs"))
    assert 0 <= duration_ms <= int(str(ours["duration_ms"]))
    partitions = ours["partitions"]
    assert isinstance(partitions, list)
    assert sorted(row.pop("TopicPartitions").split(",")) == [f"{each}-{number}" for each, number in partitions]
    assert row == {
        "CoordinatorId": str(ours["coordinator"]),
        "TransactionalId": name,
        "ProducerId": str(ours["producer_id"]),
        "ProducerEpoch": str(ours["producer_epoch"]),
        "TransactionState": "Ongoing",
        "TransactionTimeoutMs": str(ours["timeout_ms"]),
        "CurrentTransactionStartTimeMs": str(ours["start_time_ms"]),
    }


def test_an_id_that_has_begun_nothing_and_one_that_is_not_there(target: OverTcp) -> None:
    name = target.fresh("idle")
    target.producer(transactional_id=name).init_transactions()
    (row,) = of_kafkas(target, "describe", "--transactional-id", name)
    (ours,) = of_kstores(target, "describe", name)["transactions"]
    assert (row["TransactionState"], ours["state"]) == ("Empty", "Empty")
    assert (row["CurrentTransactionStartTimeMs"], ours["start_time_ms"]) == ("None", None)
    assert (row["TransactionDurationMs"], ours["duration_ms"]) == ("None", None)
    with pytest.raises(ServerFailed, match="Failed to describe transaction state of transactional-id `never-was`"):
        said_by_kafkas(target, "describe", "--transactional-id", "never-was")


def test_describe_producers_says_the_same(target: OverTcp) -> None:
    topic, name = target.topic(), target.fresh("producing")
    producer = opened(target, name, topic)
    for is_open in (True, False):
        (row,) = of_kafkas(target, "describe-producers", "--topic", topic, "--partition", "0")
        (ours,) = of_kstores(target, "describe-producers", f"{topic}:0")["producers"]
        assert row == {
            "ProducerId": str(ours["producer_id"]),
            "ProducerEpoch": str(ours["producer_epoch"]),
            "LatestCoordinatorEpoch": "-1" if ours["coordinator_epoch"] is None else str(ours["coordinator_epoch"]),
            "LastSequence": "-1" if ours["last_sequence"] is None else str(ours["last_sequence"]),
            "LastTimestamp": str(ours["last_timestamp"]),
            "CurrentTransactionStartOffset": "0" if is_open else "None",
        }
        assert ours["start_offset"] == (0 if is_open else None)
        producer.commit_transaction() if is_open else None
        wait_until(
            lambda: of_kstores(target, "describe", name)["transactions"][0]["state"] == "CompleteCommit", what="the end"
        )
    leader = str(of_kstores(target, "describe", name)["transactions"][0]["coordinator"])  # the only broker
    again = of_kafkas(target, "describe-producers", "--topic", topic, "--partition", "0", "--broker-id", leader)
    assert again == [row]


@pytest.mark.parametrize("aborted_by", ["kafka's", "kstore's"])
def test_a_hanging_transaction_is_found_by_both_and_aborted_by_each(target: OverTcp, aborted_by: str) -> None:
    topic = target.topic()
    hang(target.admin(), topic, NEVER_GIVEN + len(aborted_by))
    opened(target, target.fresh("living"), target.topic())
    (row,) = of_kafkas(target, "find-hanging", "--topic", topic)
    (ours,) = of_kstores(target, "find-hanging", topic)["hanging"]
    duration = int(row.pop("Duration(min)"))
    assert 0 <= int(str(ours["duration_minutes"])) - duration <= 1
    assert row == {
        "Topic": topic,
        "Partition": "0",
        "ProducerId": str(ours["producer_id"]),
        "ProducerEpoch": str(ours["producer_epoch"]),
        "CoordinatorEpoch": "-1",
        "StartOffset": str(ours["start_offset"]),
        "LastTimestamp": str(ours["last_timestamp"]),
    }
    leader = str(of_kstores(target, "list")["transactions"][0]["coordinator"])  # the only broker
    assert [each["Topic"] for each in of_kafkas(target, "find-hanging", "--broker-id", leader)] == [topic]
    if aborted_by == "kafka's":
        said_by_kafkas(target, "abort", "--topic", topic, "--partition", "0", "--start-offset", "0")
    else:
        of_kstores(target, "abort", f"{topic}:0", "--start-offset", "0")
    assert of_kafkas(target, "find-hanging", "--topic", topic) == []
    assert of_kstores(target, "find-hanging", topic)["hanging"] == []
    with pytest.raises(ServerFailed, match="Could not find any open transactions starting at offset 0"):
        said_by_kafkas(target, "abort", "--topic", topic, "--partition", "0", "--start-offset", "0")


@pytest.mark.parametrize("terminated_by", ["kafka's", "kstore's"])
def test_a_transaction_is_terminated_by_each(target: OverTcp, terminated_by: str) -> None:
    topic, name = target.topic(), target.fresh("terminated")
    producer = opened(target, name, topic)
    if terminated_by == "kafka's":
        said_by_kafkas(target, "forceTerminateTransaction", "--transactionalId", name)
    else:
        assert of_kstores(target, "force-terminate", name) == {"terminated": [name]}
    (row,) = of_kafkas(target, "describe", "--transactional-id", name)
    (ours,) = of_kstores(target, "describe", name)["transactions"]
    assert (row["TransactionState"], row["TopicPartitions"]) == (ours["state"], "")
    with pytest.raises(ProducerFenced):
        producer.commit_transaction()
