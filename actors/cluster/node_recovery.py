"""Restarts nodes that a failure has ended, on their folders, as a service manager restarts a crashed process.

The first time at once, then after a wait that doubles each time (``Backoff``). A failed start (a folder that can't be
opened) is logged, and retried. A client's node isn't restarted: its user gets an error, and makes another client.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from actors.runtime.backoff import Backoff
from actors.runtime.failures import FailureWarning
from actors.runtime.logs import logger

if TYPE_CHECKING:
    from actors.cluster.nodes import Nodes
    from actors.runtime import Node
    from actors.runtime.failures import Failure


def warn_of(failure: Failure) -> None:
    """Warn the user of a cluster in the process at once. If warnings are errors, it is logged as well."""
    with suppress(FailureWarning):
        warnings.warn(str(failure), FailureWarning, stacklevel=1)


class NodeRecovery:
    """Brings failed nodes of one cluster back."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self._backoff = Backoff()
        nodes.world.failures.on_node_failed = self.node_failed
        nodes.world.failures.on_failure = warn_of

    def node_failed(self, node: Node, error: Exception) -> str:
        """Handle a node that has ended; returns what happens to it, for the log."""
        if self.nodes.nodes.get(node.node_id) is not node:
            return ""  # a client's
        if node.controller_alone:
            return "; it isn't restarted, as its broker was killed on purpose"
        when = self._boot_later(node.node_id)
        with suppress(OSError):  # without a spare descriptor another process may get its port
            if self.nodes.ports is not None:
                self.nodes.ports.keep(node.node_id)  # it keeps its port until it is back
        with suppress(OSError):  # a lock that can't be released is reported by the next claim
            self.nodes.leave(node)
        return f"; it is restarted {when}"

    def _boot_later(self, node_id: int) -> str:
        world = self.nodes.world
        now_us = world.clock.now_us()
        delay_ms = self._backoff.delay_ms(node_id, now_us)
        world.timers.at(now_us + delay_ms * 1_000, partial(self._boot, node_id), kind="NodeRecovers")
        return f"in {delay_ms / 1_000:g} s" if delay_ms else "at once"

    def _boot(self, node_id: int) -> None:
        nodes = self.nodes
        if nodes.closed or nodes.stops or nodes.nodes[node_id].alive:
            return
        try:
            nodes.boot_again(node_id)
        except Exception as error:  # noqa: BLE001 - whatever keeps it down, the others go on
            when = self._boot_later(node_id)
            logger("cluster").error(
                "node %d can't be started: %s; kstore retries %s", node_id, error, when, exc_info=error
            )
