"""Orders come in; invoices and each customer's total so far go out.

``python orders.py``
"""

import os

from quixstreams import Application, State

app = Application(
    broker_address=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
    consumer_group="invoicing",
    auto_offset_reset="earliest",
    consumer_extra_config={"session.timeout.ms": 10_000},
    processing_guarantee=os.environ.get("PROCESSING", "at-least-once"),
    state_dir=os.environ.get("STATE_DIR", "state"),
)
orders = app.topic("orders", value_deserializer="json")
invoices = app.topic("invoices", value_serializer="json")
totals = app.topic("totals", value_serializer="json")


def add(order: dict, state: State) -> dict:
    total = state.get("total", 0) + order["price"] * order["pieces"]
    state.set("total", total)
    return {"customer": order["customer"], "total": total}


received = app.dataframe(orders)
received.apply(
    lambda order: {"order": order["number"], "total": order["price"] * order["pieces"]}
).to_topic(invoices)
received.apply(add, stateful=True).to_topic(totals)

if __name__ == "__main__":
    app.run()
