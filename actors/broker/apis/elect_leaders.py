"""ElectLeaders (key 43): have partitions led by their preferred replicas, or by any where there is no leader.

Version 0 knows only preferred leaders; 1 added the type of election and an error of the whole request. Null partitions
are all there are. The controller decides.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import failed, to_controller
from actors.runtime import Conversation
from kstore.schema.messages.elect_leaders import ElectLeadersResponse, PartitionResult, ReplicaElectionResult

API_KEY = 43
VERSIONS = (0, 2)


def handle(call: Call) -> Conversation:
    """Passes the request to the controller."""
    outcome = yield from to_controller(call, call.request)
    error = failed(outcome)
    if error is None:
        return outcome
    return ElectLeadersResponse(
        error_code=error.code,
        replica_election_results=[
            ReplicaElectionResult(
                topic=topic.topic,
                partition_result=[
                    PartitionResult(partition_id=number, error_code=error.code, error_message=error.message)
                    for number in topic.partitions
                ],
            )
            for topic in call.request.topic_partitions or ()
        ],
    )
