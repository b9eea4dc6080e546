"""The log of transactions, ``__transaction_state``: Apache Kafka's tool reads ours, and a coordinator of either goes on
where one of the other stopped, also in the middle of a transaction.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from clients.transacting import set_level
from confluent_kafka import Consumer, Producer, TopicPartition
from oracle.test_files_of_kstore import DUMP, create, kstore
from oracle.test_transactions_of_kafka import TOPIC, heard
from oracle.test_ways_out import OFF
from partition.client import Client
from transactions import producers
from waiting import wait_until

from actors.cluster import Cluster
from bench.peers.kafka import KafkaCluster, running_on, tool
from kstore import Admin

GROUP = "payers"
TOOL = "org.apache.kafka.tools.TransactionsCommand"
SHORT_MS, LONG_MS = 5_000, 120_000
LEVELS = pytest.mark.parametrize("level", [0, 2], ids=["the first protocol", "the second"])
LEFT = {"committed": "CompleteCommit", "aborted": "CompleteAbort", "open": "Ongoing"}
OFFSET, NONE = 7, -1001
EXPIRING = {
    "transaction.state.log.num.partitions": "1",
    "transactional.id.expiration.ms": "60000",
    "transaction.remove.expired.transaction.cleanup.interval.ms": "10000",
}


def listed(bootstrap: str) -> dict[str, str]:
    """The states of transactional ids, as Kafka's own tool shows them."""
    rows = [line.split() for line in tool(TOOL, "--bootstrap-server", bootstrap, "list").splitlines()[1:]]
    return {row[0]: row[-1] for row in rows}


def leave_transactions(bootstrap: str, timeout_ms: int) -> Producer:
    """One id has committed, one has aborted, and one is in the middle; its producer."""
    for name, commits in (("committed", True), ("aborted", False), ("open", None)):
        producer = Producer(
            {"bootstrap.servers": bootstrap, "transactional.id": name, "transaction.timeout.ms": timeout_ms}
        )
        producer.init_transactions(60)
        producer.begin_transaction()
        producer.produce(TOPIC, name)
        producer.flush(60)
        reader = Consumer({"bootstrap.servers": bootstrap, "group.id": f"{GROUP}-{name}"})
        producer.send_offsets_to_transaction([TopicPartition(TOPIC, 0, OFFSET)], reader.consumer_group_metadata(), 60)
        reader.close()
        if commits is not None:
            (producer.commit_transaction if commits else producer.abort_transaction)(60)
    return producer


def committed_offset(bootstrap: str, name: str) -> int:
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": f"{GROUP}-{name}"})
    (place,) = reader.committed([TopicPartition(TOPIC, 0)], 60)
    reader.close()
    return int(place.offset)


