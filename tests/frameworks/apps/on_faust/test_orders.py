"""The application on Faust."""

from waiting import wait_until

from application import Application
from stories import Changelog, ExactlyOnce, Invoicing

READY = "Worker ready"
REBALANCING = (
    "Revoking previously assigned partitions",
    "Setting newly assigned partitions",
)


class TestOrders(Invoicing, Changelog, ExactlyOnce):
    command = ("faust", "-A", "orders", "worker", "--without-web", "-l", "info")
    changelog = "invoicing-total_of-changelog"
    exactly_once = "exactly_once"
    loses_while_it_recovers = True

    def wait_until_ready(self, app: Application) -> None:
        def is_ready() -> bool:
            app.check()
            printed = app.printed()
            return printed.rfind(READY) > max(map(printed.rfind, REBALANCING))

        wait_until(is_ready, what="Faust is ready after the last rebalance", timeout_s=60)
