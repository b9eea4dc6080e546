"""The timers of a shard of transactions, by name."""

from actors.coordinator.routing import Place
from kstore.named import NamedTuple


class TimerKey(NamedTuple):
    """Most are of the shard; those of ``MARKER`` and ``COMPLETION`` of one id."""

    kind: str
    transactional_id: str = ""
    place: Place | None = None


TIMEOUTS = TimerKey("timeouts")
EXPIRY = TimerKey("expiry")
EXPIRY_GOES_ON = TimerKey("expiry-goes-on")

MARKER = "marker"
COMPLETION = "completion"
