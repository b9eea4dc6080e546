"""The application on Kombu, whose queues are topics."""

import pytest
from kombu import Connection

from stories import ALL, HALF, ORDERS


class TestInvoicing:
    group = "orders-consumer-group"

    @pytest.fixture
    def connection(self, kafka, bootstrap):
        with Connection(
            f"confluentkafka://{bootstrap}", transport_options={"wait_time_seconds": 1}
        ) as connection:
            yield connection

    @pytest.fixture
    def run(self, kafka, start):
        kafka.make("orders", "invoices", partitions=1)
        return lambda: start("python", "invoicing.py")

    def put(self, connection, orders):
        with connection.SimpleQueue("orders") as queue:
            for _, order in orders:
                queue.put(order, serializer="json")

    def taken(self, connection, count):
        with connection.SimpleQueue("invoices") as queue:
            found = []
            for _ in range(count):
                message = queue.get(timeout=30)
                message.ack()
                found.append(message.payload["order"])
            return sorted(found)

    def test_each_order_becomes_an_invoice(self, connection, run):
        app = run()
        self.put(connection, ORDERS)
        assert self.taken(connection, len(ORDERS)) == ALL
        app.check()

    def test_what_was_read_is_committed(self, connection, kafka, run):
        run()
        self.put(connection, ORDERS)
        assert self.taken(connection, len(ORDERS)) == ALL
        kafka.wait_for_no_lag(self.group, "orders")

    def test_one_that_starts_again_goes_on_where_it_was(self, connection, kafka, run):
        first = run()
        self.put(connection, ORDERS[:HALF])
        assert self.taken(connection, HALF) == ALL[:HALF]
        kafka.wait_for_no_lag(self.group, "orders")
        first.stop()
        self.put(connection, ORDERS[HALF:])
        run()
        assert self.taken(connection, HALF) == ALL[HALF:]

    def test_a_queue_is_made_with_its_first_message(self, connection, kafka):
        with connection.SimpleQueue("fresh") as queue:
            queue.put({"number": 1}, serializer="json")
            message = queue.get(timeout=30)
            message.ack()
        assert message.payload == {"number": 1}
        assert "fresh" in kafka.names()

    def test_a_rejected_message_comes_again(self, connection, kafka):
        with connection.SimpleQueue("again") as queue:
            queue.put({"number": 1}, serializer="json")
            queue.get(timeout=30).requeue()
            message = queue.get(timeout=30)
            message.ack()
        assert message.payload == {"number": 1}
