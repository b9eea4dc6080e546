"""AllocateProducerIds (key 67): a broker asks for a block of producer ids to hand out.

For nodes only: clients can't ask it. The controller answers; a node that isn't the controller says so.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import asked_by_node
from actors.runtime import Coroutine
from kstore.schema.messages.allocate_producer_ids import AllocateProducerIdsResponse

API_KEY = 67
VERSIONS = (0, 0)


def handle(call: Call) -> Coroutine:
    """Ask this node's controller."""
    return asked_by_node(call, lambda code: AllocateProducerIdsResponse(error_code=code))
