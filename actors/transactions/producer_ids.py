"""Producer ids for transactional ids: asked for when one is needed, from the node's block of them."""

from collections.abc import Callable, Sequence
from functools import partial

from actors.coordinator.effects import Effect
from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from kstore.errors import CoordinatorLoadInProgress, KafkaError
from kstore.named import NamedTuple


class ProducerIdSource(NamedTuple):
    """Whom to ask, and what: the answer is an id that nobody has had, or the error that kept it from being given."""

    of: Callable[[], object]
    message: object

    def take(self, event: Event, then: Callable[[int, Event], None], caller: Caller | None) -> None:
        """Call ``then`` once there is an id. Without one, refuse the caller, if there is one; it comes again."""
        event.ask_actor(self.of, self.message, partial(_taken, then, caller))


def _taken(then: Callable[[int, Event], None], caller: Caller | None, outcome: object, now_ms: int) -> Sequence[Effect]:
    event = Event(now_ms)
    if isinstance(outcome, int):
        then(outcome, event)
    elif caller is not None:
        error = outcome if isinstance(outcome, KafkaError) else CoordinatorLoadInProgress()
        event.refuse(caller.reply, error)
    return event.effects
