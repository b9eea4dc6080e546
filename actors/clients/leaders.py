"""Where a producer's batches go: to the leaders of their partitions, as the brokers' metadata names them.

Lanes with batches that wait stand with the broker that leads them, or among the homeless while nobody is known to;
metadata is asked for until every one has found its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.face import CalledActor
from kstore.errors import for_code

if TYPE_CHECKING:
    from actors.clients.accumulator import Accumulator
    from actors.clients.config import ProducerConfig
    from actors.clients.home import Home
    from actors.clients.lanes import Lane
    from actors.clients.talk import Talk
    from actors.clients.view import View
    from actors.runtime import Node


class Broker:
    """What goes to one broker: lanes with batches that wait, in turn, and how many requests are under way.

    ``lanes``: with the epoch in which the broker leads them. ``shunned``: those that new records keep away from.
    """

    __slots__ = ("full_since_us", "in_flight", "lanes", "shunned")

    def __init__(self) -> None:
        self.lanes: dict[Lane, int] = {}
        self.in_flight = 0
        self.full_since_us = -1
        self.shunned: list[Lane] = []


class LeaderSeeker(CalledActor):
    """What a producer's actor knows of leaders."""

    def __init__(self, node: Node, name: str, home: Home, config: ProducerConfig, accumulator: Accumulator) -> None:
        super().__init__(node, name, home, config)
        self.creates_topics = config.allow_auto_create_topics
        self.accumulator = accumulator
        self.brokers: dict[int, Broker] = {}
        self.homeless: dict[Lane, None] = {}  # lanes whose leader isn't known
        self.is_seeking = False

    def work(self) -> None:
        """Lanes have found their places: go on. The sender says how."""

    def place(self, lane: Lane) -> None:
        """Put a lane with waiting batches to its leader's, or to those whose leader has to be found."""
        if not lane.waiting:
            return
        found = self.view.partition(lane.topic, lane.partition)
        if found is None or found.leader < 0 or found.leader not in self.view.brokers:
            self.homeless[lane] = None
            if not self.is_seeking:
                self.is_seeking = True
                self.begin(self._seek())
            return
        broker = self.brokers.get(found.leader)
        if broker is None:
            broker = self.brokers[found.leader] = Broker()
        broker.lanes[lane] = found.leader_epoch

    def _seek(self) -> Talk[None]:
        """Ask for leaders until every lane has one, or nothing waits any more."""
        attempt = 0
        try:
            while self.homeless:
                if attempt:
                    yield self.backoff(attempt - 1)
                yield from self.refresh([lane.topic for lane in self.homeless])
                attempt += 1
                self.place_all()
        finally:
            self.is_seeking = False

    def on_view(self, old: View, new: View) -> None:
        """Partitions came, leaders changed: lanes go where they belong now."""
        for name in self.interest:
            topic = new.topics.get(name)
            if topic is not None and topic is not old.topics.get(name) and topic.partitions:
                self.set_topic(name)
        self.place_all()
        self.work()

    def place_all(self) -> None:
        lanes = list(self.homeless)
        self.homeless = {}
        for broker in self.brokers.values():
            lanes += broker.lanes
            broker.lanes = {}
        for lane in lanes:
            self.place(lane)

    def set_topic(self, name: str) -> None:
        """Tell the accumulator of a topic's partitions."""
        partitions = self.view.topics[name].partitions
        self.accumulator.set_topic(
            name, [number in partitions and partitions[number].leader >= 0 for number in range(max(partitions) + 1)]
        )

    def find_topic(self, name: str, partition: int) -> Talk[None]:
        """Ask until a topic is known, with this partition (-1: with any); raises why it can't be."""
        attempt = 0
        self.interest[name] = None
        while True:
            known = self.view.topics.get(name)
            if known is not None and len(known.partitions) > max(partition, 0):
                self.set_topic(name)
                return
            if attempt:
                yield self.backoff(attempt - 1)
            view = yield from self.refresh([name])
            attempt += 1
            known = view.topics.get(name)
            if known is not None and known.error_code and not for_code(known.error_code).retriable:
                del self.interest[name]
                raise for_code(known.error_code, f"{name}: {for_code(known.error_code).message}")
