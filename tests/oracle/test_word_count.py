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
from processes import Program
from waiting import wait_until

PROGRAM = Path(__file__).parent / "streams" / "WordCount.java"
STREAMS = next(each for each in FRAMEWORKS if each.maven)
PARTITIONS = 3
LINES = [f"word-{number % 7} word-{number % 11} always" for number in range(400)]
TIMEOUT_S = 120

Start = Callable[[str], Program]


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
        wait_until(lambda: self._step(total), what=f"{total} counts", timeout_s=TIMEOUT_S)

    def _step(self, total: int) -> bool:
        message = self._consumer.poll(0.2)
        if message is not None and message.error() is None:
            self._at_end.discard(message.partition())
            self.found[message.key().decode()].append(int(message.value()))
        elif message is not None:
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            self._at_end.add(message.partition())
        return self.total() >= total and len(self._at_end) == PARTITIONS

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
def start(bootstrap: str, tmp_path: Path) -> Iterator[Start]:
    """Start an instance of the application, which keeps what it has in a folder of this name."""
    running: list[Program] = []

    def begin(name: str) -> Program:
        command = ["java", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{jars(STREAMS)}/*"]
        program = Program(*command, str(PROGRAM), bootstrap, str(tmp_path / name))
        running.append(program)
        return program

    yield begin
    for program in running:
        program.kill()


def send(bootstrap: str, lines: list[str]) -> int:
    """Write the lines; how many words they have."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for number, line in enumerate(lines):
        producer.produce("lines", line, partition=number % PARTITIONS)
    assert producer.flush(60) == 0
    return sum(len(line.split()) for line in lines)


def test_words_are_counted_exactly_once_through_restarts_and_kills(bootstrap: str, start: Start) -> None:
    counts = Counts(bootstrap)
    first, second = start("first"), start("second")
    for each in (first, second):
        each.wait_for(lambda lines: "RUNNING" in lines, "state")
    sent = send(bootstrap, LINES[:100])
    counts.wait_for(sent)

    sent += send(bootstrap, LINES[100:200])
    counts.wait_for(sent - 250)
    first.kill()  # in the middle of its work; the other one takes over
    counts.wait_for(sent)

    assert second.stop() in (0, 143)  # 143: what Java ends with that was asked to by SIGTERM
    sent += send(bootstrap, LINES[200:300])
    second = start("second")  # with the id that it had, so that it aborts what may be open at once
    counts.wait_for(sent - 250)
    second.kill()
    second, third = start("second"), start("third")
    sent += send(bootstrap, LINES[300:])
    counts.wait_for(sent)

    expected = Counter(word for line in LINES for word in line.split())
    assert {word: counts.found[word] for word in expected} == {
        word: list(range(1, count + 1)) for word, count in expected.items()
    }
    assert set(counts.found) == set(expected)
    for each in (second, third):
        assert each.process.poll() is None, each.errors
        each.stop()
    counts.close()
