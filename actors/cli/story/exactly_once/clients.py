"""The clients of the exactly-once story, each a process of its own, with kstore's Producer and Consumer over TCP.

They print one JSON object a line, which the demo reads. A worker makes invoices from orders, in transactions; after
SIGUSR1 it stops in the middle of its next one, with the invoices in the log, until it gets SIGCONT. A reader says what
it sees at its isolation level. Each ends in order on SIGTERM.

    python -m actors.cli.story.exactly_once.clients work BOOTSTRAP NAME TRANSACTIONAL_ID
    python -m actors.cli.story.exactly_once.clients read BOOTSTRAP ISOLATION_LEVEL
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from actors.cli.story.clients import SESSION_TIMEOUT_MS, say, until_terminated
from kstore import Consumer, ConsumerRebalanceListener, Producer, TopicPartition
from kstore.errors import KafkaError, ProducerFenced

if TYPE_CHECKING:
    from kstore import ConsumerRecord

ORDERS, INVOICES = "orders", "invoices"
GROUP = "invoicing"
POLL_MS = 100
RECORDS_A_TRANSACTION = 100


class Worker(ConsumerRebalanceListener):
    """Reads orders and writes invoices: both, and the group's offsets, in one transaction."""

    def __init__(self, bootstrap: str, name: str, transactional_id: str) -> None:
        self.name = name
        self.is_to_stop = self.is_stopped = False
        signal.signal(signal.SIGUSR1, self._stop_soon)
        signal.signal(signal.SIGCONT, self._go_on)
        self.producer = Producer(bootstrap_servers=bootstrap, transactional_id=transactional_id, client_id=name)
        self.producer.init_transactions()
        say(event="ready", worker=name)
        self.consumer = Consumer(
            bootstrap_servers=bootstrap,
            group_id=GROUP,
            client_id=name,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            max_poll_records=RECORDS_A_TRANSACTION,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=SESSION_TIMEOUT_MS // 5,
        )
        self.consumer.subscribe([ORDERS], listener=self)

    def _stop_soon(self, *_: object) -> None:
        self.is_to_stop = True

    def _go_on(self, *_: object) -> None:
        self.is_stopped = False

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Others read them from now on; no transaction is open between two polls."""
        say(event="revoked", worker=self.name, partitions=sorted(p.partition for p in revoked))

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """What it reads from now on."""
        say(event="assigned", worker=self.name, partitions=sorted(p.partition for p in assigned))

    def work(self) -> None:
        """One transaction, if there are orders. Raises ProducerFenced if another worker has taken this one's place."""
        records = self.consumer.poll(timeout_ms=POLL_MS)
        if not records:
            return
        orders = [record for each in records.values() for record in each]
        try:
            with self.producer.transaction():
                self._write(orders)
                offsets = {partition: self.consumer.position(partition) for partition in records}
                self.producer.send_offsets_to_transaction(offsets, self.consumer.group_metadata())
                if self.is_to_stop:
                    self._stop_in_the_middle(len(orders))
            say(event="committed", worker=self.name, invoices=len(orders))
        except ProducerFenced:
            raise
        except KafkaError as error:  # such as a rebalance that came first: it is aborted, and done again
            say(event="aborted", worker=self.name, error=type(error).__name__)
            self._seek_to_committed()

    def _write(self, orders: list[ConsumerRecord]) -> None:
        for record in orders:
            order = json.loads(record.value)
            value = json.dumps({"order": order["order"], "user": order["user"], "by": self.name}).encode()
            self.producer.send(INVOICES, key=record.key, value=value)

    def _stop_in_the_middle(self, invoices: int) -> None:
        self.is_to_stop, self.is_stopped = False, True
        self.producer.flush()
        say(event="uncommitted", worker=self.name, invoices=invoices)
        while self.is_stopped:
            time.sleep(0.02)

    def _seek_to_committed(self) -> None:
        for partition, at in self.consumer.committed(self.consumer.assignment()).items():
            if at:
                self.consumer.seek(partition, at)
            else:
                self.consumer.seek_to_beginning(partition)


def work(bootstrap: str, name: str, transactional_id: str) -> None:
    """Work until told to end, or until another worker with the same id has taken over."""
    stopping = until_terminated()
    worker = Worker(bootstrap, name, transactional_id)
    try:
        while not stopping:
            worker.work()
    except ProducerFenced as error:
        say(event="fenced", worker=name, error=type(error).__name__)
    worker.consumer.close()
    worker.producer.close()
    say(event="closed", worker=name)


def read(bootstrap: str, isolation_level: str) -> None:
    """Read all invoices; say which, and how far."""
    stopping = until_terminated()
    consumer = Consumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level=isolation_level, client_id="reader"
    )
    partitions = [TopicPartition(INVOICES, number) for number in sorted(consumer.partitions_for_topic(INVOICES) or ())]
    consumer.assign(partitions)
    said: dict[str, int] = {}
    while not stopping:
        records = consumer.poll(timeout_ms=POLL_MS)
        invoices = [json.loads(record.value) for partition in sorted(records) for record in records[partition]]
        following = {str(partition.partition): consumer.position(partition) for partition in partitions}
        if invoices or following != said:
            seen = [[invoice["order"], invoice["user"]] for invoice in invoices]
            say(event="seen", reader=isolation_level, invoices=seen, next=following)
            said = following
    consumer.close()


def main(arguments: list[str]) -> None:
    """Run one client."""
    if arguments[0] == "work":
        work(*arguments[1:])
    else:
        read(*arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
