"""A node's channel to the controller: shared by its actors, it follows the leader.

The leader is known from the image (a change of leader is a record of the metadata log) and from responses to fetches of
the metadata log; the latest epoch counts. Before anything is known, the first voter is tried; if a fetch of the log
doesn't reach it, the next voter is tried.

Each actor has a connection of its own, so that its requests don't wait behind another actor's. It sends to the leader
known at that time. If the controller can't be reached, or answers NOT_CONTROLLER, the actor retries after a growing
time (``retry_ms``), or at once when a new leader, or a new epoch of the old one, becomes known. (Apache Kafka:
``NodeToControllerChannelManager``.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from actors.runtime.limits import REQUEST_TIMEOUT_MS
from kstore.errors import NotController

if TYPE_CHECKING:
    from typing import TypeGuard

    from actors.runtime import Actor
    from actors.runtime.protocols import Link
    from kstore.schema.struct import Message

T = TypeVar("T")

RETRY_MS_MIN = 50
RETRY_MS_MAX = 400
NOT_KNOWN = -1


class ControllerChannel:
    """A node's knowledge of its controller, and the lines to it."""

    def __init__(self, voters: Sequence[int]) -> None:
        self.voters = tuple(voters)
        self.leader_id = self.voters[0]
        self.epoch = NOT_KNOWN
        self._connections: dict[str, ControllerConnection] = {}

    def connection(self, actor: Actor, again: object) -> ControllerConnection:
        """A connection for one actor. ``again`` is the message that it gets when it may retry after a wait."""
        connection = self._connections[actor.actor_urn] = ControllerConnection(self, actor, again)
        return connection

    def learned(self, leader_id: int, epoch: int) -> None:
        """Note that this node leads in this epoch."""
        if leader_id != NOT_KNOWN and epoch > self.epoch:
            self.leader_id, self.epoch = leader_id, epoch
            for connection in self._connections.values():
                connection.moved()

    def look_further(self, node_id: int) -> None:
        """Try the next voter, as this node can't say who leads, unless another node is known to lead by now."""
        if node_id == self.leader_id and node_id in self.voters:
            self.leader_id = self.voters[(self.voters.index(node_id) + 1) % len(self.voters)]


class ControllerConnection:
    """One actor's connection to the controller. It opens when something is sent, and again after it has broken."""

    def __init__(self, channel: ControllerChannel, actor: Actor, again: object) -> None:
        self._channel = channel
        self._actor = actor
        self._again = again
        self._link: Link | None = None
        self._failures = 0  # since the controller's last answer
        self._waits = False

    def send(
        self,
        request: Message,
        then: Callable[..., None],
        *args: object,
        version: int | None = None,
        timeout_ms: float = REQUEST_TIMEOUT_MS,
    ) -> None:
        """Ask the leader; ``then(outcome, *args)`` gets the response or a ``Disconnected``."""
        self._waits = False
        link, leader_id = self._link, self._channel.leader_id
        if link is None or link.node_id != leader_id:
            self.close()
            link = self._link = self._actor.connect(leader_id)
        link.send(request, self._actor.reply_here(then, *args), version=version, timeout_ms=timeout_ms)

    def is_answered(self, outcome: T | Exception) -> TypeGuard[T]:
        """Whether an outcome is an answer of the controller; if not, the request must be retried."""
        if isinstance(outcome, Exception) or getattr(outcome, "error_code", 0) == NotController.code:
            self._failures += 1
            return False
        self._failures = 0
        return True

    def retry_ms(self) -> int:
        """How long to wait before the retry, longer after each failure; ``again`` may come sooner."""
        self._waits = True
        return min(RETRY_MS_MIN << min(max(self._failures - 1, 0), 10), RETRY_MS_MAX)

    def look_further(self) -> None:
        """Try another voter, as the node that was asked doesn't lead or can't be reached."""
        if self._link is not None:
            self._channel.look_further(self._link.node_id)

    def moved(self) -> None:
        """Handle a new leader, or a new epoch."""
        if self._waits:
            self._waits = False
            self._actor.actor_ref.tell(self._again)

    def close(self) -> None:
        """Close it; pending requests end in ``Disconnected``."""
        if self._link is not None:
            self._link.close()
            self._link = None
