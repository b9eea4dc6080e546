"""The application on Arroyo."""

from stories import Invoicing


class TestInvoicing(Invoicing):
    command = ("python", "invoicing.py")
