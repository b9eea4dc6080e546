"""Messages to and from the actors that keep the metadata log: the controller and, on other nodes, the observer.

Both keep the node's cluster image, send ``ImageAdvanced`` to the node's broker, and answer ``AwaitTopics`` and
``CloseMetadataLog``. The other messages are for the controller.
"""

from __future__ import annotations

from typing import Any

from actors.image.image import ClusterImage, ImageDelta
from kstore.named import NamedTuple
from kstore.schema.messages.fetch import FetchRequest
from kstore.schema.uuids import Uuid

METADATA_TOPIC_ID: Uuid = bytes(15) + b"\x01"
"""The id of `__cluster_metadata` in every cluster; Kafka prints it as AAAAAAAAAAAAAAAAAAAAAQ."""

METADATA_LOG = "__cluster_metadata-0"


class ImageAdvanced(NamedTuple):
    """To the broker: the cluster is now ``image``, committed; ``delta`` is what changed since the last one sent."""

    image: ClusterImage
    delta: ImageDelta


class MetadataHalted(NamedTuple):
    """To the broker: the node's copy of the metadata log can't be used now, or can again."""

    halted: bool


class AwaitTopics(NamedTuple):
    """From a handler that has made topics: answered with True when the node knows them all with their leaders, with
    False after ``timeout_ms``.
    """

    names: tuple[str, ...]
    timeout_ms: float


class CloseMetadataLog(NamedTuple):
    """Sent at a clean stop: answered with None when the log is flushed and closed."""


class Decide(NamedTuple):
    """To the controller: a request of a client or a node, to be answered with its response once that is committed."""

    request: Any
    version: int


class NodeLost(NamedTuple):
    """To the controller: a node is known to be dead; it is fenced at once."""

    node_id: int


class FetchMetadata(NamedTuple):
    """To the controller: another node copies the metadata log. Answered with a FetchResponse, at the latest after the
    request's longest wait.
    """

    request: FetchRequest
