"""The messages from connections to their node's fetch service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.messages import CONSUMER
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime import Reply
    from kstore.schema.messages.fetch import FetchRequest


class Fetch(NamedTuple):
    """Ask the service to answer a Fetch request. The answer is a ``FetchResponse``. ``connection`` is the number of its
    connection, which has no other pending fetch. ``may_read(topic)`` says whether the client may read a topic, and is
    called each time before a replica is asked; None if it may read all, as nodes may.
    """

    request: FetchRequest
    version: int
    is_broker: bool
    connection: int
    may_read: Callable[[str], bool] | None


class FetchGivenUp(NamedTuple):
    """To the service: a connection is gone, so its fetch needs no response."""

    connection: int


class Context:
    """The sender of a fetch, and how to answer it."""

    __slots__ = ("broker_epoch", "connection", "isolation", "may_read", "replica", "reply", "session_id", "version")

    def __init__(self, reply: Reply, fetch: Fetch) -> None:
        request = fetch.request
        self.reply = reply
        self.connection = fetch.connection
        self.version = fetch.version
        self.may_read = fetch.may_read
        self.isolation: int = request.isolation_level
        state = request.replica_state
        if state.replica_id >= 0:
            self.replica = state.replica_id
            self.broker_epoch = state.replica_epoch
        else:
            self.replica = max(CONSUMER, request.replica_id)
            self.broker_epoch = -1
        self.session_id = 0
