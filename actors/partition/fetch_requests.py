"""What connections say to their node's fetch desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from kstore.schema.messages.fetch import FetchRequest


class Fetch(NamedTuple):
    """Ask the desk to answer a Fetch request. The answer is a ``FetchResponse``. ``connection`` is the number of the
    connection by which it came, which has no other fetch under way. ``may_read(topic)`` says what the client may read,
    each time that a replica is to be asked; None for a node, which may read all."""

    request: FetchRequest
    version: int
    is_broker: bool
    connection: int
    may_read: Callable[[str], bool] | None


class FetchGivenUp(NamedTuple):
    """To the desk: a connection is gone, and nobody waits for its fetch."""

    connection: int
