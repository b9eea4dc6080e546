"""Orders come in; invoices and each customer's total so far go out.

``python -m bytewax.run orders:flow``
"""

import json
import os

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow

BROKERS = [os.environ["KAFKA_BOOTSTRAP_SERVERS"]]


def invoice(order: dict) -> dict:
    return {"order": order["number"], "total": order["price"] * order["pieces"]}


def add(total: int | None, order: dict) -> tuple[int, int]:
    total = (total or 0) + order["price"] * order["pieces"]
    return total, total


def as_message(value: dict) -> KafkaSinkMessage:
    return KafkaSinkMessage(None, json.dumps(value).encode())


def as_order(message: KafkaSourceMessage) -> dict:
    return json.loads(message.value)


flow = Dataflow("invoicing")
received = kop.input("received", flow, brokers=BROKERS, topics=["orders"])
orders = op.map("orders", received.oks, as_order)
invoices = op.map("invoices", orders, invoice)
kop.output(
    "invoices-out",
    op.map("invoice-messages", invoices, as_message),
    brokers=BROKERS,
    topic="invoices",
)
by_customer = op.key_on("by-customer", orders, lambda order: order["customer"])
totals = op.stateful_map("totals", by_customer, add)
named = op.map("named", totals, lambda pair: {"customer": pair[0], "total": pair[1]})
kop.output(
    "totals-out",
    op.map("total-messages", named, as_message),
    brokers=BROKERS,
    topic="totals",
)
