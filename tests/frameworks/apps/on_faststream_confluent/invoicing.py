"""Orders come in, an invoice goes out for each: ``faststream run invoicing:app``."""

import os

from faststream import FastStream
from faststream.confluent import KafkaBroker
from pydantic import BaseModel


class Order(BaseModel):
    number: int
    price: int
    pieces: int


class Invoice(BaseModel):
    order: int
    total: int


broker = KafkaBroker(os.environ["KAFKA_BOOTSTRAP_SERVERS"])
app = FastStream(broker)


@broker.subscriber("orders", group_id="invoicing", auto_offset_reset="earliest")
@broker.publisher("invoices")
async def invoice(order: Order) -> Invoice:
    return Invoice(order=order.number, total=order.price * order.pieces)
