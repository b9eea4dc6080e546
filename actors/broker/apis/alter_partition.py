"""AlterPartition (key 56): the leader of partitions proposes their in-sync sets.

Version 3 names each member with its broker epoch (KIP-903); with 2 the controller can't tell a restarted broker.

For nodes only: clients can't ask it. The controller answers; a node that isn't the controller says so.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import asked_by_node
from actors.runtime import Coroutine
from kstore.schema.messages.alter_partition import AlterPartitionResponse

API_KEY = 56
VERSIONS = (2, 3)


def handle(call: Call) -> Coroutine:
    """Ask this node's controller."""
    return asked_by_node(call, lambda code: AlterPartitionResponse(error_code=code))
