"""Sends replicas' log directories to the controller: one request at a time, with all that are pending.

An assignment is done when the controller has accepted it, or refuses it for good; otherwise it is sent again. A later
assignment of a replica replaces a pending one.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from actors.partition.to_controller.request_queue import RequestQueue
from actors.runtime import Actor, receives
from kstore.errors import NotLeaderOrFollower, UnknownTopicId, UnknownTopicOrPartition
from kstore.log.names import TopicIdAndPartition
from kstore.named import NamedTuple
from kstore.schema.messages.assign_replicas_to_dirs import (
    AssignReplicasToDirsRequest,
    AssignReplicasToDirsRequestDirectoryData,
    AssignReplicasToDirsRequestPartitionData,
    AssignReplicasToDirsRequestTopicData,
    AssignReplicasToDirsResponse,
)

if TYPE_CHECKING:
    from actors.node.node import BrokerNode

AT_ONCE_MAX = 1_000
FINAL = frozenset((0, UnknownTopicId.code, UnknownTopicOrPartition.code, NotLeaderOrFollower.code))


class AssignDirectory(NamedTuple):
    """Tell the controller where a replica of this node is: an id of one of its directories, or ``Directory.LOST``."""

    topic_id: bytes
    partition: int
    directory: bytes


class SendAssignments(NamedTuple):
    """To itself: send what is pending."""


SEND = SendAssignments()


class Directories(Actor):
    """The one queue of assignments of a node."""

    node: BrokerNode

    def __init__(self, node: BrokerNode, name: str = "directories") -> None:
        super().__init__(node, name)
        self.queue: RequestQueue[bytes] = RequestQueue(self, node, SEND)

    @receives(AssignDirectory)
    def assign(self, message: AssignDirectory) -> None:
        """Add an assignment."""
        self.queue.put(message.topic_id, message.partition, message.directory)

    @receives(SendAssignments)
    def send(self, message: SendAssignments) -> None:
        """Send the pending assignments to the controller."""
        if not self.queue.is_due():
            return
        told = dict(islice(self.queue.waiting.items(), AT_ONCE_MAX))
        for key in told:
            del self.queue.waiting[key]
        self.queue.in_flight = True
        topics: dict[tuple[bytes, bytes], AssignReplicasToDirsRequestTopicData] = {}
        directories: dict[bytes, AssignReplicasToDirsRequestDirectoryData] = {}
        for (topic_id, partition), directory in told.items():
            topic = topics.get((directory, topic_id))
            if topic is None:
                topic = topics[directory, topic_id] = AssignReplicasToDirsRequestTopicData(topic_id=topic_id)
                if directory not in directories:
                    directories[directory] = AssignReplicasToDirsRequestDirectoryData(id=directory)
                directories[directory].topics.append(topic)
            topic.partitions.append(AssignReplicasToDirsRequestPartitionData(partition_index=partition))
        request = AssignReplicasToDirsRequest(
            broker_id=self.node.node_id,
            broker_epoch=self.node.view.broker_epoch,
            directories=list(directories.values()),
        )
        self.queue.controller.send(request, self.answered, told)

    def answered(self, outcome: object, told: dict[TopicIdAndPartition, bytes]) -> None:
        """Handle the controller's answer, or that it can't be reached."""
        done: set[TopicIdAndPartition] = set()
        self.queue.answered(outcome)
        if isinstance(outcome, AssignReplicasToDirsResponse) and not outcome.error_code:
            done = {
                (topic.topic_id, data.partition_index)
                for directory in outcome.directories
                for topic in directory.topics
                for data in topic.partitions
                if data.error_code in FINAL
            }
        self.queue.go_on({key: directory for key, directory in told.items() if key not in done})
