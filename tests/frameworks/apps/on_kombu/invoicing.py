"""Orders come in by a queue, an invoice goes out by another for each.

``python invoicing.py``
"""

import os
import signal

from kombu import Connection, Queue
from kombu.message import Message
from kombu.mixins import ConsumerProducerMixin

BROKER = f"confluentkafka://{os.environ['KAFKA_BOOTSTRAP_SERVERS']}"
OPTIONS = {"wait_time_seconds": 1}
ORDERS, INVOICES = Queue("orders"), Queue("invoices")


class Invoicing(ConsumerProducerMixin):
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def get_consumers(self, Consumer, channel):  # noqa: N803
        return [
            Consumer(
                queues=[ORDERS],
                callbacks=[self.invoice],
                accept=["json"],
                prefetch_count=10,
            )
        ]

    def invoice(self, order: dict, message: Message) -> None:
        total = {"order": order["number"], "total": order["price"] * order["pieces"]}
        self.producer.publish(
            total, routing_key=INVOICES.name, declare=[INVOICES], serializer="json"
        )
        message.ack()


if __name__ == "__main__":
    with Connection(BROKER, transport_options=OPTIONS) as connection:
        invoicing = Invoicing(connection)
        signal.signal(signal.SIGTERM, lambda *_: setattr(invoicing, "should_stop", True))
        invoicing.run()
