"""The actor behind a consumer: what it reads, its group, its fetches, its offsets, put together.

Everything of it is touched only by its turns and by its user's calls, which the driver keeps apart. What a user must be
told of is kept in ``errors`` until the next ``poll()``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from actors.clients.actor import ClientActor
from actors.clients.consumer.committing import Committing
from actors.clients.consumer.fetcher import Fetcher
from actors.clients.consumer.membership import Membership
from actors.clients.consumer.offsets import Offsets
from actors.clients.consumer.subscription import NONE, PATTERN, PartitionState, Position, Subscription
from actors.clients.structs import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from actors.clients.view import BrokerAddress
from actors.runtime import receives
from actors.runtime.conversation import Eventually, Pause
from kstore.errors import InvalidTopic, TopicAuthorizationFailed, for_code
from kstore.named import NamedTuple

if TYPE_CHECKING:
    import re

    from actors.clients.keywords.config import ConsumerConfig
    from actors.clients.transport import Transport
    from actors.clients.view import View
    from actors.runtime import Alarm, Node
    from kstore.errors import KafkaError
    from kstore.schema.messages.fetch import NodeEndpoint

TOPIC_ERRORS = (TopicAuthorizationFailed, InvalidTopic)


class AlarmRang(NamedTuple):
    """To itself: a time has come."""

    action: Callable[[], None]


class Delivered(NamedTuple):
    """What a user's poll() gave out of one partition."""

    partition: TopicPartition
    first: int
    last: int


