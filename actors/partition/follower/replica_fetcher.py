"""The replica fetcher: fetches all partitions that this node follows from one other node, over links of its own.

There is one pending fetch at a time. The next one is sent when all replicas have taken the records of the last, so the
leader always learns how far each is. When partitions are added while a fetch waits at the leader, a second link carries
one that supersedes it, because the first connection is busy until its fetch is answered.

Errors hold a partition back for 10 ms at first and up to ``replica.fetch.backoff.ms``; a broken link holds back them
all. ``leader_session.py`` decides what a response means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.follower.leader_session import FIRST_BACKOFF_MS, FetchOutcome, Followed, LeaderSession
from actors.partition.messages import Follow, Replicated, StartAt, Unfollow
from actors.runtime import Actor, receives
from kstore.errors import FencedLeaderEpoch, KafkaError
from kstore.named import NamedTuple
from kstore.schema.messages.fetch import FetchRequest, FetchResponse
from kstore.schema.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.partition.follower.follower import Follower
    from actors.runtime import Ref
    from actors.runtime.protocols import Link
    from kstore.log import Log
    from kstore.schema.messages.fetch import PartitionData

REPLICA_STATE_FROM = 15
IDLE_WAIT_MS = 5_000
LONGER_THAN_A_WAIT = ("replica.lag.time.max.ms", "replica.socket.timeout.ms")
TAKEN_IN_A_TURN_MAX = 32
LATEST = -1
EARLIEST = -2
UNFETCHABLE = frozenset({FencedLeaderEpoch.code})


class Send(NamedTuple):
    """To itself: send a fetch, as all earlier messages have been handled."""


class DeliverMore(NamedTuple):
    """To itself: give the rest of a response to the replicas; ``given`` of them have it."""

    taken: list[tuple[Followed, PartitionData]]
    given: int


class Retry(NamedTuple):
    """To itself: the time of some partition that was held back is over."""


SEND = Send()
RETRY = Retry()


class ReplicaFetcher(Actor):
    """Fetches from node ``leader`` for the followers on this node."""

    node: BrokerNode

    failure_scope = "a node's fetches from one leader; its followers begin anew"

    def __init__(self, node: BrokerNode, leader: int) -> None:
        super().__init__(node, f"fetcher/{leader}")
        self.leader = leader
        config = node.config
        self.session = LeaderSession(
            node=node.node_id,
            broker_epoch=-1,
            max_wait_ms=config.integer("replica.fetch.wait.max.ms"),
            idle_wait_ms=min(IDLE_WAIT_MS, *(config.integer(key) // 2 for key in LONGER_THAN_A_WAIT)),
            min_bytes=config.integer("replica.fetch.min.bytes"),
            max_bytes=config.integer("replica.fetch.response.max.bytes"),
            partition_max_bytes=config.integer("replica.fetch.max.bytes"),
            backoff_max_ms=config.integer("replica.fetch.backoff.ms"),
        )
        self.timeout_ms = config.integer("replica.socket.timeout.ms")
        self.version = FetchRequest.VERSIONS[1]
        self.free_links: list[Link] = [self.connect(leader), self.connect(leader)]
        self.offsets_link = self.connect(leader)
        self.in_flight = 0
        self.generation = 0  # responses to fetches of an abandoned session are ignored
        self.send_queued = False
        self.backoff_ms = FIRST_BACKOFF_MS
        self.broken_until_ms = 0
        self.retry = self.alarm(RETRY, tick_us=1000)

    @receives(Follow)
    def follow(self, message: Follow) -> None:
        """Fetch one more partition, or one in a newer epoch."""
        self.session.follow(
            Followed(
                message.follower,
                message.topic,
                message.topic_id,
                message.partition,
                leader_epoch=message.leader_epoch,
                offset=message.offset,
                last_epoch=message.last_epoch,
                log_start_offset=message.log_start_offset,
            )
        )
        self._queue_send()

    @receives(Unfollow)
    def unfollow(self, message: Unfollow) -> None:
        """Let go of a partition."""
        self.session.unfollow(message.topic, message.partition)
        self._queue_send()

    @receives(Replicated)
    def replicated(self, message: Replicated) -> None:
        """Handle that a replica has taken what was fetched, or could not."""
        session = self.session
        partition = session.followed.get((message.topic, message.partition))
        if partition is None or partition.leader_epoch != message.leader_epoch:
            return
        self._took(partition, message.offset, message.last_epoch, message.log_start_offset, failed=message.failed)
        if session.busy == 0:
            self.send(SEND)

    def _took(self, partition: Followed, offset: int, last_epoch: int, log_start_offset: int, *, failed: bool) -> None:
        if failed:
            partition.moved_to(offset, last_epoch, log_start_offset)
            self._hold(partition)
        else:
            self.session.took(partition, offset, last_epoch, log_start_offset)

    def _queue_send(self) -> None:
        if not self.send_queued:
            self.send_queued = True
            self.inbox.send(SEND)

    @receives(Send)
    def send(self, message: Send) -> None:
        """Send the next fetch, if there should be one."""
        self.send_queued = False
        session = self.session
        if self.in_flight:
            if not self.free_links or not session.may_supersede:
                return
        elif not session.may_send:
            return
        now_ms = self.now_ms()
        if now_ms < self.broken_until_ms:
            self.retry.by(self.broken_until_ms, now_ms)
            return
        if session.broker_epoch != self.node.view.broker_epoch:
            self._introduce_again()
        full = session.session_epoch == 0
        request = session.request()
        session.sent()
        self.in_flight += 1
        net = self.node.world.net
        link = self.free_links.pop()
        link.send(
            request,
            self.reply_here(self.answered, link, full, self.generation, session.requests),
            version=self.version if not net.wire else max(REPLICA_STATE_FROM, net.version_of(FetchRequest)),
            timeout_ms=self.timeout_ms,
        )

    def _introduce_again(self) -> None:
        """Begin a new session after the node was registered again: reads that wait at the leader have an old broker
        epoch.
        """
        self.session.broker_epoch = self.node.view.broker_epoch
        self.session.start_over()
        self.generation += 1

    def answered(self, outcome: object, link: Link, full: bool, generation: int, request: int) -> None:
        """Handle the leader's response, or a broken link."""
        self.in_flight -= 1
        self.free_links.append(link)
        if generation != self.generation:
            self._queue_send()
            return
        if not isinstance(outcome, FetchResponse):
            self._broken()
            return
        self.backoff_ms = FIRST_BACKOFF_MS
        fetched = self.session.answered(outcome, full=full, request=request)
        if fetched is None:
            self.generation += 1
        else:
            self._deliver(fetched)
        if self.session.busy == 0:
            self.send(SEND)

    def _deliver(self, fetched: FetchOutcome) -> None:
        for partition, data in fetched.taken[:TAKEN_IN_A_TURN_MAX]:
            self._give(partition, data)
        if len(fetched.taken) > TAKEN_IN_A_TURN_MAX:
            self.inbox.send(DeliverMore(fetched.taken, TAKEN_IN_A_TURN_MAX))
        for partition, code in fetched.failed:
            if code in UNFETCHABLE:
                self.note("EpochFenced", _label(partition), partition.leader_epoch)
            self._hold(partition)
        for partition in fetched.out_of_range:
            self._hold(partition)
            log: Log = partition.follower.log
            self._ask_offset(partition, LATEST, -1, (log.end_offset, log.disk.generation))

    @receives(DeliverMore)
    def deliver(self, message: DeliverMore) -> None:
        """Give more replicas what was fetched."""
        end = message.given + TAKEN_IN_A_TURN_MAX
        for partition, data in message.taken[message.given : end]:
            if partition.busy and self.session.followed.get(partition.key) is partition:
                self._give(partition, data)
        if end < len(message.taken):
            self.inbox.send(message._replace(given=end))
        elif self.session.busy == 0:
            self.send(SEND)

    def _give(self, partition: Followed, data: PartitionData) -> None:
        """Have a follower take what was fetched. A defect in it is its replica's, and ends only that."""
        follower: Follower = partition.follower
        diverging = data.diverging_epoch
        try:
            taken = follower.replicate(
                partition.offset,
                data.records,
                data.high_watermark,
                data.log_start_offset,
                (diverging.epoch, diverging.end_offset) if diverging.end_offset >= 0 else None,
            )
        except Exception as error:  # noqa: BLE001 - contained, or raised by the driver
            self.node.world.failed_in_turn(follower.replica, error)
            return
        if taken is not None:
            log = follower.log
            self._took(partition, log.end_offset, log.epochs.latest, log.start_offset, failed=not taken)

    def _hold(self, partition: Followed) -> None:
        now_ms = self.now_ms()
        delay_ms = self.session.hold(partition, now_ms)
        self.retry.by(now_ms + delay_ms, now_ms)

    def _broken(self) -> None:
        """Drop the session after the link broke, and retry later."""
        now_ms = self.now_ms()
        self.generation += 1
        self.session.start_over()
        self.broken_until_ms = now_ms + self.backoff_ms
        self.backoff_ms = min(self.backoff_ms * 2, self.session.backoff_max_ms)
        if self.session.followed:
            self.retry.by(self.broken_until_ms, now_ms)

    @receives(Retry)
    def retry_now(self, message: Retry) -> None:
        """Fetch partitions again that were held back long enough."""
        self.retry.rang()
        now_ms = self.now_ms()
        nearest_ms = self.session.release(now_ms)
        if nearest_ms is not None:
            self.retry.by(nearest_ms, now_ms)
        self.send(SEND)

    def _ask_offset(self, partition: Followed, timestamp: int, leader_end: int, asked_at: tuple[int, int]) -> None:
        """Ask the leader for the end (or start) of its log, because it doesn't have the next offset of this one."""
        topic, index = partition.key
        request = ListOffsetsRequest(
            replica_id=self.node.node_id,
            topics=[
                ListOffsetsTopic(
                    name=topic,
                    partitions=[
                        ListOffsetsPartition(
                            partition_index=index, current_leader_epoch=partition.leader_epoch, timestamp=timestamp
                        )
                    ],
                )
            ],
        )
        self.call(self.offsets_link, request, self.offset_found, partition, timestamp, leader_end, asked_at)

    def offset_found(
        self,
        outcome: ListOffsetsResponse | KafkaError,
        partition: Followed,
        timestamp: int,
        leader_end: int,
        asked_at: tuple[int, int],
    ) -> None:
        """Handle the leader's end, then its start; then the replica goes on. After an error it is fetched again."""
        if isinstance(outcome, KafkaError) or self.session.followed.get(partition.key) is not partition:
            return
        found = outcome.topics[0].partitions[0]
        if found.error_code:
            return
        if timestamp == LATEST:
            self._ask_offset(partition, EARLIEST, found.offset, asked_at)
        else:
            replica: Ref = partition.follower.replica.ref
            replica.tell(StartAt(partition.leader_epoch, found.offset, leader_end, asked_at))


def _label(partition: Followed) -> str:
    topic, index = partition.key
    return f"{topic}-{index}"
