"""What every application of a kind is asked to do: the tests, which each framework's own test file takes over.

All of them read ``orders``: ``{"number": 7, "customer": "c1", "price": 7, "pieces": 2}``, by the customer's key.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from application import Application
from topics import Read, Topics

ORDERS: list[tuple[str, dict[str, Any]]] = [
    (f"c{n % 7}", {"number": n, "customer": f"c{n % 7}", "price": n, "pieces": 2})
    for n in range(200)
]
ALL = list(range(len(ORDERS)))
HALF = len(ORDERS) // 2
Start = Callable[..., Application]


def numbers(found: list[Read]) -> list[int]:
    """The orders that invoices are for."""
    return sorted(read.value["order"] for read in found)


class Service:
    """An application that runs until it is stopped, and reads as a member of a group."""

    command: tuple[str, ...]
    group = "invoicing"
    loses_while_it_recovers = False
    """Whether it may lose what comes while it recovers its tables. Faust does, on Apache Kafka as well."""

    def wait_until_ready(self, app: Application) -> None:
        """For one of which the above is true."""

    @pytest.fixture
    def topics(self, kafka: Topics) -> Topics:
        kafka.make("orders", "invoices", "totals")
        return kafka

    @pytest.fixture
    def run(self, topics: Topics, start: Start) -> Start:
        return lambda **variables: start(*self.command, **variables)

    def send_the_rest(self, topics: Topics, app: Application) -> None:
        """The second half of the orders, to an application that was started again."""
        self.wait_until_ready(app)
        topics.send("orders", ORDERS[HALF:])


class Invoicing(Service):
    """``{"order": 7, "total": 14}`` goes to ``invoices`` for each order."""

    def test_each_order_becomes_an_invoice(self, topics: Topics, run: Start) -> None:
        app = run()
        topics.send("orders", ORDERS)
        found = topics.read("invoices", len(ORDERS), check=app.check)
        assert numbers(found) == ALL
        assert all(read.value["total"] == 2 * read.value["order"] for read in found)

    def test_what_was_read_is_committed(self, topics: Topics, run: Start) -> None:
        app = run()
        topics.send("orders", ORDERS)
        topics.read("invoices", len(ORDERS), check=app.check)
        topics.wait_for_no_lag(self.group, "orders")

    def test_one_that_starts_again_goes_on_where_it_was(
        self, topics: Topics, run: Start
    ) -> None:
        first = run()
        topics.send("orders", ORDERS[:HALF])
        topics.read("invoices", HALF, check=first.check)
        first.stop()
        second = run()
        self.send_the_rest(topics, second)
        assert numbers(topics.read("invoices", len(ORDERS), check=second.check)) == ALL

    def test_two_of_them_share_the_partitions(
        self, topics: Topics, run: Start, tmp_path: Path
    ) -> None:
        first, second = run(), run(STATE_DIR=str(tmp_path / "second"))
        topics.wait_for_members(
            self.group, "orders", 2, check=lambda: first.check() or second.check()
        )
        self.wait_until_ready(first)
        self.wait_until_ready(second)
        topics.send("orders", ORDERS)
        assert numbers(topics.read("invoices", len(ORDERS), check=first.check)) == ALL

    def test_one_goes_on_alone_when_the_other_is_killed(
        self, topics: Topics, run: Start, tmp_path: Path
    ) -> None:
        first, second = run(), run(STATE_DIR=str(tmp_path / "second"))
        topics.wait_for_members(
            self.group, "orders", 2, check=lambda: first.check() or second.check()
        )
        first.kill()
        if self.loses_while_it_recovers:
            topics.wait_for_members(self.group, "orders", 1, check=second.check)
        self.wait_until_ready(second)
        topics.send("orders", ORDERS)
        found = topics.read(
            "invoices", lambda found: set(numbers(found)) == set(ALL), check=second.check
        )
        assert len(found) >= len(ORDERS)
        topics.wait_for_members(self.group, "orders", 1, check=second.check)


class OddOrders(Service):
    """An application that leaves out what is no order."""

    def test_what_is_no_order_does_not_stop_the_others(
        self, topics: Topics, run: Start
    ) -> None:
        app = run()
        topics.send("orders", [("c1", b"not json"), *ORDERS, ("c2", {"number": "seven"})])
        assert numbers(topics.read("invoices", len(ORDERS), check=app.check)) == ALL


def expected_totals(orders: list[tuple[str, dict[str, Any]]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for _, order in orders:
        totals[order["customer"]] = (
            totals.get(order["customer"], 0) + order["price"] * order["pieces"]
        )
    return totals


def totals(found: list[Read]) -> dict[str, int]:
    """The highest total of each customer, which is the last: they lie in several partitions."""
    highest: dict[str, int] = {}
    for read in found:
        highest[read.value["customer"]] = max(
            read.value["total"], highest.get(read.value["customer"], 0)
        )
    return highest


class Totals(Service):
    """The customer's total so far, ``{"customer": "c1", "total": 14}``, goes to ``totals`` with each order."""

    def _stopped_after_half(self, topics: Topics, app: Application) -> None:
        topics.send("orders", ORDERS[:HALF])
        topics.read("totals", HALF, check=app.check)
        topics.wait_for_no_lag(self.group, "orders")
        app.stop()

    def test_totals_are_kept_by_customer(self, topics: Topics, run: Start) -> None:
        app = run()
        topics.send("orders", ORDERS)
        assert totals(
            topics.read("totals", len(ORDERS), check=app.check)
        ) == expected_totals(ORDERS)

    def test_totals_go_on_after_a_restart(self, topics: Topics, run: Start) -> None:
        self._stopped_after_half(topics, run())
        again = run()
        self.send_the_rest(topics, again)
        assert totals(
            topics.read("totals", len(ORDERS), check=again.check)
        ) == expected_totals(ORDERS)


class Changelog(Totals):
    """The totals are in a topic as well, from which they come back when the disk is gone."""

    changelog: str

    def test_totals_come_back_from_the_changelog(
        self, topics: Topics, run: Start, tmp_path: Path
    ) -> None:
        self._stopped_after_half(topics, run())
        again = run(STATE_DIR=str(tmp_path / "another"))
        self.send_the_rest(topics, again)
        assert totals(
            topics.read("totals", len(ORDERS), check=again.check)
        ) == expected_totals(ORDERS)

    def test_the_changelog_is_a_compacted_topic(self, topics: Topics, run: Start) -> None:
        app = run()
        topics.send("orders", ORDERS)
        topics.read(self.changelog, 7, check=app.check)
        assert topics.config(self.changelog)["cleanup.policy"] == "compact"


class ExactlyOnce(Service):
    """An application that can be told to work by transactions, in its own words for it."""

    exactly_once: str

    def test_invoices_come_once_by_transactions(self, topics: Topics, run: Start) -> None:
        app = run(PROCESSING=self.exactly_once)
        topics.send("orders", ORDERS)
        assert numbers(topics.read("invoices", len(ORDERS), check=app.check)) == ALL
        topics.wait_for_no_lag(self.group, "orders")
