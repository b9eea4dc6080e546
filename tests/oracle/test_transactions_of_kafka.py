"""Transactions that Apache Kafka's clients committed and aborted, on Apache Kafka: kstore serves its folder to readers
of committed records as Kafka does.
"""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from oracle.test_ways_out import OFF
from present import present
from waiting import wait_until

from actors.cluster import Cluster
from bench.peers.kafka import KafkaCluster
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig

TOPIC = "payments"
SETTINGS = {"internal.segment.bytes": "2000", "index.interval.bytes": "100"}
NOW_MS = 1_700_000_000_000


@pytest.fixture
def kafka(kafka_jars: Path, tmp_path: Path) -> KafkaCluster:
    """One node, with features that kstore has."""
    cluster = KafkaCluster(tmp_path / "kafka", 1, None)
    cluster.configure()
    cluster.format(*OFF)
    return cluster


def transact(bootstrap: str) -> tuple[list[bytes], list[bytes]]:
    """Three producers, interleaved, whose transactions end this way and that; what was committed, and all of it."""
    config: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap}
    admin = AdminClient(config)
    admin.create_topics([NewTopic(TOPIC, 1, 1, config=SETTINGS)])[TOPIC].result(30)
    producers = [Producer({**config, "transactional.id": f"t{number}"}) for number in range(3)]
    for producer in producers:
        producer.init_transactions(60)
    committed, everything = [], []
    for turn in range(20):
        said = {}
        for number, producer in enumerate(producers):
            producer.begin_transaction()
            said[number] = [b"%d-%d-%d" % (turn, number, each) for each in range(turn % 3 + 1)]
            for value in said[number]:
                producer.produce(TOPIC, value, partition=0)
            producer.flush()
            everything += said[number]
        for number in (turn % 3, (turn + 1) % 3, (turn + 2) % 3):
            if (turn * 7 + number) % 5 < 2:
                producers[number].abort_transaction(60)
            else:
                producers[number].commit_transaction(60)
                committed += said[number]
    return sorted(committed), sorted(everything)


def heard(bootstrap: str, isolation: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{isolation}-{bootstrap}",
            "auto.offset.reset": "earliest",
            "isolation.level": isolation,
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([TOPIC])
    found: list[bytes] = []

    def is_at_the_end() -> bool:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            found.append(present(message.value()))
        return message is not None and message.error() is not None and len(found) >= count

    wait_until(is_at_the_end, what=f"{count} records", timeout_s=60)
    consumer.close()
    return sorted(found)


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_reader_of_committed_records_gets_them_from_kstore_as_from_kafka(
    kafka: KafkaCluster, end: str, request: pytest.FixtureRequest
) -> None:
    with kafka.launched():
        committed, everything = transact(kafka.bootstrap)
        assert heard(kafka.bootstrap, "read_committed", len(committed)) == committed
        assert heard(kafka.bootstrap, "read_uncommitted", len(everything)) == everything
    folder = kafka.log_folder(1)
    if end == "killed":
        (folder / ".kafka_cleanshutdown").unlink()
        (folder / "recovery-point-offset-checkpoint").unlink()
    before = {path.name: path.read_bytes() for path in (folder / f"{TOPIC}-0").glob("*.txnindex")}
    assert len(before) > 3
    with Cluster(1, data_dir=str(kafka.data), listen="127.0.0.1:0") as ours:
        assert heard(ours.bootstrap_servers, "read_committed", len(committed)) == committed
        assert heard(ours.bootstrap_servers, "read_uncommitted", len(everything)) == everything
    assert {path.name: path.read_bytes() for path in (folder / f"{TOPIC}-0").glob("*.txnindex")} == before


def test_transaction_indexes_that_are_made_anew_are_those_of_kafka(kafka: KafkaCluster) -> None:
    with kafka.launched():
        transact(kafka.bootstrap)
    folder = kafka.log_folder(1)
    path = folder / f"{TOPIC}-0"
    before = {each.name: each.read_bytes() for each in path.glob("*.txnindex")}
    for each in path.glob("*.txnindex"):
        each.unlink()
    log = Log.open(PosixFileSystem(folder), f"{TOPIC}-0", LogConfig(producer_id_expiration_ms=1 << 60), now_ms=NOW_MS)
    log.close()
    assert {each.name: each.read_bytes() for each in path.glob("*.txnindex") if each.stat().st_size} == {
        name: data for name, data in before.items() if data
    }
