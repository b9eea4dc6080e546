"""Orders come in, an invoice goes out for each: ``python invoicing.py``."""

import json
import os

import aiorun
from kstreams import ConsumerRecord, Send, create_engine
from kstreams.backends import Kafka

engine = create_engine(
    title="invoicing",
    backend=Kafka(bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"].split(",")),
)


@engine.stream("orders", group_id="invoicing", auto_offset_reset="earliest")
async def invoice(received: ConsumerRecord, send: Send) -> None:
    order = json.loads(received.value)
    total = {"order": order["number"], "total": order["price"] * order["pieces"]}
    await send("invoices", value=json.dumps(total).encode(), key=received.key)


async def shutdown(_) -> None:
    await engine.stop()


if __name__ == "__main__":
    aiorun.run(engine.start(), stop_on_unhandled_errors=True, shutdown_callback=shutdown)
