"""The clients of the order-events story, each a process of its own, with kstore's Producer and Consumer over TCP.

They print one JSON object a line, which the demo reads; so what it counts is what the clients saw, not what the
server believes. Each ends in order on SIGTERM.

    python -m actors.cli.story.clients produce BOOTSTRAP TOPIC USER,USER,...
    python -m actors.cli.story.clients consume BOOTSTRAP TOPIC NAME
"""

from __future__ import annotations

import itertools
import json
import signal
import sys
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from kstore import Consumer, ConsumerRebalanceListener, Producer, TopicPartition
from kstore.errors import KafkaError

if TYPE_CHECKING:
    from kstore import RecordMetadata

GROUP = "order-processors"
SESSION_TIMEOUT_MS = 1500
ORDERS_A_SECOND = 250
COMMIT_INTERVAL_S = 0.5
FLUSH_S = 60


def say(**event: object) -> None:
    """One event, on a line of its own, out at once."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def until_terminated() -> list[bool]:
    """A list that is no longer empty when the process was asked to end."""
    asked: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    return asked


def produce(bootstrap: str, topic: str, users: list[str]) -> None:
    """Send orders, user by user in turn, and say which were acknowledged, and where."""
    stopping = until_terminated()
    producer = Producer(bootstrap_servers=bootstrap, acks="all", client_id="shop")

    def acknowledged(order: int, where: RecordMetadata) -> None:
        say(event="acknowledged", order=order, partition=where.partition, offset=where.offset)

    def failed(order: int, error: BaseException) -> None:
        say(event="failed", order=order, error=repr(error))

    started = time.monotonic()
    for order in itertools.count():
        if stopping:
            break
        user = users[order % len(users)]
        value = json.dumps({"order": order, "user": user}).encode()
        future = producer.send(topic, key=user.encode(), value=value)
        future.add_callback(acknowledged, order)
        future.add_errback(failed, order)
        ahead = started + order / ORDERS_A_SECOND - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    producer.flush(timeout=FLUSH_S)
    producer.close()
    say(event="produced")


class Reader(ConsumerRebalanceListener):
    """A consumer that processes orders (it says them), and commits what it has processed."""

    def __init__(self, bootstrap: str, topic: str, name: str) -> None:
        self.name = name
        self.consumer = Consumer(
            bootstrap_servers=bootstrap,
            group_id=GROUP,
            client_id=name,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=SESSION_TIMEOUT_MS // 5,
        )
        self.uncommitted: dict[int, int] = {}
        self.committed_at = time.monotonic()
        self.consumer.subscribe([topic], listener=self)

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Others go on where this one has come to."""
        self.commit()
        say(event="revoked", member=self.name, partitions=sorted(p.partition for p in revoked))

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """What it reads from now on."""
        say(event="assigned", member=self.name, partitions=sorted(p.partition for p in assigned))

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        """Another member reads them already, from where the group has committed."""
        self.uncommitted.clear()
        say(event="revoked", member=self.name, partitions=sorted(p.partition for p in lost))

    def read(self) -> None:
        """Process what is there, and commit it twice a second."""
        for records in self.consumer.poll(timeout_ms=200).values():
            for record in records:
                order = json.loads(record.value)["order"]
                say(event="received", member=self.name, order=order, partition=record.partition, offset=record.offset)
                self.uncommitted[record.partition] = record.offset + 1
        if time.monotonic() - self.committed_at >= COMMIT_INTERVAL_S:
            self.commit()

    def commit(self) -> None:
        """Commit what was processed; a rebalance that came first means that the next owner processes it again."""
        self.committed_at = time.monotonic()
        if not self.uncommitted:
            return
        try:
            self.consumer.commit()
            say(event="committed", member=self.name, offsets=self.uncommitted)
        except KafkaError as error:
            say(event="commit-failed", member=self.name, error=type(error).__name__)
        self.uncommitted = {}


def consume(bootstrap: str, topic: str, name: str) -> None:
    """Consume as a member of the group; say what was assigned, received and committed."""
    stopping = until_terminated()
    reader = Reader(bootstrap, topic, name)
    while not stopping:
        reader.read()
    reader.commit()
    reader.consumer.close()
    say(event="closed", member=name)


def main(arguments: list[str]) -> None:
    """Run one client."""
    if arguments[0] == "produce":
        produce(arguments[1], arguments[2], arguments[3].split(","))
    else:
        consume(arguments[1], arguments[2], arguments[3])


if __name__ == "__main__":
    main(sys.argv[1:])
