"""The timers of a shard of transactions, by name."""

from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple


class TimerKey(NamedTuple):
    """Most are of the shard; those of ``MARKER``, ``COMPLETION`` and ``WAITING`` of one id."""

    kind: str
    transactional_id: str = ""
    partition: TopicAndPartition | None = None


TIMEOUTS = TimerKey("timeouts")
EXPIRY = TimerKey("expiry")
EXPIRY_GOES_ON = TimerKey("expiry-goes-on")

MARKER = "marker"
COMPLETION = "completion"
WAITING = "waiting"
