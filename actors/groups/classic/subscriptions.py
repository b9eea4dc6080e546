"""Which topics a group's members read, as far as the coordinator can tell.

Classic groups negotiate in bytes the coordinator doesn't need to understand; only for protocol type ``consumer`` does
it know them (a version, then the consumer protocol's subscription), and only to keep the offsets of topics still read.
"""

import struct
from collections.abc import Iterable

from actors.groups.classic.member import ClassicMember
from kstore.errors import KafkaError
from kstore.schema import decode
from kstore.schema.messages.consumer_protocol import ConsumerProtocolSubscription

CONSUMER_PROTOCOL_TYPE = "consumer"

_SHORT = struct.Struct(">h")


def subscribed_topics(
    protocol_type: str | None, protocol_name: str | None, members: Iterable[ClassicMember]
) -> frozenset[str] | None:
    """The topics of all members of a group together; None when that can't be known."""
    if protocol_type != CONSUMER_PROTOCOL_TYPE:
        return None
    topics: set[str] = set()
    for member in members:
        if protocol_name is None:
            return None
        metadata = member.metadata(protocol_name)
        if len(metadata) < _SHORT.size or _SHORT.unpack_from(metadata)[0] < 0:
            return None
        try:
            # Every version begins with the fields of version 0, which hold all that is asked for here.
            topics.update(decode(ConsumerProtocolSubscription, 0, metadata, _SHORT.size).topics)
        except KafkaError:
            return None  # a client's own dialect: nothing is known of its topics, so none of its offsets are touched
    return frozenset(topics)
