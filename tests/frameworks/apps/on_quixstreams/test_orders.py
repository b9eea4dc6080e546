"""The application on Quix Streams."""

from stories import Changelog, ExactlyOnce, Invoicing


class TestOrders(Invoicing, Changelog, ExactlyOnce):
    command = ("python", "orders.py")
    changelog = "changelog__invoicing--orders--default"
    exactly_once = "exactly-once"
