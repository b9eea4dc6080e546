"""A node that ended by a failure is booted again on its folder, as a service manager does with a process that crashed.

At once the first time, later each time after twice as long, up to ``DELAY_S_MAX``; a node that has lived for
``CALM_S`` counts as sound again. What keeps it from booting (a folder that can't be opened) is logged, and tried again.
A client's node isn't booted again: its user is told, and makes another client.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from actors.runtime.failures import FailureWarning
from actors.runtime.logs import logger

if TYPE_CHECKING:
    from actors.cluster.nodes import Nodes
    from actors.runtime import Node
    from actors.runtime.failures import Failure

FIRST_DELAY_S = 0.1
DELAY_S_MAX = 30
CALM_S = 60


def warn_of(failure: Failure) -> None:
    """Warn the user of a cluster in the process at once. Where warnings are errors, it is logged all the same."""
    with suppress(FailureWarning):
        warnings.warn(str(failure), FailureWarning, stacklevel=1)


class Recovering:
    """Brings failed nodes of one cluster back."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self._times: dict[int, int] = {}
        self._last_us: dict[int, int] = {}
        nodes.world.failures.on_node_failed = self.node_failed
        nodes.world.failures.on_failure = warn_of

    def node_failed(self, node: Node, error: Exception) -> str:
        """A node has ended; what becomes of it, for the log."""
        if self.nodes.nodes.get(node.node_id) is not node:
            return ""  # a client's
        if node.controller_alone:
            return "; it isn't booted again, as its broker was killed on purpose"
        when = self._boot_later(node.node_id)
        with suppress(OSError):  # without a descriptor to spare somebody else may get its port
            if self.nodes.ports is not None:
                self.nodes.ports.keep(node.node_id)  # its port is its own until it is back
        with suppress(OSError):  # a lock that can't be given up is the next claim's to name
            self.nodes.leave(node)
        return f"; it is booted again {when}"

    def _boot_later(self, node_id: int) -> str:
        world = self.nodes.world
        now_us = world.clock.now_us()
        if now_us - self._last_us.get(node_id, now_us) > CALM_S * 1_000_000:
            self._times.pop(node_id, None)
        self._last_us[node_id] = now_us
        times = self._times[node_id] = self._times.get(node_id, 0) + 1
        delay_s = 0 if times == 1 else min(FIRST_DELAY_S * 2 ** min(times - 2, 30), DELAY_S_MAX)
        world.timers.at(now_us + round(delay_s * 1e6), partial(self._boot, node_id), kind="NodeRecovers")
        return "at once" if not delay_s else f"in {delay_s:g} s"

    def _boot(self, node_id: int) -> None:
        nodes = self.nodes
        if nodes.closed or nodes.stops or nodes.nodes[node_id].alive:
            return
        try:
            nodes.boot_again(node_id)
        except Exception as error:  # noqa: BLE001 - whatever keeps it down, the others go on
            when = self._boot_later(node_id)
            logger("cluster").error("node %d can't be booted: %s; tried again %s", node_id, error, when, exc_info=error)
