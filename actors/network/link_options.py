"""Options of a link over TCP: timeouts, and the node that it should reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    class LinkConfig(Protocol):
        """The part of a client's keywords that is about its connections."""

        client_id: str
        connections_max_idle_ms: int
        metadata_cluster_check_enable: bool
        reconnect_backoff_max_ms: int
        reconnect_backoff_ms: int
        socket_connection_setup_timeout_ms: int


class LinkOptions:
    """Options of a link: times in milliseconds, ``client_id`` for the broker's logs and quotas.

    ``node_id`` is the intended broker (-1: any), ``cluster_id`` its cluster.
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
