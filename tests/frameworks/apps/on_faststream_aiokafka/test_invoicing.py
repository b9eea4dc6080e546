"""The application on FastStream with aiokafka."""

from stories import Invoicing, OddOrders


class TestInvoicing(Invoicing, OddOrders):
    command = ("faststream", "run", "invoicing:app")
