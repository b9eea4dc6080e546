"""The application on Pathway."""

from stories import ALL, ORDERS, Service, expected_totals, numbers, totals


class TestOrders(Service):
    command = ("python", "orders.py")

    def test_each_order_becomes_an_invoice(self, topics, run):
        app = run()
        topics.send("orders", ORDERS)
        assert numbers(topics.read("invoices", len(ORDERS), check=app.check)) == ALL

    def test_totals_are_kept_by_customer(self, topics, run):
        app = run()
        topics.send("orders", ORDERS)
        expected = expected_totals(ORDERS)
        topics.read("totals", lambda found: totals(found) == expected, check=app.check)
