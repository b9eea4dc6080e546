"""Which log directory each replica is in; a replica in none is offline.

A broker assigns a replica to the directory ``LOST`` when its log goes offline, and to its own directory when it is
back. A replica that isn't in one of its broker's directories leads nothing and is in an in-sync set only as the last
member. Validation and error codes are those of Kafka's ReplicationControlManager.
"""

from __future__ import annotations

from actors.controller.election import Election, change
from actors.controller.replication import online
from actors.controller.state import ControllerState, Decision
from actors.image.image import BrokerImage, PartitionImage, TopicImage
from kstore import errors
from kstore.schema.messages.assign_replicas_to_dirs import (
    AssignReplicasToDirsRequest,
    AssignReplicasToDirsResponse,
    AssignReplicasToDirsResponseDirectoryData,
    AssignReplicasToDirsResponsePartitionData,
    AssignReplicasToDirsResponseTopicData,
)
from kstore.schema.messages.metadata_records import PartitionChangeRecord


def assign(state: ControllerState, request: AssignReplicasToDirsRequest) -> Decision:
    """AssignReplicasToDirs: the directories of one broker's replicas.

    Raises:
        BrokerIdNotRegistered, StaleBrokerEpoch: the sender isn't the broker that is registered.
    """
    state.check_epoch(request.broker_id, request.broker_epoch)
    broker = state.image.brokers[request.broker_id]
    records: list[PartitionChangeRecord] = []
    response = AssignReplicasToDirsResponse()
    for asked in request.directories:
        answer = AssignReplicasToDirsResponseDirectoryData(id=asked.id)
        for of_topic in asked.topics:
            topic = state.image.topic_by_id(of_topic.topic_id)
            answer.topics.append(
                AssignReplicasToDirsResponseTopicData(
                    topic_id=of_topic.topic_id,
                    partitions=[
                        AssignReplicasToDirsResponsePartitionData(
                            partition_index=data.partition_index,
                            error_code=assign_one(state, broker, topic, data.partition_index, asked.id, records),
                        )
                        for data in of_topic.partitions
                    ],
                )
            )
        response.directories.append(answer)
    return Decision(records, response)


def assign_one(
    state: ControllerState,
    broker: BrokerImage,
    topic: TopicImage | None,
    number: int,
    directory: bytes,
    records: list[PartitionChangeRecord],
) -> int:
    """Add the record of one replica's move, if it moves; returns the error code to answer with."""
    if topic is None:
        return errors.UnknownTopicId.code
    partition = topic.partitions.get(number)
    if partition is None:
        return errors.UnknownTopicOrPartition.code
    if broker.id not in partition.replicas:
        return errors.NotLeaderOrFollower.code
    record = move(state, broker, topic, number, partition, directory)
    if record is not None:
        records.append(record)
    return 0


def move(
    state: ControllerState, broker: BrokerImage, topic: TopicImage, number: int, partition: PartitionImage, to: bytes
) -> PartitionChangeRecord | None:
    """One record for the directory and its consequences: the in-sync set and the leader."""
    moved = partition._replace(
        directories=tuple(
            to if replica == broker.id else partition.directory_of(replica) for replica in partition.replicas
        )
    )
    is_lost = not broker.has_online(to)
    record = change(
        topic.id,
        number,
        partition,
        isr=[replica for replica in partition.isr if not (is_lost and replica == broker.id)],
        may_lead=online(state.image, moved, state.image.is_active),
        election=Election.UNCLEAN if state.may_elect_uncleanly(topic.name) else Election.ONLINE,
    )
    if moved.directories != partition.directories:
        record = record or PartitionChangeRecord(partition_id=number, topic_id=topic.id)
        record.directories = list(moved.directories)
    return record
