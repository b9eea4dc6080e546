"""Workers: programs that read, transform and write exactly once, as ``docs/delivery.md`` has it.

A group of them reads the inputs as committed reads bring them, and writes an output for each, in one transaction with
the offsets. After an abort a worker goes back to what was committed, or begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.errors import KafkaTimeout
from actors.simulation.transaction_history import SimulatedTransaction, TransactionOutcome, output
from actors.simulation.transactor import TransactionalProgram

if TYPE_CHECKING:
    from actors.clients.consumer.consumer import Consumer
    from actors.clients.consumer.records import ConsumerRecord
    from actors.clients.keywords.typed_dicts import ConsumerKeywords
    from actors.clients.producer.producer import Producer
    from actors.clients.structs import TopicPartition

POLL_MS = 300
PAUSE_MS = 500
RECORDS_MAX = (100, 1_000)
GROUP = "exactly-once"


class BeginAnew(Exception):
    """A worker lets its clients go and makes others."""


class SimulatedWorker(TransactionalProgram):
    """One member of the group, until the workload is done."""

    number = 0

    def is_wanted(self) -> bool:
        return not self.workload.done

    def live(self) -> None:
        while self.is_wanted() and not self.is_replaced:
            consumer = self.consumer(self.workload.topic, **self.keywords())
            try:
                self.reading = consumer
                super().live()
            except BeginAnew:
                pass
            finally:
                self.let_go(consumer)

    def keywords(self) -> ConsumerKeywords:
        """Those of its consumer; in a consumer group the broker has the session and the heartbeats."""
        keywords: ConsumerKeywords = {
            "group_id": GROUP,
            "enable_auto_commit": False,
            "max_poll_records": self.random.choice(RECORDS_MAX),
            "max_poll_interval_ms": 8_000,
        }
        if self.workload.worker_protocol == "consumer":
            return {**keywords, "group_protocol": "consumer"}
        return {**keywords, "session_timeout_ms": 3_000, "heartbeat_interval_ms": 400}

    def lost_producer(self) -> None:
        raise BeginAnew  # what its last transaction has read is to be read again

    def work(self, producer: Producer) -> None:
        consumer = self.reading
        if not self.workload.closing:
            self.pause(PAUSE_MS)
        records = consumer.poll(POLL_MS)
        if not records:
            return
        outcome = self.transact(producer, lambda transaction: self.transform(producer, transaction, records))
        if outcome is TransactionOutcome.ABORTED:
            if self.random.random() < 0.3:
                raise BeginAnew
            self.seek_to_committed(consumer)

    def transform(
        self, producer: Producer, transaction: SimulatedTransaction, records: dict[TopicPartition, list[ConsumerRecord]]
    ) -> None:
        """Write the outputs, and the offsets up to which they are made."""
        workload = self.workload
        for partition in records:
            for record in records[partition]:
                target = workload.outputs, self.random.choice(workload.partitions)
                value = output(self.label, self.number, record.value)
                self.number += 1
                self.history.wrote(transaction, value, target)
                producer.send(target[0], value, key=self.random.choice(workload.keys), partition=target[1])
        if not workload.closing and self.random.random() < 0.1:
            self.pause(2_000)
        offsets = {each: self.reading.position(each) for each in records}
        producer.send_offsets_to_transaction(offsets, self.reading.group_metadata())

    def seek_to_committed(self, consumer: Consumer) -> None:
        """Read on from where the last transaction that was committed has ended. A coordinator that has been replaced,
        and doesn't know it yet, tells what it knew, as Kafka's does: then begin anew.
        """
        began_us = self.cluster.world.clock.now_us()
        try:
            found = consumer.committed(sorted(consumer.assignment()))  # a set has the order of its strings' hashes
        except KafkaTimeout:
            raise BeginAnew from None
        if self.history.plain.ownership.is_outdated(GROUP, began_us):
            raise BeginAnew
        for partition, offset in found.items():
            consumer.seek(partition, offset) if offset else consumer.seek_to_beginning(partition)
