"""DescribeLogDirs, API key 35, versions 1 to 5: the sizes of a broker's logs on its disk.

A node has one folder. The response has its path, its replicas of the requested partitions (null: all) with the bytes of
their segments, and the room on its disk. Partitions without a replica here are left out without an error, and so are
topics without any; so is the metadata log, which isn't one of the broker's own logs, as in Apache Kafka's
``ReplicaManager.describeLogDirs``. A replica's log never lacks records below the high watermark that it knows of, so
the lag is 0; it is -1 while the replica is offline (in kstore a single replica can be, in Apache Kafka only a whole
folder). A folder that is gone, or whose disk fails, has KAFKA_STORAGE_ERROR and nothing else; Apache Kafka says
UNKNOWN_SERVER_ERROR until one of its own writes fails.

Left out: logs that move between folders (``is_future_key``) and cordoned folders (``is_cordoned``), as a node has only
one folder. A cluster in memory has no disk: its folder is called ``memory``, and its room is -1 (unknown).

Versions: 2 the flexible encoding, 3 an error code for the whole, 4 the room on the disk (KIP-827), 5 whether the folder
is cordoned (KIP-1066).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.slices import PART, each_asked
from actors.node.authorizer import CLUSTER, DESCRIBE
from actors.partition.messages import LogSize, MeasureLog
from actors.runtime import Ask
from actors.runtime.coroutine import PAUSE, OnDisk
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
    from actors.runtime import Coroutine

API_KEY = 35
VERSIONS = (1, 5)
IN_MEMORY = "memory"

Topic = tuple[str, list[int]]
"""A topic's name, and the numbers of its requested partitions."""


def handle(call: Call) -> Coroutine:
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


def _asked(call: Call) -> Coroutine:
    """The requested partitions, by topic: a list of ``Topic``."""
    request: DescribeLogDirsRequest = call.request
    if request.topics is not None:
        return [(topic.topic, topic.partitions) for topic in request.topics]
    keys = list(call.view.replicas)  # the table changes while other actors have turns
    here: dict[str, list[int]] = {}
    for first in range(0, len(keys), PART):
        if first:
            yield PAUSE
        for name, number in keys[first : first + PART]:
            here.setdefault(name, []).append(number)
    return list(here.items())
