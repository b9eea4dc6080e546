"""The timers of a shard of transactions, by name."""

from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple


class TransactionTimer(NamedTuple):
    """Most are of the shard; those of ``MARKER``, ``COMPLETION`` and ``WAITING`` of one id."""

    kind: str
    transactional_id: str = ""
    partition: TopicAndPartition | None = None


TIMEOUTS = TransactionTimer("timeouts")
EXPIRY = TransactionTimer("expiry")
EXPIRY_GOES_ON = TransactionTimer("expiry-goes-on")

MARKER = "marker"
COMPLETION = "completion"
WAITING = "waiting"
