"""The messages between a coordinator and the sender of markers: one marker for one partition."""

from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple


class Marker(NamedTuple):
    """The end of a transaction, as WriteTxnMarkers has it."""

    producer_id: int
    epoch: int
    is_commit: bool
    coordinator_epoch: int
    transaction_version: int


class Cancellation:
    """Set when a coordinator resigns: its markers aren't sent any more. The next coordinator sends them itself, and may
    have completed the transaction already.
    """

    __slots__ = ("is_requested",)

    def __init__(self) -> None:
        self.is_requested = False


class WriteMarker(NamedTuple):
    """Have a marker written to a partition, wherever it is led. Answered with ``MarkerWritten``, or refused with
    InvalidProducerEpoch or TransactionCoordinatorFenced; anything else is tried again.
    """

    marker: Marker
    partition: TopicAndPartition
    cancellation: Cancellation


class MarkerWritten(NamedTuple):
    """``is_there``: the marker is in the partition's log. Else there is no such partition any more."""

    is_there: bool
