"""The clients whose transactions are tried, as ``docs/compatibility.md`` lists them. A table."""

from __future__ import annotations

from kstore.named import NamedTuple


class TransactionalClient(NamedTuple):
    """``fenced`` is what it calls the error of a producer whose id another one has taken over (sarama: Kafka's number).

    ``knows_second``: it speaks the second transaction protocol (KIP-890) where the cluster has agreed on it.
    """

    title: str
    fenced: str
    knows_second: bool = False


TRANSACTIONAL_CLIENTS = {
    "kafka-python": TransactionalClient("kafka-python", "ProducerFencedError"),
    "confluent-kafka": TransactionalClient("confluent-kafka (librdkafka)", "_FENCED"),
    "aiokafka": TransactionalClient("aiokafka", "ProducerFenced"),
    "franz-go": TransactionalClient("franz-go", "PRODUCER_FENCED", knows_second=True),
    "sarama": TransactionalClient("sarama", "90"),
    "kafkajs": TransactionalClient("kafkajs", "INVALID_PRODUCER_EPOCH"),
    "java": TransactionalClient("Apache Kafka's Java client", "ProducerFencedException", knows_second=True),
}
"""By the name that a test calls it by."""
