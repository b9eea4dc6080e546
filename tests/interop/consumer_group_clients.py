"""The clients of ``docs/compatibility.md`` as members of consumer groups (KIP-848). A table."""

from __future__ import annotations

from kstore.named import NamedTuple


class ConsumerGroupClient(NamedTuple):
    """``asked_by`` is what selects the protocol, empty in a client that has none of it."""

    title: str
    tried: str
    asked_by: str
    tried_by: str


CONSUMER_GROUP_CLIENTS = (
    ConsumerGroupClient("Apache Kafka's Java client", "4.4.0", "`group.protocol=consumer`", "`make test-oracle`"),
    ConsumerGroupClient(
        "confluent-kafka (librdkafka)", "2.11.0, 2.12.0, 2.16.1", "`group.protocol=consumer`", "`make test`"
    ),
    ConsumerGroupClient("franz-go", "1.22.3", "`kgo.ServerSideBalancer()`", "`make test-oracle`"),
    ConsumerGroupClient("kstore's own `Consumer`", "0.1.0", '`group_protocol="consumer"`', "`make test`"),
    ConsumerGroupClient("kafka-python", "3.0.12", "", "classic groups only"),
    ConsumerGroupClient("aiokafka", "0.14.0", "", "classic groups only"),
)
