"""The application on Kafka Streams, in Java."""

import os

from stories import Changelog, ExactlyOnce, Invoicing


class TestOrders(Invoicing, Changelog, ExactlyOnce):
    command = (
        "java",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        f"{os.environ.get('JARS', 'libs')}/*",
        "Orders.java",
    )
    changelog = "invoicing-total-of-changelog"
    exactly_once = "exactly_once_v2"
