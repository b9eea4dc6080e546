"""The state that the controller's rules decide on, and the form of a decision.

``ControllerState`` is the controller's own view: the image with everything written so far (committed or not), its
config, the sessions of the brokers, and the world's sources of random numbers and ids. The rules (``brokers``,
``topics``, ``replication``, ``configs``, ``producer_ids``) read it and give a ``Decision``; only ``machine`` changes
the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from actors.config import BrokerConfig
from actors.config.resource_type import ResourceType
from actors.controller.broker_sessions import BrokerSessions
from actors.image.image import ClusterImage
from actors.image.topic_names import FlatNames
from kstore.errors import BrokerIdNotRegistered, StaleBrokerEpoch
from kstore.named import NamedTuple
from kstore.schema.struct import Message


class ControllerState:
    """Everything that a rule may read."""

    def __init__(self, image: ClusterImage, config: BrokerConfig, random: Random, new_id: Callable[[], bytes]) -> None:
        self.image = image
        self.config = config
        self.random = random
        self.new_id = new_id
        self.sessions = BrokerSessions()
        self.flat_names = FlatNames(image.topics)

    @property
    def next_offset(self) -> int:
        """The offset of the next record in the log."""
        return self.image.offset + 1

    def check_epoch(self, broker_id: int, epoch: int) -> None:
        """Raise BrokerIdNotRegistered or StaleBrokerEpoch when a request isn't from the broker that is registered."""
        broker = self.image.brokers.get(broker_id)
        if broker is None:
            raise BrokerIdNotRegistered(f"No broker registration found for broker id {broker_id}")
        if broker.epoch != epoch:
            raise StaleBrokerEpoch(f"Expected broker epoch {broker.epoch}, but got broker epoch {epoch}")

    def topic_setting(self, topic: str, name: str, broker_name: str) -> str | None:
        """A topic config's effective value for the whole cluster: the topic's, else the brokers'."""
        own = self.image.topic_config(topic).get(name)
        if own is not None:
            return own
        for_all = self.image.config(ResourceType.BROKER, "").get(broker_name)
        return self.config.sources(broker_name)[0].text if for_all is None else for_all

    def may_elect_uncleanly(self, topic: str) -> bool:
        """Whether a replica of this topic that isn't in sync may lead."""
        name = "unclean.leader.election.enable"
        return (self.topic_setting(topic, name, name) or "").strip().lower() == "true"


class Decision(NamedTuple):
    """The records to append in one batch (none: nothing changes) and the answer, due once they are committed."""

    records: Sequence[Message]
    answer: Message | None = None
