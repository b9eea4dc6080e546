"""What a leader gave to whom, in words, for the trace.

An assignment is the clients' own business and only bytes to a coordinator; of the consumer protocol it is known what
they mean, and what can't be read is told by its size.
"""

from collections.abc import Mapping

from actors.groups.group import CONSUMER_PROTOCOL_TYPE
from kstore.errors import KafkaError
from kstore.schema import decode
from kstore.schema.messages.consumer_protocol import ConsumerProtocolAssignment

VERSION_SIZE = 2


def in_words(protocol_type: str | None, shares: Mapping[str, bytes]) -> str:
    """``a: orders-0 orders-1; b: orders-2``, in the order of the members."""
    return "; ".join(f"{member_id}: {_share(protocol_type, share)}" for member_id, share in shares.items())


def _share(protocol_type: str | None, share: bytes) -> str:
    if not share:
        return "nothing"
    try:
        if protocol_type != CONSUMER_PROTOCOL_TYPE or len(share) < VERSION_SIZE:
            return f"{len(share)} bytes"
        # Every version begins with the fields of version 0, which hold all that is asked for here.
        assigned = decode(ConsumerProtocolAssignment, 0, share, VERSION_SIZE).assigned_partitions
    except KafkaError:
        return f"{len(share)} bytes"
    return " ".join(f"{topic.topic}-{part}" for topic in assigned for part in topic.partitions) or "nothing"
