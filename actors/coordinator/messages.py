"""What API handlers and the broker say to a coordinator, of whatever kind."""

from __future__ import annotations

from kstore.named import NamedTuple
from kstore.schema.struct import Message


class Client(NamedTuple):
    """Who asks, and in which version of the API. ``guard``: what the partition's leader gave for a first write in a
    transaction (``StartVerification``).
    """

    version: int
    client_id: str
    client_host: str
    guard: int = 0


class Submit(NamedTuple):
    """A request of a client, answered with the response to it, or refused with a KafkaError.

    It names topics by name and id, and only partitions that exist: a coordinator doesn't know the cluster. While the
    coordinator is loading it is refused with CoordinatorLoadInProgress.
    """

    request: Message
    client: Client


class TopicsDeleted(NamedTuple):
    """These topics are gone, and with them what was kept for them."""

    topics: tuple[str, ...]


class Resign(NamedTuple):
    """The partition is led elsewhere, or in another epoch: answer everybody and stop."""
