"""The demo's clients, each run as a process of its own, with kafka-python as any application would use it.

They print one JSON object a line, which the demo reads; so what it counts is what the clients saw, not what the
server believes.

    python -m actors.cli.demo_clients produce BOOTSTRAP TOPIC ORDERS USER,USER,...
    python -m actors.cli.demo_clients consume BOOTSTRAP TOPIC NAME
"""

from __future__ import annotations

import json
import signal
import sys
import time
from typing import Any

GROUP = "order-processors"
SESSION_TIMEOUT_MS = 1500
ORDERS_A_SECOND = 250
COMMIT_INTERVAL_S = 0.5


def say(**event: Any) -> None:
    """One event, on a line of its own, out at once."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def produce(bootstrap: str, topic: str, orders: int, users: list[str]) -> None:
    """Send ``orders`` orders, user by user in turn, and say which were acknowledged, and where."""
    from kafka import KafkaProducer

    producer = KafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
    )
    say(event="producing")

    def acknowledged(order: int, user: str) -> Any:
        return lambda where: say(
            event="acknowledged", order=order, user=user, partition=where.partition, offset=where.offset
        )

    def failed(order: int) -> Any:
        return lambda error: say(event="failed", order=order, error=repr(error))

    started = time.monotonic()
    for order in range(orders):
        user = users[order % len(users)]
        future = producer.send(topic, key=user.encode(), value=json.dumps({"order": order, "user": user}).encode())
        future.add_callback(acknowledged(order, user))
        future.add_errback(failed(order))
        ahead = started + order / ORDERS_A_SECOND - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    producer.flush(timeout=60)
    producer.close()
    say(event="produced")


def consume(bootstrap: str, topic: str, name: str) -> None:
    """Consume as a member of the group until SIGTERM; say what was assigned, received and committed."""
    from kafka import ConsumerRebalanceListener, KafkaConsumer

    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=GROUP,
        client_id=name,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=SESSION_TIMEOUT_MS // 5,
    )

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
        def on_partitions_revoked(self, revoked: Any) -> None:
            say(event="revoked", member=name, partitions=sorted(p.partition for p in revoked))

        def on_partitions_assigned(self, assigned: Any) -> None:
            say(event="assigned", member=name, partitions=sorted(p.partition for p in assigned))

    consumer.subscribe([topic], listener=Listener())
    uncommitted = 0
    committed_at = time.monotonic()
    while not stopping:
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                order = json.loads(record.value)["order"]
                say(event="received", member=name, order=order, partition=record.partition, offset=record.offset)
                uncommitted += 1
        if uncommitted and time.monotonic() - committed_at >= COMMIT_INTERVAL_S:
            commit(consumer, name)
            uncommitted = 0
            committed_at = time.monotonic()
    if uncommitted:
        commit(consumer, name)
    consumer.close()
    say(event="closed", member=name)


def commit(consumer: Any, name: str) -> None:
    """Commit what was processed; a rebalance that came first means that the next owner processes it again."""
    from kafka.errors import CommitFailedError, KafkaError

    try:
        consumer.commit()
        say(event="committed", member=name)
    except (CommitFailedError, KafkaError) as error:
        say(event="commit-failed", member=name, error=type(error).__name__)


def main(arguments: list[str]) -> None:
    """Run one client."""
    if arguments[0] == "produce":
        produce(arguments[1], arguments[2], int(arguments[3]), arguments[4].split(","))
    else:
        consume(arguments[1], arguments[2], arguments[3])


if __name__ == "__main__":
    main(sys.argv[1:])
