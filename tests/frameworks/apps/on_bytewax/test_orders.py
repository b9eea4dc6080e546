"""The application on Bytewax, which reads without a group and keeps state and positions in a folder of its own."""

import subprocess
import sys

import pytest

from stories import ALL, HALF, ORDERS, Service, expected_totals, numbers, totals


class TestOrders(Service):
    command = ("python", "-m", "bytewax.run", "orders:flow")

    @pytest.fixture
    def recovery(self, tmp_path):
        folder = tmp_path / "recovery"
        folder.mkdir()
        subprocess.run(
            [sys.executable, "-m", "bytewax.recovery", str(folder), "1"], check=True
        )
        return ("-r", str(folder), "-s", "1", "-b", "0")

    def test_each_order_becomes_an_invoice(self, topics, run):
        app = run()
        topics.send("orders", ORDERS)
        assert numbers(topics.read("invoices", len(ORDERS), check=app.check)) == ALL

    def test_totals_are_kept_by_customer(self, topics, run):
        app = run()
        topics.send("orders", ORDERS)
        assert totals(
            topics.read("totals", len(ORDERS), check=app.check)
        ) == expected_totals(ORDERS)

    def test_two_workers_share_the_partitions(self, topics, start):
        app = start(*self.command, "-w", "2")
        topics.send("orders", ORDERS)
        assert numbers(topics.read("invoices", len(ORDERS), check=app.check)) == ALL

    def test_totals_go_on_after_a_crash(self, topics, start, recovery):
        first = start(*self.command, *recovery)
        topics.send("orders", ORDERS[:HALF])
        topics.read("totals", HALF, check=first.check)
        first.kill()
        topics.send("orders", ORDERS[HALF:])
        again = start(*self.command, *recovery)
        expected = expected_totals(ORDERS)
        found = topics.read(
            "totals", lambda found: totals(found) == expected, check=again.check
        )
        assert len(found) >= len(ORDERS)
