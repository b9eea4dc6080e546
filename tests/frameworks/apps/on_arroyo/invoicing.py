"""Orders come in, an invoice goes out for each: ``python invoicing.py``."""

import json
import os
import signal
from collections.abc import Mapping

from arroyo import Partition, Topic
from arroyo.backends.kafka import KafkaConsumer, KafkaPayload, KafkaProducer
from arroyo.backends.kafka.configuration import (
    build_kafka_configuration,
    build_kafka_consumer_configuration,
)
from arroyo.processing import StreamProcessor
from arroyo.processing.strategies import (
    CommitOffsets,
    ProcessingStrategy,
    ProcessingStrategyFactory,
    Produce,
    RunTask,
)
from arroyo.types import Commit, Message

BROKERS = [os.environ["KAFKA_BOOTSTRAP_SERVERS"]]


def invoice(message: Message[KafkaPayload]) -> KafkaPayload:
    order = json.loads(message.payload.value)
    total = {"order": order["number"], "total": order["price"] * order["pieces"]}
    return KafkaPayload(message.payload.key, json.dumps(total).encode(), [])


class Invoicing(ProcessingStrategyFactory[KafkaPayload]):
    def __init__(self) -> None:
        self.producer = KafkaProducer(
            build_kafka_configuration({}, bootstrap_servers=BROKERS)
        )

    def create_with_partitions(
        self, commit: Commit, partitions: Mapping[Partition, int]
    ) -> ProcessingStrategy[KafkaPayload]:
        return RunTask(
            invoice, Produce(self.producer, Topic("invoices"), CommitOffsets(commit))
        )


consumer = KafkaConsumer(
    build_kafka_consumer_configuration(
        {"session.timeout.ms": 10_000},
        bootstrap_servers=BROKERS,
        group_id="invoicing",
        auto_offset_reset="earliest",
    )
)
processor = StreamProcessor(consumer, Topic("orders"), Invoicing())

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: processor.signal_shutdown())
    processor.run()
