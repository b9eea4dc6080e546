"""Orders come in; invoices and each customer's total so far go out.

``python orders.py``
"""

import os

import pathway as pw

SETTINGS = {
    "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
    "group.id": "invoicing",
    "auto.offset.reset": "earliest",
    "session.timeout.ms": "6000",
}


class Order(pw.Schema):
    number: int
    customer: str
    price: int
    pieces: int


orders = pw.io.kafka.read(
    SETTINGS, topic="orders", schema=Order, format="json", autocommit_duration_ms=100
)
invoices = orders.select(order=pw.this.number, total=pw.this.price * pw.this.pieces)
totals = orders.groupby(pw.this.customer).reduce(
    customer=pw.this.customer, total=pw.reducers.sum(pw.this.price * pw.this.pieces)
)
pw.io.kafka.write(invoices, SETTINGS, topic_name="invoices", format="json")
pw.io.kafka.write(totals, SETTINGS, topic_name="totals", format="json")

if __name__ == "__main__":
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
