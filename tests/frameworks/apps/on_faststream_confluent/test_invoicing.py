"""The application on FastStream with confluent-kafka."""

from stories import Invoicing, OddOrders


class TestInvoicing(Invoicing, OddOrders):
    command = ("faststream", "run", "invoicing:app")
