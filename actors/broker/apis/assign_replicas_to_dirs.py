"""AssignReplicasToDirs (key 73): a broker reports which of its log directories has which replicas, or that they are
lost.

For nodes only: clients can't ask it. The controller answers; a node that isn't the controller says so.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import asked_by_node
from actors.runtime import Coroutine
from kstore.schema.messages.assign_replicas_to_dirs import AssignReplicasToDirsResponse

API_KEY = 73
VERSIONS = (0, 0)


def handle(call: Call) -> Coroutine:
    """Ask this node's controller."""
    return asked_by_node(call, lambda code: AssignReplicasToDirsResponse(error_code=code))
