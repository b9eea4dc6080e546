"""DescribeQuorum (key 55): who leads the metadata log, who votes, and how far each copy of it goes.

The controller answers, whichever node is asked. There is one voter, the leader; the other nodes are observers. Version
1 added when each copy last fetched and last was caught up, 2 the ids of folders, the voters' addresses and error
messages (KIP-853). Apache Kafka lists the addresses of the controllers' own listeners; kstore's controller has none, as
it is reached through the brokers' listeners.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import failed, to_controller
from actors.node.authorizer import CLUSTER, DESCRIBE
from actors.runtime import Coroutine
from kstore.errors import ClusterAuthorizationFailed, KafkaError
from kstore.schema.messages.describe_quorum import DescribeQuorumResponse

API_KEY = 55
VERSIONS = (0, 2)


def handle(call: Call) -> Coroutine:
    """Pass the request to the controller."""
    if not call.authorize(DESCRIBE, CLUSTER):
        return refused(ClusterAuthorizationFailed("Request DESCRIBE_QUORUM needs DESCRIBE permission."))
    outcome = yield from to_controller(call, call.request)
    error = failed(outcome)
    return outcome if error is None else refused(error)


def refused(error: KafkaError) -> DescribeQuorumResponse:
    return DescribeQuorumResponse(error_code=error.code, error_message=error.message)
