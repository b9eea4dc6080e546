"""BrokerHeartbeat (key 63): a broker shows that it lives, and asks to be fenced, unfenced or shut down.

For nodes only: clients can't ask it. The controller answers; a node that isn't the controller says so.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import asked_by_node
from actors.runtime import Coroutine
from kstore.schema.messages.broker_heartbeat import BrokerHeartbeatResponse

API_KEY = 63
VERSIONS = (0, 1)


def handle(call: Call) -> Coroutine:
    """Ask this node's controller."""
    return asked_by_node(call, lambda code: BrokerHeartbeatResponse(error_code=code))
