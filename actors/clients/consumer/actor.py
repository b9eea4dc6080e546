"""The actor behind a consumer: what it reads, its group, its fetches, its offsets, put together.

Everything of it is touched only by its turns and by its user's calls, which the driver keeps apart. What a user must be
told of is kept in ``errors`` until the next ``poll()``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from actors.clients.actor import ClientActor
from actors.clients.consumer.commit_future import CommitFuture
from actors.clients.consumer.committing import Committing
from actors.clients.consumer.fetcher import Fetcher
from actors.clients.consumer.offsets import ISOLATION_LEVELS, OffsetLookups
from actors.clients.consumer.positions import Positions
from actors.clients.consumer.subscription import (
    NONE,
    PATTERN,
    PATTERN_OF_BROKER,
    PartitionState,
    Position,
    Subscription,
)
from actors.clients.structs import ConsumerRebalanceListener, OffsetAndMetadata, SubscriptionPattern, TopicPartition
from actors.runtime.coroutine import Eventually, Pause
from kstore.errors import InvalidTopic, TopicAuthorizationFailed, for_code

if TYPE_CHECKING:
    import re

    from actors.clients.consumer.protocols import GroupMember
    from actors.clients.consumer.protocols.classic.membership import Complete
    from actors.clients.keywords.table import ConsumerConfig
    from actors.clients.transport import Transport
    from actors.clients.view import View
    from actors.runtime import Node
    from kstore.errors import KafkaError

Callback = Callable[[Mapping[TopicPartition, OffsetAndMetadata], "KafkaError | None"], object]
TOPIC_ERRORS = (TopicAuthorizationFailed, InvalidTopic)


class ConsumerActor(ClientActor):
    """One consumer's."""

    config: ConsumerConfig

    def __init__(self, node: Node, name: str, transport: Transport, config: ConsumerConfig) -> None:
        super().__init__(node, name, transport, config)
        self.metadata.creates_topics = config.allow_auto_create_topics
        self.subscription = Subscription()
        self.member = self._member(config)
        self.membership = self.member.membership
        self.committing = Committing(self, config, self.member)
        self.offsets = OffsetLookups(
            self, self.membership.group, ISOLATION_LEVELS[config.isolation_level], self._identity
        )
        self.positions = Positions(
            self, self.subscription, self.offsets, config.auto_offset_reset, lambda: self.fetcher.send_fetches()
        )
        self.fetcher = Fetcher(self, config, self.subscription, self.positions)
        self.errors: deque[KafkaError] = deque()
        self.woken = False

    def _member(self, config: ConsumerConfig) -> GroupMember:
        """What it is in its group, by the ``group_protocol``."""
        if config.group_protocol == "classic":
            from actors.clients.consumer.protocols.classic.member import GroupMember as Classic

            return Classic(self, config, self.subscription)
        from actors.clients.consumer.protocols.consumer.member import GroupMember as OfConsumerProtocol

        return OfConsumerProtocol(self, config, self.subscription)

    def _identity(self) -> tuple[str | None, int]:
        """Who asks for the group's offsets: its member id and epoch, or None and -1."""
        membership = self.membership
        if membership.acknowledges and membership.is_stable and membership.shares:
            return membership.member_id, membership.generation
        return None, -1

    def fail(self, error: KafkaError) -> None:
        """Have the next poll() raise this."""
        if not any(type(each) is type(error) and each.args == error.args for each in self.errors):
            self.errors.append(error)

    def on_view(self, old: View, new: View, changed: Collection[str] | None) -> None:
        """Leaders, partitions or topics may be others."""
        subscription = self.subscription
        if changed is not None and not any(self.follows(name) for name in changed):
            return
        if subscription.kind == PATTERN and subscription.match(self._readable(new)):
            self.metadata.take_interest(subscription.topics)
        self._read_all_without_group()
        self.member.view_changed(new)
        for name in subscription.topics:
            code = new.topics[name].error_code if name in new.topics else 0
            if code and isinstance(error := for_code(code, name), TOPIC_ERRORS):
                self.fail(error)
        self._look_again_for_missing(new)
        self.positions.update()
        subscription.touch(changed)
        self.fetcher.send_fetches()

    def follows(self, topic: str) -> bool:
        """Whether it matters here what becomes of a topic."""
        is_any = self.metadata.all_topics or self.subscription.kind == PATTERN_OF_BROKER
        return is_any or topic in self.metadata.interest or topic in self.subscription.topics

    def _read_all_without_group(self) -> None:
        """Without a group nobody shares out: all partitions of the topics are this consumer's."""
        subscription = self.subscription
        if not self.membership.group and subscription.is_by_group:
            counts = self.view.count_partitions(sorted(subscription.topics))
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
                self.refresh_soon()
                return

    def subscribe(
        self, wanted: list[str] | re.Pattern[str] | SubscriptionPattern, listener: ConsumerRebalanceListener | None
    ) -> None:
        """By topic or by pattern."""
        if isinstance(wanted, list):
            self.subscription.subscribe_topics(wanted, listener)
            self.metadata.interest = {}
            self.metadata.take_interest(wanted)
        elif isinstance(wanted, SubscriptionPattern):
            self.subscription.subscribe_at_broker(wanted, listener)
            self.metadata.creates_topics = False  # a topic that was deleted mustn't come back because it was read
        else:
            self.subscription.subscribe_pattern(wanted, listener)
            self.metadata.all_topics = True
            self.subscription.match(self._readable(self.view))
        self.member.topics_changed()
        self._read_all_without_group()
        self.go_on()
        if not isinstance(wanted, list) or any(topic not in self.view.topics for topic in wanted):
            self.begin(self.metadata.refresh())

    def assign(self, partitions: Collection[TopicPartition]) -> None:
        """By hand."""
        self.subscription.assign_by_hand(partitions)
        self.metadata.interest = {}
        self.metadata.take_interest({each.topic for each in partitions})
        self.positions.wait_for_poll = self.config.auto_offset_reset == NONE
        self.positions.update()
        self.fetcher.send_fetches()

    def go_on(self) -> None:
        """Find positions to begin at, and fetch."""
        self.positions.wait_for_poll = False
        self.positions.update()
        self.fetcher.send_fetches()

    def unsubscribe(self) -> None:
        """Read nothing."""
        self.subscription.unsubscribe()
        self.metadata.interest = {}
        self.metadata.interest_by_id = frozenset()
        self.metadata.all_topics = False
        self.metadata.creates_topics = self.config.allow_auto_create_topics

    def state_of(self, partition: TopicPartition) -> PartitionState:
        """An assigned partition's. Raises ``ValueError`` for one that isn't assigned."""
        state = self.subscription.partitions.get(partition)
        if state is None:
            raise ValueError(f"{partition} is not assigned to this consumer")
        return state

    def current_lag(self, partition: TopicPartition) -> int | None:
        """How far the user is from the end of a partition, if that is known."""
        return self.positions.lag(self.state_of(partition))

    def seek(self, positions: Mapping[TopicPartition, Position | str]) -> None:
        """Be somewhere else: at an offset, or at the first or last one."""
        states = [self.state_of(each) for each in positions]
        for state, position in zip(states, positions.values(), strict=True):
            if isinstance(position, str):
                state.ask_reset(position)
            else:
                state.put(position)
        self.positions.update()
        self.fetcher.send_fetches()

    def pause(self, partitions: Iterable[TopicPartition], paused: bool) -> None:
        """Read on in these, or not."""
        for state in [self.state_of(each) for each in partitions]:
            state.pause(paused)
        self.fetcher.send_fetches()

    def take_assignment(self, complete: Complete, revoked: bool) -> None:
        """What the group has assigned is read from now on; some may have been ``revoked``."""
        if self.membership.take(complete, revoked):
            self.committing.restart_interval()

    def find_position(self, partition: TopicPartition) -> Eventually[Position]:
        """Where the user is in a partition; waits until it is known. Raises what keeps it from being known."""
        while True:
            state = self.state_of(partition)
            if state.position is not None:
                return state.position
            self.positions.wait_for_poll = False
            self.positions.update(asked=True)
            if self.errors:
                raise self.errors.popleft()
            yield Pause(1)

    def commit_async(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata] | None, callback: Callback | None
    ) -> CommitFuture:
        """Begin to commit offsets, or where the user is; a future. ``callback(offsets, error)`` is told of the end."""
        wanted = self.committing.consumed() if offsets is None else offsets
        future = CommitFuture(self.node.world, wanted)
        if callback is not None:
            future.add_both(lambda _: callback(wanted, future.exception))
        self.begin(self.committing.once(wanted), future.settle)
        return future

    def metrics(self) -> dict[str, dict[str, float]]:
        """As ``Consumer.metrics``."""
        return {
            "consumer-fetch-manager-metrics": {
                "fetch-total": self.fetcher.fetches,
                "bytes-consumed-total": self.fetcher.nbytes,
            },
            "consumer-coordinator-metrics": {
                "assigned-partitions": len(self.subscription.partitions),
                "commit-total": self.committing.commits,
                "rebalance-total": self.membership.rebalances,
            },
        }

    def on_stop(self) -> None:
        """End what goes on by itself, then as every client."""
        self.fetcher.stopped = True
        self.member.stop()
        super().on_stop()
