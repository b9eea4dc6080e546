"""What the coroutines of a client's actor yield beside ``Ask`` and ``Pause``: ``SendTo`` for a request to a broker,
``Wait`` for a gate.

That a broker can't be reached is an outcome, never an exception. A coroutine may raise a ``KafkaError``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kstore.named import NamedTuple

if TYPE_CHECKING:
    from kstore.schema.struct import Message

CONSUMER = -1  # instead of a replica's id
COORDINATOR = "group"  # the purpose of the links to coordinators of groups


class SendTo(NamedTuple):
    """Send a request to a broker; the outcome is its response, or ``Disconnected`` or ``UnsupportedVersion``.

    ``timeout_ms`` is how long the answer may take before the link is given up; default: the client's
    ``request_timeout_ms``. ``purpose`` names a link of its own: a broker answers the requests of one link in order, and
    a fetch or a JoinGroup may wait long for its answer. ``versions`` are the first and the last version to use;
    default: all that the client speaks.
    """

    node_id: int
    request: Message
    timeout_ms: float | None = None
    purpose: str = ""
    versions: tuple[int, int] | None = None


class Wait(NamedTuple):
    """Wait until a gate opens; the outcome is what it was opened with."""

    gate: Gate


class Gate:
    """Something that coroutines of one actor wait for. ``open`` lets all continue that wait now."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[object], object]] = []

    def add(self, go_on: Callable[[object], object]) -> None:
        """Have ``go_on(value)`` called when it opens."""
        self._waiting.append(go_on)

    def open(self, value: object = None) -> None:
        """Let all that wait continue, each in a turn of its own."""
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            go_on(value)
