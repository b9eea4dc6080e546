"""DescribeLogDirs, API key 35, versions 1 to 5: what the logs of the asked broker take on its disk.

A node has one folder. What is told of it: its path, its replicas of the partitions asked for (null: of all) with the
bytes of their segments, and the room on its disk. A partition that has no replica here is left out without an error,
and so is a topic of such alone; so is the metadata log, which isn't among the broker's own logs, as in Apache Kafka's
``ReplicaManager.describeLogDirs``. A replica's log never lacks records below the high watermark that it knows of, so
the lag is 0; it is -1 while the replica is offline, which kstore is replica by replica, Apache Kafka folder by folder.
A folder that is gone, or whose disk doesn't answer, has KAFKA_STORAGE_ERROR and nothing else; Apache Kafka says
UNKNOWN_SERVER_ERROR until it has noticed by a write of its own.

Left out: logs that move between folders (``is_future_key``) and folders that take no more (``is_cordoned``), as a
node's folder is its only one. A cluster in memory has no disk: its folder is called ``memory``, and its room is -1, not
known.

Versions: 2 the flexible encoding, 3 an error code for the whole, 4 the room on the disk (KIP-827), 5 whether the folder
is cordoned (KIP-1066).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.slices import PART, each_asked
from actors.node.authorizer import CLUSTER, DESCRIBE
from actors.partition.messages import LogSize, MeasureLog
from actors.runtime import Ask
from actors.runtime.conversation import PAUSE, OnDisk
from kstore.errors import ClusterAuthorizationFailed, KafkaStorageError
from kstore.fs import DiskSpace
from kstore.schema.messages.describe_log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)

if TYPE_CHECKING:
    from actors.broker.call import Call
    from actors.runtime import Conversation

API_KEY = 35
VERSIONS = (1, 5)
IN_MEMORY = "memory"

Topic = tuple[str, list[int]]
"""A topic's name, and the numbers of its partitions that are asked for."""


def handle(call: Call) -> Conversation:
    """Answer a DescribeLogDirs request."""
    if not call.authorize(DESCRIBE, CLUSTER):
        return DescribeLogDirsResponse(error_code=ClusterAuthorizationFailed.code)
    fs = call.node.fs
    found = DescribeLogDirsResult(log_dir=fs.root or IN_MEMORY)
    response = DescribeLogDirsResponse(results=[found])
    space = yield OnDisk(fs.disk_space)
    if isinstance(space, OSError):
        found.error_code = KafkaStorageError.code
        return response
    if isinstance(space, DiskSpace):
        found.total_bytes, found.usable_bytes = space
    topics: dict[str, DescribeLogDirsTopic] = {}
    seen: set[tuple[str, int]] = set()

    def ask(topic: Topic, number: int) -> Ask | None:
        key = topic[0], number
        replica = call.view.replicas.get(key)
        if replica is None or key in seen:
            return None
        seen.add(key)
        return Ask(replica, MeasureLog())

    def answer(topic: Topic, number: int, size: object) -> None:
        if isinstance(size, LogSize):
            of_topic = topics.get(topic[0])
            if of_topic is None:
                of_topic = topics[topic[0]] = DescribeLogDirsTopic(name=topic[0])
                found.topics.append(of_topic)
            of_topic.partitions.append(
                DescribeLogDirsPartition(
                    partition_index=number, partition_size=size.size_bytes, offset_lag=size.offset_lag
                )
            )

    asked = yield from _asked(call)
    yield from each_asked(asked, lambda topic: topic[1], ask, answer)
    return response


def _asked(call: Call) -> Conversation:
    """The partitions that are asked for, by topic: a list of ``Topic``."""
    request: DescribeLogDirsRequest = call.request
    if request.topics is not None:
        return [(topic.topic, topic.partitions) for topic in request.topics]
    keys = list(call.view.replicas)  # the table changes while others have their turns
    here: dict[str, list[int]] = {}
    for first in range(0, len(keys), PART):
        if first:
            yield PAUSE
        for name, number in keys[first : first + PART]:
            here.setdefault(name, []).append(number)
    return list(here.items())
