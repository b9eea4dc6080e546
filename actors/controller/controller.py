"""The controller's actor: it decides by the image of its own log, and has its quorum append and commit.

A decision is appended as one batch and applied at once. When the batch is committed (``sole_voter.py``), the change is
published and the request answered. Other nodes copy the log by Fetch, up to what is committed.

At a start the log is replayed, and a new epoch begins with a leader change record; a new log begins with the cluster's
features.

If the log can't be written the controller resigns: waiting requests get NOT_CONTROLLER, the brokers go on as they are,
and a new epoch begins as soon as the disk works.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from actors.controller.decision_rows import asked_for, decision_rows
from actors.controller.formatted_features import formatted_levels
from actors.controller.keeper import MetadataKeeper
from actors.controller.machine import ControllerMachine
from actors.controller.messages import METADATA_LOG, CloseMetadataLog, Decide, FetchMetadata, NodeLost
from actors.controller.metadata_log import Replay
from actors.controller.sole_voter import FetchOverdue, SoleVoter, WrittenBatch
from actors.controller.state import Decision
from actors.controller.without_effect import tell_of_image, tell_of_records
from actors.image.features import bootstrap_records
from actors.image.image import ClusterImage, ImageDelta
from actors.runtime import Ref, Reply, receives
from kstore.errors import KafkaError, KafkaStorageError, NotController
from kstore.log import Log
from kstore.named import NamedTuple
from kstore.schema.messages.alter_configs import AlterConfigsRequest
from kstore.schema.messages.describe_quorum import DescribeQuorumRequest, DescribeQuorumResponse
from kstore.schema.messages.fetch import FetchResponse
from kstore.schema.messages.incremental_alter_configs import IncrementalAlterConfigsRequest

if TYPE_CHECKING:
    from actors.node.folder import Folder
    from actors.node.node import BrokerNode


class CheckSessions(NamedTuple):
    """To itself: a session may have expired."""


class BalanceLeaders(NamedTuple):
    """To itself: move leaderships back to the preferred replicas."""


class Uncommitted(NamedTuple):
    """A batch that is applied but not on disk yet, and the cluster image after it."""

    offset: int
    image: ClusterImage
    delta: ImageDelta


class DeferredResponse(NamedTuple):
    """An answer that is due when the log is committed up to ``offset``."""

    offset: int
    reply: Reply
    response: Any


class Controller(MetadataKeeper):
    """The active controller of the cluster."""

    HALTED = "can't use the metadata log: the controller has resigned, the brokers go on"
    log: Log | None
    machine: ControllerMachine
    failure_scope = "the controller, which is replayed from the metadata log"

    def __init__(self, node: BrokerNode, broker: Ref, folder: Folder, *, again: bool = False) -> None:
        """``broker`` gets every committed change; ``again`` means that it replaces a failed one in the same process."""
        super().__init__(node, "controller", broker, folder)
        self.again = again
        self.quorum = SoleVoter(self, self.committed)
        self.uncommitted: deque[Uncommitted] = deque()
        self.answers: deque[DeferredResponse] = deque()
        self.session_end = self.alarm(CheckSessions(), tick_us=1000)
        self.lost: list[int] = []  # nodes that died while the log couldn't be written

    def begin(self) -> None:
        """Replay the log and begin an epoch."""
        self.log = log = self.open_log()
        is_new, is_first = log.end_offset == 0, self.published.offset < 0
        self.machine = ControllerMachine(self.published, self.node.config, self.random, self.uuid)
        self.replay = Replay()
        for batch in log.batches(max(self.published.offset + 1, log.start_offset)):
            image, delta = self.machine.advance(self.replay.records(batch), batch.last_offset, batch.leader_epoch)
            if not is_first:
                self.uncommitted.append(Uncommitted(batch.last_offset, image, delta))
        tell_of_image(self.machine.image, self.node.config.said)
        with self.quorum.one_flush():
            self.apply(self.quorum.begin_epoch(), "")
            if is_new:
                self.write(Decision(list(bootstrap_records(formatted_levels(self.folder.fs)))), "a new cluster")
            self.machine.take_over(self.steady_ms())
            if is_first and not self.again:  # the log describes the node as it was before it died
                self.write(self.machine.fence_lost(self.node.node_id), "its process ended")
            for node_id in self.lost:
                self.write(self.machine.fence_lost(node_id), "its process ended")
            self.lost.clear()
        self.check_sessions(CheckSessions())
        if is_first and self.node.config.boolean("auto.leader.rebalance.enable"):
            self.balance_later()

    def refuse_waiting(self) -> None:
        """Answer waiting requests with NOT_CONTROLLER, so that they are retried."""
        for due in self.answers:
            due.reply.fail(self.quorum.resigned())
        self.quorum.resign()
        self.session_end.stop()
        self.answers.clear()
        self.uncommitted.clear()

    def steady_ms(self) -> int:
        """The time for sessions, which must not end because the wall clock is set."""
        return self.now_us() // 1000

    @receives(Decide, may_refuse=True)
    def decide(self, message: Decide) -> DescribeQuorumResponse | None:
        """Decide about a request; the answer waits for the commit, unless there is nothing to decide."""
        self.quorum.log()
        if isinstance(message.request, DescribeQuorumRequest):
            return self.quorum.described(message.request, message.version)
        decision = self.machine.decide(message.request, message.version, self.steady_ms())
        reply = self.defer()
        try:
            self.write(decision, asked_for(message.request))
            if isinstance(message.request, (IncrementalAlterConfigsRequest, AlterConfigsRequest)):
                self.write(self.machine.elect_uncleanly(), "an unclean election was allowed")
        except KafkaStorageError as error:
            reply.fail(NotController(error.message))
            self.halt(error)
            return None
        self.answer(reply, decision.answer)
        if not self.session_end.is_set:
            self.check_sessions(CheckSessions())
        return None

    def answer(self, reply: Reply, response: Any) -> None:
        """Answer when everything that the answer is based on is committed."""
        if self.machine.image.offset <= self.quorum.committed:
            reply.set(response)
        else:
            self.answers.append(DeferredResponse(self.machine.image.offset, reply, response))

    def carry_out(self, decision: Decision, why: str) -> bool:
        """Write a decision that no request waits for; False if the controller has resigned because of it."""
        try:
            self.write(decision, why)
        except KafkaStorageError as error:
            self.halt(error)
            return False
        return True

    def write(self, decision: Decision, why: str) -> None:
        """Write a decision's records, if it has any. If it raises KafkaStorageError, nothing is decided."""
        if decision.records:
            self.apply(self.quorum.append(decision.records), why)

    def apply(self, written: WrittenBatch, why: str) -> None:
        """Apply a batch to the image; it is published when the batch is committed."""
        records = self.replay.records(written.batch)
        before = self.machine.image
        image, delta = self.machine.advance(records, written.last_offset, self.quorum.epoch)
        self.note("MetadataAppended", METADATA_LOG, written.first_offset, written.last_offset)
        for row in decision_rows(records, delta, before, image, why):
            self.note(*row)
        tell_of_records(records, self.node.config.said)
        self.uncommitted.append(Uncommitted(written.last_offset, image, delta))
        self.quorum.flush()

    def committed(self, offset: int) -> None:
        """Publish and answer what is committed now. At a start that is the image of the whole log: the node must not
        act on what was true when it died.
        """
        while self.uncommitted and self.uncommitted[0].offset <= offset:
            step = self.uncommitted.popleft()
            is_last = not self.uncommitted or self.uncommitted[0].offset > offset
            if is_last or self.published.offset >= 0:
                self.publish(step.image, step.delta)
        while self.answers and self.answers[0].offset <= offset:
            due = self.answers.popleft()
            due.reply.set(due.response)

    @receives(NodeLost)
    def node_lost(self, message: NodeLost) -> None:
        """Fence a node that is known to be dead."""
        self.note("NodeLost", "", message.node_id)
        if self.log is None:
            self.lost.append(message.node_id)
            return
        self.carry_out(self.machine.fence_lost(message.node_id), "its process ended")

    @receives(CheckSessions)
    def check_sessions(self, message: CheckSessions) -> None:
        """Fence brokers with expired sessions, and check again when the next one may expire."""
        if self.log is None:
            return
        now_ms = self.steady_ms()
        while (decision := self.machine.fence_silent(now_ms)).records:
            if not self.carry_out(decision, "it sent no heartbeat for its session timeout"):
                return
        end_ms = self.machine.next_session_end_ms()
        self.session_end.rang()
        if end_ms is not None:
            self.session_end.by(max(now_ms + 1, end_ms), now_ms)

    @receives(BalanceLeaders)
    def balance_leaders(self, message: BalanceLeaders) -> None:
        """Move leaderships to the preferred replicas."""
        if self.log is not None:
            self.carry_out(self.machine.balance_leaders(), "the preferred replica is in sync again")
        self.balance_later()

    def balance_later(self) -> None:
        """Look for imbalanced leaders after ``leader.imbalance.check.interval.seconds``."""
        seconds = self.node.config.integer("leader.imbalance.check.interval.seconds")
        self.after(seconds * 1000, BalanceLeaders())

    @receives(FetchMetadata)
    def fetch_metadata(self, message: FetchMetadata) -> FetchResponse | None:
        """Answer another node's fetch: committed batches from its offset on, or where it must truncate first."""
        return self.quorum.fetch(message.request)

    @receives(FetchOverdue)
    def fetch_overdue(self, message: FetchOverdue) -> None:
        """Answer a fetch that has waited long enough."""
        self.quorum.overdue(message.number)

    @receives(CloseMetadataLog, may_refuse=True)
    def close(self, message: CloseMetadataLog) -> None:
        """Flush and close the log; answered with the error if that fails."""
        self.closed = True
        reply = self.defer()
        try:
            self.quorum.close()
        except (OSError, KafkaError) as error:
            reply.fail(KafkaStorageError(str(error)))
        else:
            reply.set(None)
