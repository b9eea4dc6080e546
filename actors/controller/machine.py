"""The controller without its log, clock and network: requests and events in, records and answers out.

A decision's records are one batch of the metadata log: all of them or none. The actor that drives the machine appends
them and then calls ``advance`` with their offset. The next decision is made on the image that includes them, before
they are committed; its answer is held back until they are. ``advance`` also replays a log.

    decision = machine.decide(request, version, now_ms)     # raises a KafkaError that answers the request
    offset = append(decision.records)                       # …
    image, delta = machine.advance(decision.records, offset, epoch)

Invariants: every leader is in its in-sync set; an in-sync set is never empty; leader epochs and partition epochs only
rise; a fenced broker leads nothing and is in an in-sync set only as the last member; the same holds for an offline
replica.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from actors.config import BrokerConfig
from actors.config.resource_type import ResourceType
from actors.controller import (
    brokers,
    configs,
    deletion,
    directories,
    feature_levels,
    producer_ids,
    replication,
    requested_elections,
    topics,
)
from actors.controller.state import ControllerState, Decision
from actors.image.image import ClusterImage, ImageDelta
from kstore.errors import UnsupportedVersion
from kstore.schema.messages.allocate_producer_ids import AllocateProducerIdsRequest
from kstore.schema.messages.alter_configs import AlterConfigsRequest
from kstore.schema.messages.alter_partition import AlterPartitionRequest
from kstore.schema.messages.assign_replicas_to_dirs import AssignReplicasToDirsRequest
from kstore.schema.messages.broker_heartbeat import BrokerHeartbeatRequest
from kstore.schema.messages.broker_registration import BrokerRegistrationRequest
from kstore.schema.messages.create_partitions import CreatePartitionsRequest
from kstore.schema.messages.create_topics import CreateTopicsRequest
from kstore.schema.messages.delete_topics import DeleteTopicsRequest
from kstore.schema.messages.elect_leaders import ElectLeadersRequest
from kstore.schema.messages.incremental_alter_configs import IncrementalAlterConfigsRequest
from kstore.schema.messages.update_features import UpdateFeaturesRequest


class ControllerMachine:
    """The state and the decisions of the active controller."""

    def __init__(self, image: ClusterImage, config: BrokerConfig, random: Random, new_id: Callable[[], bytes]) -> None:
        """Start from an image; ``new_id`` gives 16 random bytes for each new topic."""
        self.state = ControllerState(image, config, random, new_id)

    @property
    def image(self) -> ClusterImage:
        """The image that the log gives, with what isn't committed yet."""
        return self.state.image

    def decide(self, request: object, version: int, now_ms: int) -> Decision:
        """The decision about a request of API version ``version``.

        Raises:
            KafkaError: the error for the request as a whole.
        """
        state = self.state
        match request:
            case AlterPartitionRequest():
                return replication.alter_partitions(state, request)
            case AssignReplicasToDirsRequest():
                return directories.assign(state, request)
            case BrokerHeartbeatRequest():
                return brokers.heartbeat(state, request, now_ms)
            case BrokerRegistrationRequest():
                return brokers.register(state, request, now_ms)
            case AllocateProducerIdsRequest():
                return producer_ids.allocate(state, request)
            case CreateTopicsRequest():
                return topics.create(state, request)
            case DeleteTopicsRequest():
                return deletion.delete(state, request, version)
            case CreatePartitionsRequest():
                return topics.create_partitions(state, request)
            case IncrementalAlterConfigsRequest():
                return configs.alter(state, request)
            case AlterConfigsRequest():
                return configs.replace(state, request)
            case ElectLeadersRequest():
                return requested_elections.elect_leaders(state, request)
            case UpdateFeaturesRequest():
                return feature_levels.update(state, request)
            case _:
                raise UnsupportedVersion(f"The controller doesn't answer a {type(request).__name__}.")

    def take_over(self, now_ms: int) -> None:
        """Begin to lead: every broker that isn't fenced gets a fresh session."""
        for broker in self.image.brokers.values():
            if not broker.fenced:
                self.state.sessions.touch(broker.id, now_ms)

    def fence_silent(self, now_ms: int) -> Decision:
        """Fence one broker whose session has expired; no records if there is none."""
        return brokers.fence_silent(self.state, now_ms)

    def fence_lost(self, broker_id: int) -> Decision:
        """Fence a broker that is known to be dead."""
        return brokers.fence_lost(self.state, broker_id)

    def balance_leaders(self) -> Decision:
        """Move leaderships back to the replicas that are first in their assignments."""
        return Decision(list(replication.balanced(self.state)))

    def elect_uncleanly(self) -> Decision:
        """Elect leaders for partitions that have none and may, after a change of config, elect one out of sync."""
        return Decision(list(replication.uncleanly_electable(self.state)))

    def next_session_end_ms(self) -> int | None:
        """When to call ``fence_silent`` next, if no heartbeat comes until then."""
        return self.state.sessions.next_expiry_ms(self.state.config.integer("broker.session.timeout.ms"))

    def advance(self, records: Iterable[object], offset: int, epoch: int) -> tuple[ClusterImage, ImageDelta]:
        """Apply records that were appended up to ``offset`` in leader epoch ``epoch``."""
        self.state.image, delta = self.state.image.apply(records, offset, epoch)
        for topic in delta.removed_topics:
            self.state.flat_names.discard(topic.name)
        for name in delta.changed_topics:
            self.state.flat_names.add(name)
        if any(resource_type == ResourceType.BROKER for resource_type, _ in delta.changed_configs):
            for_all = self.image.config(ResourceType.BROKER, "")
            self.state.config = self.state.config.with_dynamic(for_all, {})
        return self.state.image, delta