def go_on(bootstrap: str) -> None:
    """Another producer takes over the id in the middle of whose transaction the brokers were stopped."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "open"})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce(TOPIC, "after")
    producer.commit_transaction(60)


@LEVELS
def test_kafkas_tool_reads_the_log_of_transactions(kafka_jars: Path, tmp_path: Path, level: int) -> None:
    with Cluster(1, seed=1, data_dir=str(tmp_path), config=EXPIRING) as cluster:
        set_level(cluster, level)
        client = Client(cluster)
        client.create(producers.TOPIC, partitions=2, copies=1)
        made = {}
        for name in ("expired", "empty", "committed", "aborted", "open"):
            made[name] = producers.TransactionalProducer(client, name, second=level == 2)
            assert made[name].init() == 0
            client.run(100 if name == "expired" else 0)
        for name in ("committed", "aborted", "open"):
            assert made[name].send(b"a", index=1) == 0
        assert made["open"].send(b"b") == 0
        assert made["committed"].end(commit=True) == 0
        assert made["aborted"].end(commit=False) == 0
        client.run(1)
    (log,) = (tmp_path / "node-1" / "__transaction_state-0").glob("*.log")
    printed = tool(DUMP, "--transaction-log-decoder", "--files", log)
    assert set(re.findall(r"isvalid: (\w+)", printed)) == {"true"}
    told: dict[str, list[str]] = {}
    for key, payload in re.findall(r" key: (\{.*?\}) payload: (.*)$", printed, re.M):
        name, value = json.loads(key)["data"]["transactionalId"], payload
        if payload != "<DELETE>":
            assert json.loads(payload)["version"] == str(min(level, 1))
            data = json.loads(payload)["data"]
            assert data["producerId"] == made[name].id
            places = [(each["topic"], each["partitionIds"]) for each in data["transactionPartitions"] or []]
            value = f"{data['transactionStatus']} {data['producerEpoch']} {places}"
        told.setdefault(name, []).append(value)
    last, one = 1 if level == 2 else 0, [(producers.TOPIC, [1])]
    assert told == {
        "expired": ["Empty 0 []", "<DELETE>"],
        "empty": ["Empty 0 []"],
        "committed": ["Empty 0 []", f"Ongoing 0 {one}", f"PrepareCommit {last} {one}", f"CompleteCommit {last} []"],
        "aborted": ["Empty 0 []", f"Ongoing 0 {one}", f"PrepareAbort {last} {one}", f"CompleteAbort {last} []"],
        "open": ["Empty 0 []", f"Ongoing 0 {one}", f"Ongoing 0 {[(producers.TOPIC, [0, 1])]}"],
    }


@LEVELS
def test_kafka_goes_on_with_the_transactions_that_kstore_left(kafka_jars: Path, tmp_path: Path, level: int) -> None:
    data = tmp_path / "data"
    with kstore(data, 1) as bootstrap:
        if level == 0:
            with Admin(bootstrap_servers=bootstrap) as admin:
                admin.update_features({"transaction.version": ("SAFE_DOWNGRADE", 0)})
        create(bootstrap, TOPIC, 1, 1)
        zombie = leave_transactions(bootstrap, LONG_MS)
    with running_on(data, tmp_path / "kafka", 1, voters=1) as kafka:
        assert listed(kafka.bootstrap) == LEFT
        go_on(kafka.bootstrap)
        assert heard(kafka.bootstrap, "read_committed", 2) == [b"after", b"committed"]
        assert [committed_offset(kafka.bootstrap, name) for name in LEFT] == [OFFSET, NONE, NONE]
        assert listed(kafka.bootstrap) == {**LEFT, "open": "CompleteCommit"}
    del zombie


@LEVELS
@pytest.mark.parametrize("way", ["taken over", "timed out"])
def test_kstore_goes_on_with_the_transactions_that_kafka_left(
    kafka_jars: Path, tmp_path: Path, level: int, way: str
) -> None:
    kafka = KafkaCluster(tmp_path / "kafka", 1, None)
    kafka.configure()
    kafka.format(*OFF[:-1], f"transaction.version={level}")
    with kafka.launched():
        create(kafka.bootstrap, TOPIC, 1, 1)
        zombie = leave_transactions(kafka.bootstrap, LONG_MS if way == "taken over" else SHORT_MS)
    config = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "500"}
    with Cluster(1, data_dir=str(kafka.data), listen="127.0.0.1:0", config=config) as ours:
        bootstrap = ours.bootstrap_servers
        if way == "taken over":
            assert listed(bootstrap) == LEFT
            go_on(bootstrap)
            assert heard(bootstrap, "read_committed", 2) == [b"after", b"committed"]
        else:
            wait_until(lambda: listed(bootstrap)["open"] == "CompleteAbort", what="its end", timeout_s=60)
            assert heard(bootstrap, "read_committed", 1) == [b"committed"]
        everything = [b"aborted", *([b"after"] if way == "taken over" else []), b"committed", b"open"]
        assert heard(bootstrap, "read_uncommitted", len(everything)) == everything
        assert [committed_offset(bootstrap, name) for name in LEFT] == [OFFSET, NONE, NONE]
    del zombie
