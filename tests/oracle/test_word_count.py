"""Kafka Streams counts words with ``exactly_once_v2`` through restarts and kills, on kstore and on Apache Kafka.

``streams/WordCount.java`` sends each word on with how often it has come so far. So a word that was lost, or counted
twice, can't hide: the counts of each word, in the order of their partition, have to be 1, 2, 3 and so on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from frameworks.catalogue import FRAMEWORKS
from frameworks.environments import jars
from frameworks.servers import NAMES, started
from oracle.test_files_of_kstore import create
from present import present
from processes import Program, Server
from waiting import wait_until

from bench.peers.processes import HOST, free_ports

PROGRAM = Path(__file__).parent / "streams" / "WordCount.java"
STREAMS = next(each for each in FRAMEWORKS if each.maven)
PARTITIONS = 3
LINES = [f"word-{number % 7} word-{number % 11} always" for number in range(8000)]
PORTION = len(LINES) // 4
THE_FIRST_OF_A_PORTION = 500
TIMEOUT_S = 120

Start = Callable[[str, str], Program]


class Counts:
    """What a reader of committed records has got of the counts so far, by word."""

    def __init__(self, bootstrap: str) -> None:
        self.found: dict[str, list[int]] = defaultdict(list)
        self._at_end: set[int] = set()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "reader",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
            }
        )
        self._consumer.subscribe(["counts"])

    def total(self) -> int:
        return sum(map(len, self.found.values()))

    def wait_for(self, total: int) -> None:
        """Read until there are as many counts, and on to the end of all partitions."""

        def is_all_there() -> bool:
            self._read()
            return self.total() >= total and len(self._at_end) == PARTITIONS

        wait_until(is_all_there, what=f"{total} counts", timeout_s=TIMEOUT_S)

    def wait_for_some(self, more: int) -> None:
        """Read as many counts more, of those that are still coming."""
        total = self.total() + more

        def are_there() -> bool:
            self._read()
            return self.total() >= total

        wait_until(are_there, what=f"{more} counts more", timeout_s=TIMEOUT_S)

    def _read(self) -> None:
        for message in self._consumer.consume(500, 0.2):
            if message.error() is None:
                self._at_end.discard(message.partition())
                self.found[present(message.key()).decode()].append(int(present(message.value())))
            elif present(message.error()).code() == KafkaError._PARTITION_EOF:
                self._at_end.add(present(message.partition()))

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture(params=NAMES)
def bootstrap(request: pytest.FixtureRequest, kafka_jars: Path) -> Iterator[str]:
    """The address of one of the two Kafkas, with the topics that are read and written."""
    with started(request.param) as (address, _):
        for name in ("lines", "counts"):
            create(address, name, PARTITIONS, 1)
        yield address


@pytest.fixture
def start(kafka_jars: Path, tmp_path: Path) -> Iterator[Start]:
    """Start an instance of the application on a Kafka, which keeps what it has in a folder of this name."""
    running: list[Program] = []

    def begin(bootstrap: str, name: str) -> Program:
        command = ["java", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{jars(STREAMS)}/*"]
        program = Program(*command, str(PROGRAM), bootstrap, str(tmp_path / name))
        running.append(program)
        return program

    yield begin
    for program in running:
        program.kill()


def send(bootstrap: str, portion: int) -> int:
    """Write a portion of the lines; how many words have been written."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(portion * PORTION, (portion + 1) * PORTION):
        producer.produce("lines", LINES[number], partition=number % PARTITIONS)
    assert producer.flush(60) == 0
    return sum(len(line.split()) for line in LINES[: (portion + 1) * PORTION])


def check(counts: Counts) -> None:
    expected = Counter(word for line in LINES for word in line.split())
    assert counts.found == {word: list(range(1, count + 1)) for word, count in expected.items()}


def test_words_are_counted_exactly_once_though_all_brokers_are_killed(start: Start, tmp_path: Path) -> None:
    """Of kstore: a process with three of them, which starts again on the same folder and the same ports."""
    first_port = free_ports(3)
    bootstrap = ",".join(f"{HOST}:{first_port + number}" for number in range(3))
    serve = ("--brokers", "3", "--listen", f"{HOST}:{first_port}", "--data-dir", str(tmp_path / "data"))
    servers = [Server(*serve)]
    try:
        for name in ("lines", "counts"):
            create(bootstrap, name, PARTITIONS, 3)
        counts = Counts(bootstrap)
        instances = [start(bootstrap, "first"), start(bootstrap, "second")]
        for portion in range(4):
            sent = send(bootstrap, portion)
            counts.wait_for_some(THE_FIRST_OF_A_PORTION)
            if portion in (1, 2):
                servers[-1].kill()
                servers.append(Server(*serve))
            counts.wait_for(sent)
        check(counts)
        for each in instances:
            assert each.process.poll() is None, each.errors
            each.stop()
        counts.close()
        assert servers[-1].stop() == 0
        complaints = [line for server in servers for line in server.errors if "kstore.configs" not in line]
        assert complaints == []
    finally:
        for server in servers:
            server.kill()


def test_words_are_counted_exactly_once_through_restarts_and_kills(bootstrap: str, start: Start) -> None:
    counts = Counts(bootstrap)
    first, second = start(bootstrap, "first"), start(bootstrap, "second")
    for each in (first, second):
        each.wait_for(lambda lines: "RUNNING" in lines, "state")
    counts.wait_for(send(bootstrap, 0))

    sent = send(bootstrap, 1)
    counts.wait_for_some(THE_FIRST_OF_A_PORTION)
    first.kill()  # in the middle of its work; the other one takes over
    counts.wait_for(sent)

    sent = send(bootstrap, 2)
    counts.wait_for_some(THE_FIRST_OF_A_PORTION)
    assert second.stop() in (0, 143)  # 143: what Java ends with that was asked to by SIGTERM
    second = start(bootstrap, "second")  # with the id that it had, so that it aborts what may be open at once
    counts.wait_for_some(THE_FIRST_OF_A_PORTION)
    second.kill()
    second, third = start(bootstrap, "second"), start(bootstrap, "third")
    counts.wait_for(sent)
    counts.wait_for(send(bootstrap, 3))
    check(counts)
    for each in (second, third):
        assert each.process.poll() is None, each.errors
        each.stop()
    counts.close()
