"""The application on Kstreams."""

from stories import Invoicing


class TestInvoicing(Invoicing):
    command = ("python", "invoicing.py")
