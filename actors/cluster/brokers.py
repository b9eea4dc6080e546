"""``cluster.brokers``: small objects that show the current state of each broker, and keep none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from actors.cluster.surviving_controller import has_controller
from actors.network.addresses import in_process

if TYPE_CHECKING:
    from actors.cluster.nodes import Nodes


class ClusterBroker:
    """One broker, alive or dead, through all its restarts."""

    __slots__ = ("_nodes", "id")

    def __init__(self, nodes: Nodes, broker_id: int) -> None:
        self._nodes = nodes
        self.id = broker_id

    @property
    def alive(self) -> bool:
        """Whether it runs (paused or not)."""
        return self._nodes.nodes.get(self.id) in self._nodes.living()

    @property
    def paused(self) -> bool:
        """Whether ``faults.pause`` stopped it."""
        return self.alive and self._nodes.nodes[self.id].is_paused

    @property
    def incarnation(self) -> int:
        """How often it was started: 1 for the first time."""
        return self._nodes.incarnations[self.id]

    @property
    def is_controller(self) -> bool:
        """Whether the active controller is on its node; the controller goes on when the broker is dead or paused."""
        return has_controller(self._nodes.nodes[self.id])

    @property
    def host(self) -> str:
        """The advertised host; without a listener, a name that only clients in the process use."""
        ports = self._nodes.ports
        return in_process(self.id)[0] if ports is None else str(ports.addresses[self.id][0])

    @property
    def port(self) -> int:
        """The advertised port; without a listener 9092, which isn't listened on."""
        ports = self._nodes.ports
        return in_process(self.id)[1] if ports is None else int(ports.addresses[self.id][1])

    @property
    def folder(self) -> str | None:
        """Its log directory, or None when it is in memory."""
        return None if self._nodes.data_dir is None else f"{self._nodes.data_dir}/node-{self.id}"

    def __repr__(self) -> str:
        state = "paused" if self.paused else "alive" if self.alive else "dead"
        return f"<broker {self.id} {self.host}:{self.port} {state}>"


class ClusterBrokers(Mapping[int, ClusterBroker]):
    """``cluster.brokers``: by id; iterating gives the ids, in the order in which the nodes were named."""

    def __init__(self, nodes: Nodes) -> None:
        self._brokers = {broker_id: ClusterBroker(nodes, broker_id) for broker_id in nodes.node_ids}

    def __getitem__(self, broker_id: int) -> ClusterBroker:
        return self._brokers[broker_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._brokers)

    def __len__(self) -> int:
        return len(self._brokers)

    def __repr__(self) -> str:
        return repr(list(self._brokers.values()))
