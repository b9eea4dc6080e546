"""Changes of partitions when a broker starts, stops, or alters an in-sync set.

Validation of AlterPartition, its order and its error codes are those of Kafka's ReplicationControlManager.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actors.controller.election import RECOVERED, RECOVERING, Election, change
from actors.controller.state import ControllerState, Decision
from actors.image.draft import merged
from actors.image.image import NO_LEADER, ClusterImage, PartitionImage, TopicImage
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.alter_partition import (
    AlterPartitionRequest,
    AlterPartitionRequestPartitionData,
    AlterPartitionResponse,
    AlterPartitionResponsePartitionData,
    AlterPartitionResponseTopicData,
    BrokerState,
)
from kstore.schema.messages.metadata_records import PartitionChangeRecord


def without_broker(state: ControllerState, broker_id: int) -> list[PartitionChangeRecord]:
    """The changes that remove a broker from every in-sync set and every leadership."""

    def may_lead(replica: int) -> bool:
        return replica != broker_id and state.image.is_active(replica)

    return changes(state, lambda p: broker_id in p.isr, may_lead, removed=broker_id)


def with_broker(state: ControllerState, broker_id: int) -> list[PartitionChangeRecord]:
    """The changes for a broker that is unfenced: it leads partitions without a leader, where it may."""

    def may_lead(replica: int) -> bool:
        return replica == broker_id or state.image.is_active(replica)

    return changes(state, lambda p: p.leader == NO_LEADER, may_lead)


def uncleanly_electable(state: ControllerState) -> list[PartitionChangeRecord]:
    """The changes for partitions without a leader that may elect one uncleanly."""
    return changes(state, lambda p: p.leader == NO_LEADER, state.image.is_active)


def balanced(state: ControllerState) -> list[PartitionChangeRecord]:
    """The changes that make the preferred replica lead each partition where it is in sync and alive."""
    records = []
    for topic, number, partition in partitions(state.image):
        if partition.leader not in (partition.replicas[0], NO_LEADER):
            record = change(
                topic.id,
                number,
                partition,
                isr=partition.isr,
                may_lead=online(state.image, partition, state.image.is_active),
                election=Election.PREFERRED,
            )
            if record is not None:
                records.append(record)
    return records


def changes(
    state: ControllerState,
    concerned: Callable[[PartitionImage], bool],
    may_lead: Callable[[int], bool],
    removed: int = NO_LEADER,
) -> list[PartitionChangeRecord]:
    """The changes of all affected partitions, without broker ``removed`` in their in-sync sets."""
    records = []
    for topic, number, partition in partitions(state.image):
        if not concerned(partition):
            continue
        unclean = state.may_elect_uncleanly(topic.name)
        record = change(
            topic.id,
            number,
            partition,
            isr=[replica for replica in partition.isr if replica != removed],
            may_lead=online(state.image, partition, may_lead),
            election=Election.UNCLEAN if unclean else Election.ONLINE,
        )
        if record is not None:
            records.append(record)
    return records


def partitions(image: ClusterImage) -> Iterator[tuple[TopicImage, int, PartitionImage]]:
    for topic in image.topics.values():
        for number, partition in topic.partitions.items():
            yield topic, number, partition


def online(image: ClusterImage, partition: PartitionImage, may_lead: Callable[[int], bool]) -> Callable[[int], bool]:
    """Which replicas may lead this partition: as given, and never an offline one."""
    return lambda replica: may_lead(replica) and image.is_online(partition, replica)


def leads_anything(image: ClusterImage, broker_id: int) -> bool:
    return any(partition.leader == broker_id for _, _, partition in partitions(image))


def alter_partitions(state: ControllerState, request: AlterPartitionRequest) -> Decision:
    """AlterPartition: the leader of each partition proposes an in-sync set.

    Raises:
        BrokerIdNotRegistered, StaleBrokerEpoch: the sender isn't the broker that is registered.
    """
    state.check_epoch(request.broker_id, request.broker_epoch)
    records: list[PartitionChangeRecord] = []
    response = AlterPartitionResponse()
    for asked in request.topics:
        topic = state.image.topic_by_id(asked.topic_id)
        answers = []
        for data in asked.partitions:
            try:
                answers.append(alter_one(state, request, topic, data, records))
            except KafkaError as error:
                answers.append(
                    AlterPartitionResponsePartitionData(partition_index=data.partition_index, error_code=error.code)
                )
        response.topics.append(AlterPartitionResponseTopicData(topic_id=asked.topic_id, partitions=answers))
    return Decision(records, response)


def alter_one(
    state: ControllerState,
    request: AlterPartitionRequest,
    topic: TopicImage | None,
    data: AlterPartitionRequestPartitionData,
    records: list[PartitionChangeRecord],
) -> AlterPartitionResponsePartitionData:
    """Decide about one proposal; adds its record to ``records`` and returns its result."""
    if topic is None:
        raise errors.UnknownTopicId
    number = data.partition_index
    partition = topic.partitions.get(number)
    if partition is None:
        raise errors.UnknownTopicOrPartition
    members = data.new_isr_with_epochs or [BrokerState(broker_id=replica) for replica in data.new_isr]
    validate_proposal(state.image, request.broker_id, partition, data, members)
    record = change(
        topic.id,
        number,
        partition,
        isr=[member.broker_id for member in members],
        may_lead=online(state.image, partition, state.image.is_active),
        election=Election.UNCLEAN if state.may_elect_uncleanly(topic.name) else Election.ONLINE,
        recovery_state=data.leader_recovery_state,
    )
    if record is not None:
        records.append(record)
        partition = merged(partition, record)
        if partition.leader != request.broker_id:
            raise errors.NewLeaderElected
    return AlterPartitionResponsePartitionData(
        partition_index=number,
        leader_id=partition.leader,
        leader_epoch=partition.leader_epoch,
        isr=list(partition.isr),
        leader_recovery_state=partition.leader_recovery_state,
        partition_epoch=partition.partition_epoch,
    )


def validate_proposal(
    image: ClusterImage,
    broker_id: int,
    partition: PartitionImage,
    data: AlterPartitionRequestPartitionData,
    members: list[BrokerState],
) -> None:
    """Raise an error if a proposed in-sync set is invalid."""
    if data.leader_epoch > partition.leader_epoch or data.partition_epoch > partition.partition_epoch:
        raise errors.NotController  # the sender has seen newer metadata than this controller
    if data.leader_epoch < partition.leader_epoch:
        raise errors.FencedLeaderEpoch
    if broker_id != partition.leader:
        raise errors.InvalidRequest
    if data.partition_epoch < partition.partition_epoch:
        raise errors.InvalidUpdateVersion
    isr = [member.broker_id for member in members]
    if not isr or len(set(isr)) != len(isr) or not set(isr) <= set(partition.replicas) or partition.leader not in isr:
        raise errors.InvalidRequest
    if data.leader_recovery_state not in (RECOVERED, RECOVERING):
        raise errors.InvalidRequest
    if data.leader_recovery_state == RECOVERING and (len(isr) > 1 or partition.leader_recovery_state == RECOVERED):
        raise errors.InvalidRequest
    if not all(is_eligible(image, member) and image.is_online(partition, member.broker_id) for member in members):
        raise errors.IneligibleReplica


def is_eligible(image: ClusterImage, member: BrokerState) -> bool:
    """Whether the broker may join an in-sync set: active, and still the incarnation that the leader knows (KIP-903)."""
    broker = image.brokers.get(member.broker_id)
    return broker is not None and broker.active and member.broker_epoch in (-1, broker.epoch)
