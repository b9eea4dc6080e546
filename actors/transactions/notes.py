"""Rows of the trace about transactions: each has the transactional id, its producer id and epoch, and why.

Clients choose the names of ids and of themselves: they are cut.
"""

from actors.coordinator.event import Event
from actors.coordinator.routing import Place
from actors.coordinator.shard import Caller
from actors.transactions.metadata import Metadata

NAME_LENGTH_MAX = 249
REASON_LENGTH_MAX = 400


def note(event: Event, kind: str, transactional_id: str, metadata: Metadata, because: str) -> None:
    """What became of a transactional id."""
    name = transactional_id[:NAME_LENGTH_MAX]
    event.note(kind, name, metadata.producer_id, metadata.epoch, because[:REASON_LENGTH_MAX])


def label(place: Place) -> str:
    return f"{place[0]}-{place[1]}"


def named(caller: Caller) -> str:
    """A client, in words."""
    return f"{caller.client_id[:NAME_LENGTH_MAX]} at {caller.client_host}"
