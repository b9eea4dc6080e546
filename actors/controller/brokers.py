"""The life of a broker as the controller sees it: registered (fenced), unfenced, shutting down, fenced again.

| now                 | a heartbeat that …                         | next                 |
|---------------------|--------------------------------------------|----------------------|
| fenced              | wants to shut down                         | may shut down        |
|                     | has read its own registration              | unfenced             |
| unfenced            | wants to be fenced                         | fenced               |
|                     | wants to shut down, and still leads        | shutting down        |
|                     | wants to shut down, and leads nothing      | may shut down        |
| controlled shutdown | comes when it leads nothing any more and all others have heard | may shut down |

A broker that may shut down is fenced. A broker's epoch is the offset of its registration record, so that a newly
registered broker differs from the one before.
"""

from __future__ import annotations

from enum import Enum

from actors.controller import replication
from actors.controller.state import ControllerState, Decision
from actors.image.image import BrokerImage
from kstore.errors import InconsistentClusterId, UnsupportedVersion
from kstore.schema.messages.broker_heartbeat import BrokerHeartbeatRequest, BrokerHeartbeatResponse
from kstore.schema.messages.broker_registration import BrokerRegistrationRequest, BrokerRegistrationResponse
from kstore.schema.messages.metadata_records import (
    BrokerEndpoint,
    BrokerFeature,
    BrokerRegistrationChangeRecord,
    RegisterBrokerRecord,
)
from kstore.schema.struct import Message

FENCE, UNFENCE, SHUT_DOWN = 1, -1, 1


class BrokerControlState(Enum):
    """The states of a broker."""

    FENCED = "fenced"
    UNFENCED = "unfenced"
    SHUTTING_DOWN = "in controlled shutdown"
    MAY_SHUT_DOWN = "fenced, and free to go"


def register(state: ControllerState, request: BrokerRegistrationRequest, now_ms: int) -> Decision:
    """BrokerRegistration: a broker process registers, and is fenced until it has caught up.

    A new incarnation is first removed from its predecessor's in-sync sets. Kafka waits for the predecessor's session to
    end (DUPLICATE_BROKER_REGISTRATION); here it is known to be dead, because a node's folder is locked, so two
    incarnations never live at once.

    Raises:
        InconsistentClusterId, UnsupportedVersion: as Kafka's ClusterControlManager.
    """
    image, broker_id = state.image, request.broker_id
    if request.cluster_id != image.cluster_id:
        raise InconsistentClusterId(f"Expected cluster ID {image.cluster_id}, but got cluster ID {request.cluster_id}")
    known = image.brokers.get(broker_id)
    same = known is not None and known.incarnation == request.incarnation_id
    check_features(state, request)
    records: list[Message] = [] if same else list(replication.without_broker(state, broker_id))
    epoch = known.epoch if same and known is not None else state.next_offset + len(records)
    fenced = known.fenced if same and known is not None else True
    records.append(
        RegisterBrokerRecord(
            broker_id=broker_id,
            incarnation_id=request.incarnation_id,
            broker_epoch=epoch,
            end_points=[
                BrokerEndpoint(name=at.name, host=at.host, port=at.port, security_protocol=at.security_protocol)
                for at in request.listeners
            ],
            features=[
                BrokerFeature(
                    name=feature.name,
                    min_supported_version=feature.min_supported_version,
                    max_supported_version=feature.max_supported_version,
                )
                for feature in request.features
            ],
            rack=request.rack,
            fenced=fenced,
            log_dirs=list(request.log_dirs),
        )
    )
    state.sessions.end(broker_id)
    state.sessions.touch(broker_id, now_ms)
    return Decision(records, BrokerRegistrationResponse(broker_epoch=epoch))


def check_features(state: ControllerState, request: BrokerRegistrationRequest) -> None:
    """Raise UnsupportedVersion if the broker doesn't support the cluster's feature levels."""
    supported = {feature.name: feature for feature in request.features}
    for name, level in state.image.features.items():
        feature = supported.get(name)
        low, high = (0, 0) if feature is None else (feature.min_supported_version, feature.max_supported_version)
        if not low <= level <= high:
            raise UnsupportedVersion(
                f"Unable to register because the broker does not support finalized version {level} of {name}. The "
                f"broker wants a version between {low} and {high}, inclusive."
            )


