"""Sends changes of in-sync sets to the controller (AlterPartition): one request at a time, with all that are pending.

The controller's decision is sent to the change's replica. If the controller can't be asked, or doesn't know this
broker's epoch (yet), the changes wait and are sent again. A change that its leader has replaced or given up is answered
too, and ignored there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.messages import ChangeIsr, IsrAnswer
from actors.partition.to_controller.request_queue import RequestQueue
from actors.runtime import Actor, receives
from kstore.errors import (
    FencedLeaderEpoch,
    IneligibleReplica,
    InvalidRequest,
    InvalidUpdateVersion,
    NewLeaderElected,
    OperationNotAttempted,
    UnknownTopicId,
    UnknownTopicOrPartition,
)
from kstore.log.names import TopicIdAndPartition
from kstore.named import NamedTuple
from kstore.schema.messages.alter_partition import (
    AlterPartitionRequest,
    AlterPartitionRequestPartitionData,
    AlterPartitionRequestTopicData,
    AlterPartitionResponse,
    AlterPartitionResponsePartitionData,
    BrokerState,
)

if TYPE_CHECKING:
    from actors.node.node import BrokerNode

BROKER_EPOCHS_FROM = 3
FINAL = frozenset(
    error.code
    for error in (
        FencedLeaderEpoch,
        IneligibleReplica,
        InvalidRequest,
        InvalidUpdateVersion,
        NewLeaderElected,
        OperationNotAttempted,
        UnknownTopicId,
        UnknownTopicOrPartition,
    )
)
"""Errors that are final; after others the change is sent again."""


class SendChanges(NamedTuple):
    """To itself: send what is pending."""


SEND = SendChanges()


class IsrChanges(Actor):
    """The one queue of changes of a node."""

    node: BrokerNode

    failure_scope = "a node's changes of in-sync sets under way; its leaders ask again"

    def __init__(self, node: BrokerNode, name: str = "isr-changes") -> None:
        super().__init__(node, name)
        self.queue: RequestQueue[ChangeIsr] = RequestQueue(self, node, SEND)

    @receives(ChangeIsr)
    def change(self, message: ChangeIsr) -> None:
        """Add a change; it replaces an older one of the same partition."""
        self.queue.put(message.topic_id, message.partition, message)

    @receives(SendChanges)
    def send(self, message: SendChanges) -> None:
        """Ask the controller."""
        if not self.queue.is_due():
            return
        changes, self.queue.waiting = self.queue.waiting, {}
        self.queue.in_flight = True
        topics: dict[bytes, AlterPartitionRequestTopicData] = {}
        for change in changes.values():
            topic = topics.setdefault(change.topic_id, AlterPartitionRequestTopicData(topic_id=change.topic_id))
            proposal = change.proposal
            topic.partitions.append(
                AlterPartitionRequestPartitionData(
                    partition_index=change.partition,
                    leader_epoch=proposal.leader_epoch,
                    new_isr_with_epochs=[
                        BrokerState(broker_id=node, broker_epoch=epoch)
                        for node, epoch in zip(proposal.isr, proposal.epochs, strict=True)
                    ],
                    partition_epoch=proposal.partition_epoch,
                )
            )
        request = AlterPartitionRequest(
            broker_id=self.node.node_id, broker_epoch=self.node.view.broker_epoch, topics=list(topics.values())
        )
        self.queue.controller.send(request, self.answered, changes, version=BROKER_EPOCHS_FROM)

    def answered(self, outcome: object, changes: dict[TopicIdAndPartition, ChangeIsr]) -> None:
        """Handle the controller's answer, or that it can't be reached."""
        answers: dict[TopicIdAndPartition, AlterPartitionResponsePartitionData] = {}
        self.queue.answered(outcome)
        if isinstance(outcome, AlterPartitionResponse) and not outcome.error_code:
            for topic in outcome.topics:
                for data in topic.partitions:
                    answers[topic.topic_id, data.partition_index] = data
        again: dict[TopicIdAndPartition, ChangeIsr] = {}
        for key, change in changes.items():
            answer = answers.get(key)
            if answer is None or (answer.error_code and answer.error_code not in FINAL):
                again[key] = change
                continue
            change.replica.tell(
                IsrAnswer(
                    change.proposal,
                    answer.error_code,
                    answer.leader_epoch,
                    tuple(answer.isr),
                    answer.partition_epoch,
                )
            )
        self.queue.go_on(again)
