"""Where a producer's batches go: to the leaders of their partitions, as the brokers' metadata names them.

A queue with batches that wait is kept with the broker that leads its partition, or among the leaderless if no leader is
known. Metadata is asked for until every queue has a leader.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from actors.clients.actor import ClientActor
from kstore.errors import for_code

if TYPE_CHECKING:
    from actors.clients.keywords.table import ProducerConfig
    from actors.clients.producer.accumulator import Accumulator
    from actors.clients.producer.partition_queues import PartitionQueue
    from actors.clients.transport import Transport
    from actors.clients.view import View
    from actors.runtime import Node
    from actors.runtime.coroutine import Eventually


class BrokerQueues:
    """What goes to one broker: queues with batches that wait, in turn, and how many requests are under way.

    ``queues``: with the epoch in which the broker leads them. ``shunned``: those that new records keep away from.
    """

    __slots__ = ("full_since_us", "in_flight", "queues", "shunned")

    def __init__(self) -> None:
        self.queues: dict[PartitionQueue, int] = {}
        self.in_flight = 0
        self.full_since_us = -1
        self.shunned: list[PartitionQueue] = []


class LeaderSeeker(ClientActor):
    """What a producer's actor knows of leaders."""

    def __init__(
        self, node: Node, name: str, transport: Transport, config: ProducerConfig, accumulator: Accumulator
    ) -> None:
        super().__init__(node, name, transport, config)
        self.metadata.creates_topics = config.allow_auto_create_topics
        self.accumulator = accumulator
        self.brokers: dict[int, BrokerQueues] = {}
        self.leaderless: dict[PartitionQueue, None] = {}  # queues whose leader isn't known
        self.is_seeking = False
        self.interest_us: dict[str, int] = {}  # when each topic of interest was asked for last
        self.max_idle_us = config.metadata_max_idle_ms * 1000

    def work(self) -> None:
        """Handle that queues have found their brokers; the sender says how."""

    def place(self, queue: PartitionQueue) -> None:
        """Put a queue with waiting batches to the broker that leads it, or to those whose leader has to be found."""
        if not queue.waiting:
            return
        found = self.view.partition(queue.topic, queue.partition)
        if found is None or found.leader < 0 or found.leader not in self.view.brokers:
            self.leaderless[queue] = None
            if not self.is_seeking:
                self.is_seeking = True
                self.begin(self._seek())
            return
        broker = self.brokers.get(found.leader)
        if broker is None:
            broker = self.brokers[found.leader] = BrokerQueues()
        broker.queues[queue] = found.leader_epoch

    def _seek(self) -> Eventually[None]:
        """Ask for leaders until every queue has one, or nothing waits any more."""
        attempt = 0
        try:
            while self.leaderless:
                if attempt:
                    yield self.backoff(attempt - 1)
                yield from self.metadata.learn([queue.topic for queue in self.leaderless])
                attempt += 1
                queues, self.leaderless = self.leaderless, {}
                for queue in queues:
                    self.place(queue)
                self.work()
        finally:
            self.is_seeking = False

    def on_view(self, old: View, new: View, changed: Collection[str] | None) -> None:
        """Partitions came, leaders changed: queues go where they belong now."""
        for name in self.metadata.interest if changed is None else changed:
            topic = new.topics.get(name)
            is_new = topic is not None and topic is not old.topics.get(name) and topic.partitions
            if is_new and name in self.metadata.interest:
                self.set_topic(name)
        if changed is None or new.brokers != old.brokers:
            self.place_all()
        else:
            self.place_again(changed)
        self.work()

    def place_all(self) -> None:
        """Every queue may belong elsewhere now."""
        queues = list(self.leaderless)
        self.leaderless = {}
        for broker in self.brokers.values():
            queues += broker.queues
            broker.queues = {}
        for queue in queues:
            self.place(queue)

    def place_again(self, names: Iterable[str]) -> None:
        """The queues of these topics may belong elsewhere now."""
        topics = self.accumulator.topics
        queues = [queue for name in names if name in topics for queue in topics[name].queues if queue.waiting]
        for queue in queues:
            self.leaderless.pop(queue, None)
            for broker in self.brokers.values():
                broker.queues.pop(queue, None)
        for queue in queues:
            self.place(queue)

    def take_leaders(self, leaders: Mapping[tuple[str, int], tuple[int, int]]) -> int:
        """Take the leaders that answers named, with their epochs; returns how many were new."""
        news = {}
        for partition, (leader, epoch) in leaders.items():
            known = self.view.partition(*partition)
            if known is not None and leader in self.view.brokers and epoch > known.leader_epoch:
                news[partition] = (leader, epoch)
        if news:
            self.metadata.view = self.view.with_leaders(news)
            self.place_again(dict.fromkeys(topic for topic, _ in news))
        return len(news)

    def set_topic(self, name: str) -> None:
        """Tell the accumulator of a topic's partitions."""
        partitions = self.view.topics[name].partitions
        self.accumulator.set_topic(
            name, [number in partitions and partitions[number].leader >= 0 for number in range(max(partitions) + 1)]
        )

    def forget_unused(self) -> None:
        """As ``ClientActor.forget_unused``: the topics that nothing was sent to for ``metadata_max_idle_ms``. Their
        queues are kept for what is sent later: sequences go on where they were.
        """
        latest_us = self.now_us() - self.max_idle_us
        accumulator = self.accumulator
        for name in [each for each, at_us in self.interest_us.items() if at_us <= latest_us]:
            topic = accumulator.topics.get(name)
            if topic is not None:
                if topic.used_us > latest_us or any(queue.queued() or queue.in_flight for queue in topic.queues):
                    continue
                accumulator.idle[name] = accumulator.topics.pop(name)
            del self.metadata.interest[name], self.interest_us[name]
        self.metadata.view = self.view.without(accumulator.idle)

    def find_topic(self, name: str, partition: int) -> Eventually[None]:
        """Ask until a topic is known, with this partition (-1: with any); raises why it can't be."""
        attempt = 0
        self.metadata.interest[name] = None
        self.interest_us[name] = self.now_us()
        while True:
            known = self.view.topics.get(name)
            if known is not None and len(known.partitions) > max(partition, 0):
                self.set_topic(name)
                return
            if attempt:
                yield self.backoff(attempt - 1)
            view = yield from self.metadata.learn([name])
            attempt += 1
            known = view.topics.get(name)
            if known is not None and known.error_code and not for_code(known.error_code).retriable:
                self.metadata.interest.pop(name, None)
                self.interest_us.pop(name, None)
                raise for_code(known.error_code, f"{name}: {for_code(known.error_code).message}")
