"""A queue of an actor's requests to the controller: one at a time, each with all that is pending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from kstore.log.names import TopicIdAndPartition

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.runtime import Actor

Item = TypeVar("Item")


class RequestQueue(Generic[Item]):
    """What waits to be told, by partition: what comes later replaces it. ``send`` is what its actor tells itself."""

    def __init__(self, actor: Actor, node: BrokerNode, send: object) -> None:
        self.controller = node.controller_channel.connection(actor, send)
        self.waiting: dict[TopicIdAndPartition, Item] = {}
        self.in_flight = False
        self._actor = actor
        self._send = send
        self._queued = False

    def put(self, topic_id: bytes, partition: int, item: Item) -> None:
        """Have one more sent."""
        self.waiting[topic_id, partition] = item
        self._queue_send(0)

    def is_due(self) -> bool:
        """Whether there is a request to send, now that the actor has been told to."""
        self._queued = False
        return bool(self.waiting) and not self.in_flight

    def answered(self, outcome: object) -> None:
        """The controller has answered, or could not."""
        self.in_flight = False
        self.controller.is_answered(outcome)

    def go_on(self, again: dict[TopicIdAndPartition, Item]) -> None:
        """Send what waits by now, and ``again``, where nothing has replaced it, after a pause."""
        for key, item in again.items():
            self.waiting.setdefault(key, item)
        if self.waiting:
            self._queue_send(self.controller.retry_ms() if again else 0)

    def _queue_send(self, delay_ms: int) -> None:
        if not self._queued and not self.in_flight:
            self._queued = True
            if delay_ms:
                self._actor.after(delay_ms, self._send)
            else:
                self._actor.inbox.send(self._send)
