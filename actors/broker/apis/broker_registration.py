"""BrokerRegistration (key 62): a broker that has started registers with the controller.

Version 2 names its log directories, 3 the epoch in which it last stopped; both are optional.

For nodes only: clients can't ask it. The controller answers; a node that isn't the controller says so.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import asked_by_node
from actors.runtime import Coroutine
from kstore.schema.messages.broker_registration import BrokerRegistrationResponse

API_KEY = 62
VERSIONS = (0, 4)


def handle(call: Call) -> Coroutine:
    """Ask this node's controller."""
    return asked_by_node(call, lambda code: BrokerRegistrationResponse(error_code=code))
