"""Orders come in; invoices and each customer's total so far go out.

``faust -A orders worker``
"""

import os

import faust

app = faust.App(
    "invoicing",
    broker=f"kafka://{os.environ['KAFKA_BOOTSTRAP_SERVERS']}",
    processing_guarantee=os.environ.get("PROCESSING", "at_least_once"),
    datadir=os.environ.get("STATE_DIR", "state"),
    topic_partitions=3,
    broker_session_timeout=10,
)


class Order(faust.Record, serializer="json"):
    number: int
    customer: str
    price: int
    pieces: int


orders = app.topic("orders", key_type=str, value_type=Order)
invoices = app.topic("invoices")
totals = app.topic("totals")
total_of = app.Table("total_of", default=int)


@app.agent(orders)
async def invoice(received: faust.Stream[Order]) -> None:
    async for order in received:
        total = order.price * order.pieces
        total_of[order.customer] += total
        await invoices.send(value={"order": order.number, "total": total})
        await totals.send(
            value={"customer": order.customer, "total": total_of[order.customer]}
        )
