"""Workers of other clients that read, and write in transactions, while they or all brokers are killed: each record is
there once, in its order.

librdkafka isn't tried with all brokers killed: one time in ten ``rd_kafka_send_offsets_to_transaction()`` hangs once
they are back, as its makers know, because a group coordinator that isn't there any more is still waited for (2.16).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from interop.test_clients import create_topic
from interop.transacting import built_by_go, python_program
from present import present
from processes import Program, Server
from waiting import wait_until

from bench.peers.processes import HOST, free_ports

COUNT, PORTIONS = 3000, 3
WORKERS = {"confluent-kafka": lambda: python_program("relay.py"), "franz-go": lambda: built_by_go("relay")}
FULL = pytest.mark.full
CASES = [
    ("confluent-kafka", "the worker"),
    pytest.param("franz-go", "the worker", marks=FULL),
    pytest.param("franz-go", "all brokers", marks=FULL),
]


class Results:
    """What a reader of committed records has got so far."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.values: list[int] = []
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "reader",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
        self._consumer.subscribe([topic])
        self._is_at_end = False

    def wait_for(self, count: int, *, to_the_end: bool = False) -> None:
        def is_there() -> bool:
            for message in self._consumer.consume(100, 0.1):
                if message.error() is None:
                    self._is_at_end = False
                    self.values.append(int(present(message.value())))
                elif present(message.error()).code() == KafkaError._PARTITION_EOF:
                    self._is_at_end = True
            return len(self.values) >= count and (self._is_at_end or not to_the_end)

        wait_until(is_there, what=f"{count} results", timeout_s=120)

    def close(self) -> None:
        self._consumer.close()


def send(bootstrap: str, topic: str, portion: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    size = COUNT // PORTIONS
    for number in range(portion * size, (portion + 1) * size):
        producer.produce(f"{topic}-in", b"%d" % number, partition=0)
    assert producer.flush(60) == 0


@pytest.mark.parametrize(("client", "killed"), CASES)
def test_results_are_there_once_although_one_is_killed(
    client: str, killed: str, serve: Callable[..., Server], run: Callable[..., Program], tmp_path: Path
) -> None:
    first_port = free_ports(3)
    options = ("--brokers", "3", "--listen", f"{HOST}:{first_port}", "--data-dir", str(tmp_path / "data"))
    bootstrap = ",".join(f"{HOST}:{first_port + number}" for number in range(3))
    command = WORKERS[client]()
    server, topic = serve(*options), "results"
    create_topic(bootstrap, topic, 1)
    create_topic(bootstrap, f"{topic}-in", 1)
    worker = run(*command, bootstrap, topic, str(COUNT))
    results = Results(bootstrap, topic)
    for portion in range(PORTIONS):
        send(bootstrap, topic, portion)
        if portion:
            results.wait_for(len(results.values) + 100)
            if killed == "the worker":
                worker.kill()
                worker = run(*command, bootstrap, topic, str(COUNT))
            else:
                server.kill()
                server = serve(*options)
        results.wait_for((portion + 1) * COUNT // PORTIONS)
    results.wait_for(COUNT, to_the_end=True)
    assert results.values == list(range(COUNT))
    worker.wait_for(lambda lines: "done" in lines, "its end")
    assert worker.finish() == 0, worker.errors
    results.close()
    assert server.stop() == 0
    assert server.errors == []
