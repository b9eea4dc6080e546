"""ElectLeaders (key 43): elect the preferred replicas of partitions as leaders, or any replica if there is no leader.

Version 0 has only preferred elections; 1 added the type of election and an error for the whole request. Null stands for
all partitions. The controller decides.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.controller_portions import ITEMS_A_DECISION, decided
from actors.broker.forwarding import failed, to_controller
from actors.broker.slices import portions, sliced
from actors.node.authorizer import ALTER, CLUSTER
from actors.runtime import Coroutine
from kstore.errors import ClusterAuthorizationFailed, KafkaError
from kstore.schema.messages.elect_leaders import (
    ElectLeadersRequest,
    ElectLeadersResponse,
    PartitionResult,
    ReplicaElectionResult,
    TopicPartitions,
)

API_KEY = 43
VERSIONS = (0, 2)


def handle(call: Call) -> Coroutine:
    """Pass the request to the controller."""
    request = call.request
    asked = request.topic_partitions
    if not call.authorize(ALTER, CLUSTER):
        refusal = ClusterAuthorizationFailed("Request ELECT_LEADERS needs ALTER permission.")
        return (yield from _answer(request, asked, refusal))
    if asked is not None:
        request.topic_partitions = [
            TopicPartitions(topic=topic.topic, partitions=numbers)
            for portion in portions(asked, lambda topic: topic.partitions, ITEMS_A_DECISION)
            for topic, numbers in portion
        ]
        outcome = yield from decided(
            call, request, "topic_partitions", id, "replica_election_results", _refused, weight=_weight
        )
    else:
        outcome = yield from to_controller(call, request)
    return (yield from _answer(request, asked, outcome))


def _answer(request: ElectLeadersRequest, asked: list[TopicPartitions] | None, outcome: object) -> Coroutine:
    """The response, from the controller's answer, to a request for these partitions."""
    error = failed(outcome)
    if error is None:
        assert isinstance(outcome, ElectLeadersResponse)
        if asked is not None and len(asked) != len(request.topic_partitions or ()):
            outcome.replica_election_results = yield from _merged(outcome.replica_election_results)
        return outcome
    results = yield from sliced(request.topic_partitions or (), lambda topic: _refused(topic, error))
    return ElectLeadersResponse(error_code=error.code, replica_election_results=(yield from _merged(results)))


def _weight(topic: TopicPartitions) -> int:
    return len(topic.partitions) or 1


def _refused(topic: TopicPartitions, error: KafkaError) -> ReplicaElectionResult:
    return ReplicaElectionResult(
        topic=topic.topic,
        partition_result=[
            PartitionResult(partition_id=number, error_code=error.code, error_message=error.message)
            for number in topic.partitions
        ],
    )


def _merged(results: list[ReplicaElectionResult]) -> Coroutine:
    """One result for each topic whose partitions were asked about in portions."""
    merged: dict[str, ReplicaElectionResult] = {}

    def put(result: ReplicaElectionResult) -> None:
        first = merged.setdefault(result.topic, result)
        if first is not result:
            first.partition_result += result.partition_result

    yield from sliced(results, put)
    return list(merged.values())
