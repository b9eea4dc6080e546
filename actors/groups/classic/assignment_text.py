"""What a leader gave to whom, in words, for the trace.

An assignment is the clients' own business, and only bytes to a coordinator. Those of the consumer protocol can be read;
of others only the size is told.
"""

from collections.abc import Mapping

from actors.groups.classic.subscriptions import CONSUMER_PROTOCOL_TYPE
from kstore.errors import KafkaError
from kstore.schema import decode
from kstore.schema.messages.consumer_protocol import ConsumerProtocolAssignment

VERSION_SIZE = 2

LENGTH_MAX = 1_000
"""Characters after which no further member is told of: a row of the trace has room for fewer."""

ASSIGNMENT_BYTES_MAX = 10_000
"""A larger assignment is told by its size."""


def assignment_text(protocol_type: str | None, assignments: Mapping[str, bytes]) -> str:
    """``a: orders-0 orders-1; b: orders-2``, in the order of the members."""
    told: list[str] = []
    left = LENGTH_MAX
    for member_id, assignment in assignments.items():
        if left <= 0:
            break
        told.append(f"{member_id}: {_assigned_text(protocol_type, assignment)}")
        left -= len(told[-1])
    return "; ".join(told)


def _assigned_text(protocol_type: str | None, assignment: bytes) -> str:
    if not assignment:
        return "nothing"
    try:
        if protocol_type != CONSUMER_PROTOCOL_TYPE or not VERSION_SIZE <= len(assignment) <= ASSIGNMENT_BYTES_MAX:
            return f"{len(assignment)} bytes"
        # Every version begins with the fields of version 0, which hold all that is asked for here.
        assigned = decode(ConsumerProtocolAssignment, 0, assignment, VERSION_SIZE).assigned_partitions
    except KafkaError:
        return f"{len(assignment)} bytes"
    return " ".join(f"{topic.topic}-{part}" for topic in assigned for part in topic.partitions) or "nothing"
