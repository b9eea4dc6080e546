"""A small application: it reads orders and writes an invoice for each; what isn't an order goes to a topic of its own.

Written for kafka-python. It knows nothing of how it is tested.
"""

import json

from kafka import KafkaConsumer, KafkaProducer

ORDERS, INVOICES, REJECTED = "orders", "invoices", "orders-rejected"


class Invoicing:
    """At-least-once: an order's offset is committed when its invoice is acknowledged."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.consumer = KafkaConsumer(
            ORDERS,
            bootstrap_servers=bootstrap_servers,
            group_id="invoicing",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        self.producer = KafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", key_serializer=str.encode)

    def step(self, timeout_ms: int = 1000) -> int:
        """Handle what has come; returns how many orders that was."""
        records = [each for batch in self.consumer.poll(timeout_ms=timeout_ms).values() for each in batch]
        for record in records:
            self.handle(record.value)
        self.producer.flush()
        if records:
            self.consumer.commit()
        return len(records)

    def handle(self, value: bytes) -> None:
        try:
            order = json.loads(value)
            total = sum(line["price"] * line["pieces"] for line in order["lines"])
            customer = order["customer"]
        except (ValueError, KeyError, TypeError):
            self.producer.send(REJECTED, key="", value=value)
        else:
            invoice = {"customer": customer, "total": total}
            self.producer.send(INVOICES, key=customer, value=json.dumps(invoice).encode())

    def close(self) -> None:
        self.producer.close()
        self.consumer.close()
