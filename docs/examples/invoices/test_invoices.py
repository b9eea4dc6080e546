"""The application's tests. ``servers`` is where Kafka is: a fixture of the folder ``before`` or ``after``."""

import json

import pytest
from invoices import INVOICES, ORDERS, REJECTED, Invoicing
from kafka import KafkaConsumer, KafkaProducer


@pytest.fixture
def invoicing(servers):
    app = Invoicing(servers)
    yield app
    app.close()


def order(servers, *values):
    producer = KafkaProducer(bootstrap_servers=servers)
    for value in values:
        producer.send(ORDERS, value if isinstance(value, bytes) else json.dumps(value).encode())
    producer.close()


def step_until(app, count):
    """Let the application work until it has handled so many orders."""
    while count > 0:
        count -= app.step()


def content(servers, topic, count):
    """The first records of a topic."""
    consumer = KafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    values = [next(consumer).value for _ in range(count)]
    consumer.close()
    return values


def line(price, pieces):
    return {"price": price, "pieces": pieces}


def test_an_order_becomes_an_invoice(servers, invoicing):
    order(servers, {"customer": "ada", "lines": [line(5, 2), line(1, 3)]})
    step_until(invoicing, 1)
    assert json.loads(content(servers, INVOICES, 1)[0]) == {"customer": "ada", "total": 13}


def test_an_order_without_lines_is_an_invoice_of_nothing(servers, invoicing):
    order(servers, {"customer": "bob", "lines": []})
    step_until(invoicing, 1)
    assert json.loads(content(servers, INVOICES, 1)[0])["total"] == 0


@pytest.mark.parametrize("value", [b"not json", b"{}", b"[]", b'{"customer": "eve", "lines": 7}'])
def test_what_is_no_order_is_put_aside(servers, invoicing, value):
    order(servers, value, {"customer": "ada", "lines": []})
    step_until(invoicing, 2)
    assert content(servers, REJECTED, 1) == [value]


def test_many_orders_become_as_many_invoices(servers, invoicing):
    order(servers, *({"customer": f"c{number}", "lines": [line(number, 1)]} for number in range(200)))
    step_until(invoicing, 200)
    totals = [json.loads(value)["total"] for value in content(servers, INVOICES, 200)]
    assert sorted(totals) == list(range(200))


def test_an_application_that_starts_again_goes_on_where_it_was(servers):
    order(servers, {"customer": "ada", "lines": [line(1, 1)]})
    first = Invoicing(servers)
    step_until(first, 1)
    first.close()
    order(servers, {"customer": "bob", "lines": [line(2, 1)]})
    second = Invoicing(servers)
    step_until(second, 1)
    second.close()
    assert [json.loads(value)["total"] for value in content(servers, INVOICES, 2)] == [1, 2]
