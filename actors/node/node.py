"""A broker's node: the object that all of its actors share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.image.image import ClusterImage
from actors.node.controller_channel import ControllerChannel
from actors.node.view import View
from actors.runtime.node import Node

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from actors.config import BrokerConfig
    from actors.runtime.world import World
    from kstore.fs import FileSystem

    class RequestFaults(Protocol):
        """Decides whether a fault is injected into a client's request."""

        def __call__(self, call: object, /) -> object:
            """What happens to the request: an answer, or how it is lost; None to carry it out."""


class BrokerNode(Node):
    """A node with a broker, its folder's files and its config, which dynamic configs replace.

    ``view`` is what the broker last published for the node's other actors to read. ``request_faults`` injects faults
    into clients' requests, once a test has asked for them. ``voters`` are the ids of the controller's voters.
    """

    fs: FileSystem

    def __init__(
        self,
        world: World,
        node_id: int,
        incarnation: int = 1,
        *,
        fs: FileSystem,
        config: BrokerConfig,
        voters: Sequence[int],
    ) -> None:
        super().__init__(world, node_id, incarnation=incarnation, fs=fs)
        self.config = config
        self.controller_channel = ControllerChannel(voters)
        self.view = View(ClusterImage(), config)
        self.request_faults: RequestFaults | None = None
