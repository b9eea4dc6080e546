"""What a link over TCP is told when it is made: how long things may take, and who is meant at its other end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    class LinkConfig(Protocol):
        """What of a client's keywords is about its connections."""

        client_id: str
        connections_max_idle_ms: int
        metadata_cluster_check_enable: bool
        reconnect_backoff_max_ms: int
        reconnect_backoff_ms: int
        socket_connection_setup_timeout_ms: int


class LinkOptions:
    """How a link is to behave: times in milliseconds, ``client_id`` as the broker's logs and quotas know it.

    ``node_id`` is the broker that is meant (-1: any that is there), of the cluster whose id ``cluster_id`` gives.
    """

    def __init__(
        self, config: LinkConfig, node_id: int = -1, cluster_id: Callable[[], str | None] = lambda: None
    ) -> None:
        self.node_id = node_id if config.metadata_cluster_check_enable else -1
        self.cluster_id = cluster_id
        self.client_id: str = config.client_id
        self.setup_timeout_us = config.socket_connection_setup_timeout_ms * 1000
        self.backoff_ms = config.reconnect_backoff_ms
        self.backoff_ms_max = max(config.reconnect_backoff_max_ms, config.reconnect_backoff_ms)
        self.idle_us_max = config.connections_max_idle_ms * 1000 if config.connections_max_idle_ms > 0 else None
