"""The view that a node's broker publishes to the node's other actors: one immutable value, replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.image.image import NOTHING, ClusterImage
from actors.node.authorizer import EVERYBODY
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.config import BrokerConfig
    from actors.node.authorizer import Authorizer
    from actors.node.topic_descriptions import TopicDescriptions
    from actors.runtime import Ref


class View(NamedTuple):
    """The cluster as this node knows it, and where its own actors are.

    ``replicas`` has every partition with a replica on this node, by (topic, partition), leader or not. It is the
    broker's own table, not a copy, because a copy for each new topic would cost as much as all topics. ``coordinators``
    has the coordinator of each partition of ``__consumer_offsets`` and ``__transaction_state`` led here, by (topic,
    partition) too. ``controller`` is set on the node that holds the controller; ``metadata`` keeps the node's copy of
    the metadata log (the controller itself, or an observer of it). ``directory_id`` is its folder's; ``descriptions``
    are its topics as Metadata answers have them. ``authorizer`` decides who may do what.
    """

    image: ClusterImage
    config: BrokerConfig
    broker_epoch: int = -1
    replicas: Mapping[tuple[str, int], Ref] = NOTHING
    coordinators: Mapping[tuple[str, int], Ref] = NOTHING
    fetch_service: Ref | None = None
    controller: Ref | None = None
    producer_ids: Ref | None = None
    metadata: Ref | None = None
    directory_id: bytes = b""
    descriptions: TopicDescriptions | None = None
    authorizer: Authorizer = EVERYBODY