class ConsumerActor(ClientActor):
    """One consumer's."""

    config: ConsumerConfig

    def __init__(self, node: Node, name: str, transport: Transport, config: ConsumerConfig) -> None:
        super().__init__(node, name, transport, config)
        self.metadata.creates_topics = config.allow_auto_create_topics
        self.subscription = Subscription()
        self.membership = Membership(self)
        self.offsets = Offsets(self)
        self.committing = Committing(self)
        self.fetcher = Fetcher(self)
        self.errors: deque[KafkaError] = deque()
        self.in_listener = False
        self.woken = False
        self.searches_in_poll = False  # where to begin may fail: not before the user polls, who may seek first
        self.stopped = False
        self.metadata_offset = transport.metadata_offset()
        self._looking = False

    def fail(self, error: KafkaError) -> None:
        """Have the next poll() raise this."""
        if not any(type(each) is type(error) and each.args == error.args for each in self.errors):
            self.errors.append(error)

    def conversation_failed(self, error: KafkaError) -> None:
        """A conversation of its own ended so."""
        self.fail(error)

    def ring(self, action: Callable[[], None]) -> Alarm:
        """An alarm that has ``action()`` called in a turn of this actor; its times are in microseconds."""
        return self.alarm(AlarmRang(action), tick_us=1)

    @receives(AlarmRang)
    def alarm_rang(self, message: AlarmRang) -> None:
        """Do what the time has come for."""
        message.action()

    def on_view(self, old: View, new: View, changed: Collection[str] | None) -> None:
        """Leaders, partitions or topics may be others."""
        subscription = self.subscription
        if changed is not None and not any(self.follows(name) for name in changed):
            return
        if subscription.kind == PATTERN and subscription.match(self._readable(new)):
            self.take_interest(subscription.topics)
        self._read_all_without_group()
        self.membership.topics_changed()
        self.membership.view_changed()
        for name in subscription.topics:
            code = new.topics[name].error_code if name in new.topics else 0
            if code and isinstance(error := for_code(code, name), TOPIC_ERRORS):
                self.fail(error)
        self._look_again_for_missing(new)
        self.offsets.see_to_positions()
        subscription.touch(changed)
        self.fetcher.kick()

    def follows(self, topic: str) -> bool:
        """Whether it matters here what becomes of a topic."""
        return self.metadata.all_topics or topic in self.metadata.interest or topic in self.subscription.topics

    def _read_all_without_group(self) -> None:
        """Without a group nobody shares out: all partitions of the topics are this consumer's."""
        subscription = self.subscription
        if not self.membership.group and subscription.is_by_group:
            counts = self.count_partitions(sorted(subscription.topics))
            subscription.become_assigned(
                [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]
            )

    def _readable(self, view: View) -> list[str]:
        return [
            name
            for name, topic in view.topics.items()
            if not topic.error_code and not (topic.internal and self.config.exclude_internal_topics)
        ]

    def _look_again_for_missing(self, view: View) -> None:
        """A topic that is read but isn't there (yet), or has no leaders, is asked for again soon."""
        for name in self.metadata.interest:
            topic = view.topics.get(name)
            if topic is None or (topic.error_code and for_code(topic.error_code).retriable):
                self.look_for_leaders()
                return

    def look_at_home(self) -> None:
        """Ask for metadata where it is plain that it has changed."""
        offset = self.transport.metadata_offset()
        if offset != self.metadata_offset:
            self.metadata_offset = offset
            self.begin(self.metadata.refresh())

    def look_for_leaders(self) -> None:
        """Ask for metadata in a little while, unless that is under way."""
        if not self._looking:
            self._looking = True
            self.begin(self._look())

    def _look(self) -> Eventually[None]:
        yield self.backoff(0)
        self._looking = False
        yield from self.metadata.refresh()

    def take_leaders(
        self, leaders: Mapping[tuple[str, int], tuple[int, int]], endpoints: Iterable[NodeEndpoint]
    ) -> None:
        """A broker's answer named leaders, with their epochs (KIP-951), and where they are if that isn't known."""
        brokers = dict(self.view.brokers)
        for each in endpoints:
            brokers.setdefault(each.node_id, BrokerAddress(each.node_id, each.host, each.port, each.rack))
        known = {partition: leader for partition, leader in leaders.items() if leader[0] in brokers}
        view = self.view.with_leaders(known)
        if view is not self.view:
            if len(brokers) > len(view.brokers):
                view = view._replace(brokers=brokers)
            self.metadata.take(view, dict.fromkeys(topic for topic, _ in known))

    def take_interest(self, topics: Iterable[str]) -> None:
        """Keep the metadata of these fresh as well."""
        for topic in sorted(topics):
            self.metadata.interest[topic] = None

    def count_partitions(self, topics: Iterable[str]) -> dict[str, int]:
        """How many partitions each has; 0 if it isn't there."""
        known = self.view.topics
        return {topic: len(known[topic].partitions) if topic in known else 0 for topic in topics}

    def subscribe(
        self, topics: Collection[str], pattern: re.Pattern[str] | None, listener: ConsumerRebalanceListener | None
    ) -> None:
        """By topic or by pattern."""
        if pattern is None:
            self.subscription.subscribe_topics(topics, listener)
            self.metadata.interest = {}
            self.take_interest(topics)
        else:
            self.subscription.subscribe_pattern(pattern, listener)
            self.metadata.all_topics = True
            self.subscription.match(self._readable(self.view))
        self.membership.topics_changed()
        self._read_all_without_group()
        self.go_on()
        if pattern is not None or any(topic not in self.view.topics for topic in topics):
            self.begin(self.metadata.refresh())

    def assign(self, partitions: Collection[TopicPartition]) -> None:
        """By hand."""
        self.subscription.assign_by_hand(partitions)
        self.metadata.interest = {}
        self.take_interest({each.topic for each in partitions})
        self.searches_in_poll = self.config.auto_offset_reset == NONE
        self.offsets.see_to_positions()
        self.fetcher.kick()

    def go_on(self) -> None:
        """Find places to begin, and fetch."""
        self.searches_in_poll = False
        self.offsets.see_to_positions()
        self.fetcher.kick()

    def unsubscribe(self) -> None:
        """Read nothing."""
        self.subscription.unsubscribe()
        self.metadata.interest = {}
        self.metadata.all_topics = False

    def state_of(self, partition: TopicPartition) -> PartitionState:
        """An assigned partition's. Raises ``ValueError`` for one that isn't assigned."""
        state = self.subscription.partitions.get(partition)
        if state is None:
            raise ValueError(f"{partition} is not assigned to this consumer")
        return state

    def seek(self, places: Mapping[TopicPartition, Position | str]) -> None:
        """Be somewhere else: at an offset, or at the first or last one."""
        states = [self.state_of(each) for each in places]
        for state, place in zip(states, places.values(), strict=True):
            if isinstance(place, str):
                state.ask_reset(place)
            else:
                state.put(place)
        self.offsets.see_to_positions()
        self.fetcher.kick()

    def pause(self, partitions: Iterable[TopicPartition], paused: bool) -> None:
        """Read on in these, or not."""
        for state in [self.state_of(each) for each in partitions]:
            state.pause(paused)
        self.fetcher.kick()

    def taken(self, state: PartitionState) -> None:
        """The user has begun to read what came last of a partition: more of it may be fetched."""
        state.buffered = max(0, state.buffered - 1)
        state.touch()
        self.fetcher.kick()

    def delivered(self, given: Iterable[Delivered]) -> None:
        """Tell the trace what a poll() gave to the user."""
        for partition, first, last in given:
            self.note("RecordsDelivered", str(partition), first, last)

    def find_position(self, partition: TopicPartition) -> Eventually[Position]:
        """Where the user is in a partition; waits until it is known. Raises what keeps it from being known."""
        while True:
            state = self.state_of(partition)
            if state.position is not None:
                return state.position
            self.searches_in_poll = False
            self.offsets.see_to_positions(asked=True)
            if self.errors:
                raise self.errors.popleft()
            yield Pause(1)

    def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata], again: bool) -> Eventually[None]:
        """Commit; ``again`` while errors pass."""
        if again:
            yield from self.committing.until_done(offsets)
        else:
            yield from self.committing.once(offsets)

    def on_stop(self) -> None:
        """End what goes on by itself, then as every client."""
        self.stopped = True
        self.membership.stop()
        super().on_stop()
