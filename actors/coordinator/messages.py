"""The messages of API handlers and the broker to coordinators of all kinds."""

from __future__ import annotations

from kstore.named import NamedTuple
from kstore.schema.struct import Message


class RequestContext(NamedTuple):
    """The client that asks, and the version of the API. ``guard``: what the partition's leader gave for a first write
    in a transaction (``StartVerification``).
    """

    version: int
    client_id: str
    client_host: str
    guard: int = 0


class Submit(NamedTuple):
    """A request of a client, answered with the response to it, or refused with a KafkaError.

    Topics have both name and id, and all partitions exist, because a coordinator doesn't know the cluster. While the
    coordinator is loading, requests are refused with CoordinatorLoadInProgress.
    """

    request: Message
    context: RequestContext


class TopicsDeleted(NamedTuple):
    """Topics were deleted: drop what is kept for them."""

    topics: tuple[str, ...]


class Resign(NamedTuple):
    """The partition is led elsewhere, or in another epoch: answer all waiting requests and stop."""