def heartbeat(state: ControllerState, request: BrokerHeartbeatRequest, now_ms: int) -> Decision:
    """BrokerHeartbeat: it says how far the broker has read the metadata log, and which state it wants.

    Raises:
        BrokerIdNotRegistered, StaleBrokerEpoch: it isn't the broker that is registered.
    """
    broker_id = request.broker_id
    state.check_epoch(broker_id, request.broker_epoch)
    state.sessions.touch(broker_id, now_ms, request.current_metadata_offset)
    broker = state.image.brokers[broker_id]
    current = control_state_of(broker)
    following = next_control_state(state, broker, request)
    records: list[Message] = []
    if following is not current:
        if following is BrokerControlState.UNFENCED:
            records = unfence(state, broker)
        elif following is BrokerControlState.SHUTTING_DOWN:
            records = begin_shutdown(state, broker)
        elif not broker.fenced:
            records = fence(state, broker)
    answer = BrokerHeartbeatResponse(
        is_caught_up=request.current_metadata_offset >= broker.epoch,
        is_fenced=following in (BrokerControlState.FENCED, BrokerControlState.MAY_SHUT_DOWN),
        should_shut_down=following is BrokerControlState.MAY_SHUT_DOWN,
    )
    return Decision(records, answer)


def control_state_of(broker: BrokerImage) -> BrokerControlState:
    if broker.fenced:
        return BrokerControlState.MAY_SHUT_DOWN if broker.shutting_down else BrokerControlState.FENCED
    return BrokerControlState.SHUTTING_DOWN if broker.shutting_down else BrokerControlState.UNFENCED


def next_control_state(
    state: ControllerState, broker: BrokerImage, request: BrokerHeartbeatRequest
) -> BrokerControlState:
    """The next state, by the table at the top of this file."""
    current = control_state_of(broker)
    match current:
        case BrokerControlState.FENCED:
            if request.want_shut_down:
                return BrokerControlState.MAY_SHUT_DOWN
            caught_up = request.current_metadata_offset >= broker.epoch
            return BrokerControlState.UNFENCED if caught_up and not request.want_fence else current
        case BrokerControlState.UNFENCED:
            if request.want_fence:
                return BrokerControlState.MAY_SHUT_DOWN if request.want_shut_down else BrokerControlState.FENCED
            if not request.want_shut_down:
                return current
            leads = replication.leads_anything(state.image, broker.id)
            return BrokerControlState.SHUTTING_DOWN if leads else BrokerControlState.MAY_SHUT_DOWN
        case BrokerControlState.SHUTTING_DOWN:
            if replication.leads_anything(state.image, broker.id):
                return current
            others = (other.id for other in state.image.brokers.values() if other.active)
            return BrokerControlState.MAY_SHUT_DOWN if state.sessions.may_shut_down(broker.id, others) else current
        case BrokerControlState.MAY_SHUT_DOWN:
            return current


def fence(state: ControllerState, broker: BrokerImage) -> list[Message]:
    """The records that fence a broker: out of the in-sync sets and leaderships first."""
    return [
        *replication.without_broker(state, broker.id),
        BrokerRegistrationChangeRecord(broker_id=broker.id, broker_epoch=broker.epoch, fenced=FENCE),
    ]


def unfence(state: ControllerState, broker: BrokerImage) -> list[Message]:
    """The records that unfence a broker."""
    return [
        BrokerRegistrationChangeRecord(broker_id=broker.id, broker_epoch=broker.epoch, fenced=UNFENCE),
        *replication.with_broker(state, broker.id),
    ]


def begin_shutdown(state: ControllerState, broker: BrokerImage) -> list[Message]:
    """The records that move a broker's leaderships away before it goes."""
    records: list[Message] = [
        BrokerRegistrationChangeRecord(
            broker_id=broker.id, broker_epoch=broker.epoch, in_controlled_shutdown=SHUT_DOWN
        ),
        *replication.without_broker(state, broker.id),
    ]
    state.sessions.begin_shutdown(broker.id, state.next_offset + len(records) - 1)
    return records


def fence_silent(state: ControllerState, now_ms: int) -> Decision:
    """Fence the first broker whose session has expired; one at a time, as the next decision depends on this one."""
    timeout_ms = state.config.integer("broker.session.timeout.ms")
    for broker_id in state.sessions.expired(now_ms, timeout_ms):
        state.sessions.end(broker_id)
        broker = state.image.brokers.get(broker_id)
        if broker is not None and not broker.fenced:
            return Decision(fence(state, broker))
    return Decision([])


def fence_lost(state: ControllerState, broker_id: int) -> Decision:
    """Fence a broker that is known to be dead, without waiting for its session to run out."""
    state.sessions.end(broker_id)
    broker = state.image.brokers.get(broker_id)
    return Decision([] if broker is None or broker.fenced else fence(state, broker))
