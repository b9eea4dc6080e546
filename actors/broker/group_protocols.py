"""Which protocols of groups a broker serves: all classic ones, and the consumer protocol (KIP-848) where it is on.

It is on in a cluster whose ``group.version`` is 1, on brokers whose ``group.coordinator.rebalance.protocols`` have it.
Where it is off, its requests are answered with UNSUPPORTED_VERSION, though ApiVersions has their keys, as in Apache
Kafka (``KafkaApis``). Groups that are there already stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.image.feature_names import GROUP_VERSION

if TYPE_CHECKING:
    from actors.node.view import View

CONSUMER = "consumer"


def serves_consumer_groups(view: View) -> bool:
    """Whether requests of the consumer protocol are served."""
    is_on = view.image.features.get(GROUP_VERSION, 0) > 0
    return is_on and CONSUMER in view.config.strings("group.coordinator.rebalance.protocols")
