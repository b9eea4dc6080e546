"""Leader elections on request (ElectLeaders): the preferred replicas, or any replica if there is no leader.

As Kafka's ReplicationControlManager: a partition that needs no election gets an error that says so, one that can't have
one gets the reason. For all partitions, only those that needed an election are in the response.
"""

from __future__ import annotations

from actors.controller.election import Election, change
from actors.controller.replication import online
from actors.controller.state import ControllerState, Decision
from actors.image.image import NO_LEADER, PartitionImage
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.elect_leaders import (
    ElectLeadersRequest,
    ElectLeadersResponse,
    PartitionResult,
    ReplicaElectionResult,
)
from kstore.schema.struct import Message

PREFERRED, UNCLEAN = 0, 1


def elect_leaders(state: ControllerState, request: ElectLeadersRequest) -> Decision:
    """ElectLeaders, of either type.

    Raises:
        InvalidRequest: the type is neither.
    """
    if request.election_type not in (PREFERRED, UNCLEAN):
        raise errors.InvalidRequest(f"Unknown election type {request.election_type}")
    records: list[Message] = []
    if request.topic_partitions is None:
        wanted = [(name, list(topic.partitions)) for name, topic in state.image.topics.items()]
    else:
        wanted = [(each.topic, each.partitions) for each in request.topic_partitions]
    results = []
    for name, numbers in wanted:
        result = ReplicaElectionResult(topic=name)
        for number in numbers:
            error = elected(state, name, number, request.election_type, records)
            if request.topic_partitions is not None or not isinstance(error, errors.ElectionNotNeeded):
                result.partition_result.append(told(number, error))
        results.append(result)
    return Decision(records, ElectLeadersResponse(replica_election_results=results))


def told(number: int, error: KafkaError | None) -> PartitionResult:
    if error is None:
        return PartitionResult(partition_id=number, error_message=None)
    return PartitionResult(partition_id=number, error_code=error.code, error_message=error.message)


def elected(
    state: ControllerState, name: str, number: int, election_type: int, records: list[Message]
) -> KafkaError | None:
    """Add the record of one election, or return why there is none."""
    topic = state.image.topics.get(name)
    if topic is None:
        return errors.UnknownTopicOrPartition(f"No such topic as {name}")
    partition = topic.partitions.get(number)
    if partition is None:
        return errors.UnknownTopicOrPartition(f"No such partition as {name}-{number}")
    if is_as_wanted(partition, election_type):
        return errors.ElectionNotNeeded("Leader election not needed for topic partition.")
    election = Election.PREFERRED if election_type == PREFERRED else Election.UNCLEAN
    may_lead = online(state.image, partition, state.image.is_active)
    record = change(topic.id, number, partition, isr=partition.isr, may_lead=may_lead, election=election)
    if record is None:
        if election_type == PREFERRED:
            return errors.PreferredLeaderNotAvailable("The preferred leader was not available.")
        return errors.EligibleLeadersNotAvailable("Eligible topic partition leaders are not available.")
    records.append(record)
    return None


def is_as_wanted(partition: PartitionImage, election_type: int) -> bool:
    if election_type == PREFERRED:
        return partition.leader == partition.replicas[0]
    return partition.leader != NO_LEADER
