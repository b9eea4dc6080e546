"""How long one heavy request holds all others: the longest turn that it causes, in CPU time, and what that turn did.

``python -m bench.holds [NAME ...]`` sends each request of ``REQUESTS`` (or those named) to a cluster in this process,
as a socket would, and prints a line for each: how large it is, how many turns it took, all their time, the longest of
them and what it was. Between turns others are served; ``kstore serve`` also looks at its sockets every few of them.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from typing import Any

from actors.cluster import Cluster
from actors.network.channel_messages import FramesReceived
from kstore.schema import frames
from kstore.schema.messages.alter_configs import AlterConfigsRequest, AlterConfigsResource
from kstore.schema.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kstore.schema.messages.delete_groups import DeleteGroupsRequest
from kstore.schema.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kstore.schema.messages.delete_topics import DeleteTopicsRequest
from kstore.schema.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kstore.schema.messages.describe_groups import DescribeGroupsRequest
from kstore.schema.messages.describe_topic_partitions import DescribeTopicPartitionsRequest, TopicRequest
from kstore.schema.messages.elect_leaders import ElectLeadersRequest, TopicPartitions
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kstore.schema.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kstore.schema.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kstore.schema.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from kstore.schema.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics
from kstore.schema.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

MANY = 100_000
LENGTH_BYTES = 4
WAIT_S = 600  # of virtual time


class Channel:
    """Encodes the answers, as a socket's does."""

    def __init__(self) -> None:
        self.answered = 0
        self.aborted = False
        self.is_backed_up = False

    def respond(self, correlation_id: int, response: Any, version: int) -> None:
        frames.encode_response(response, version, correlation_id)
        self.answered += 1

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        """Nothing more comes."""

    def resume_reading(self) -> None:
        """Nothing more comes."""

    def request_done(self, size_bytes: int) -> None:
        """Its bytes aren't counted here."""

    def tell_when_taken(self) -> None:
        """It is never backed up."""


class Turns:
    """Watches the turns of a cluster until a request is answered and nothing is left to do."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.count = 0
        self.total_s = self.longest_s = 0.0
        self.longest = ""
        self.begun = time.thread_time()

    def watch(self, until: Callable[[], bool]) -> bool:
        """What the driver asks before each turn."""
        took = time.thread_time() - self.begun
        self.count += 1
        self.total_s += took
        if took > self.longest_s:
            self.longest_s = took
            rows = [row for row in self.cluster.world.recorder.recent(5_000) if row.took_us]
            row = max(rows, key=lambda each: each.took_us, default=None)
            self.longest = "" if row is None else f"{row.actor} {row.kind}"
        done = until()
        self.begun = time.thread_time()
        return done


def hold(cluster: Cluster, request: Any, version: int, client_id: str = "bench", settle_s: float = 0) -> str:
    """Send it and tell of its turns."""
    frame = b"".join(frames.encode_request(request, version, 1, client_id))[LENGTH_BYTES:]
    channel = Channel()
    accept = cluster.nodes[1].accept
    assert accept is not None
    connection = accept(channel, "client", "10.0.0.1")
    connection.tell(FramesReceived([frame]))
    turns = Turns(cluster)
    COLLECTIONS.clear()
    driver = cluster.world.driver
    driver.drive(lambda: turns.watch(lambda: channel.aborted or channel.answered > 0), WAIT_S)
    driver.drive(lambda: turns.watch(lambda: False), settle_s)
    outcome = "closed" if channel.aborted else "answered" if channel.answered else "NOT ANSWERED"
    collector_s = max(COLLECTIONS, default=0)
    return (
        f"{len(frame) / 1e6:6.2f} MB {outcome:9} {turns.count:8} turns, {turns.total_s:6.2f} s, "
        f"longest {turns.longest_s * 1000:6.1f} ms (collector {collector_s * 1000:5.1f}) {turns.longest}"
    )


def new_topics(prefix: str, count: int, partitions: int = 1) -> list[CreatableTopic]:
    return [
        CreatableTopic(name=f"{prefix}-{number}", num_partitions=partitions, replication_factor=1)
        for number in range(count)
    ]


def commit(count: int) -> OffsetCommitRequest:
    partitions = [OffsetCommitRequestPartition(partition_index=0, committed_offset=1) for _ in range(count)]
    return OffsetCommitRequest(
        group_id="g",
        generation_id_or_member_epoch=-1,
        topics=[OffsetCommitRequestTopic(name="t", partitions=partitions)],
    )


def list_offsets(name: str, numbers: range) -> ListOffsetsRequest:
    partitions = [ListOffsetsPartition(partition_index=number, timestamp=-1) for number in numbers]
    return ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=name, partitions=partitions)])


def join(count: int) -> JoinGroupRequest:
    protocols = [JoinGroupRequestProtocol(name=f"p{number}", metadata=b"\0\0") for number in range(count)]
    return JoinGroupRequest(
        group_id="g2",
        session_timeout_ms=10_000,
        rebalance_timeout_ms=1_000,
        protocol_type="consumer",
        protocols=protocols,
    )


def fetch(name: str, numbers: range) -> FetchRequest:
    partitions = [FetchPartition(partition=number, partition_max_bytes=1) for number in numbers]
    return FetchRequest(
        max_wait_ms=0,
        min_bytes=1,
        max_bytes=1,
        session_epoch=-1,
        topics=[FetchTopic(topic=name, partitions=partitions)],
    )


def produce(name: str, numbers: range) -> ProduceRequest:
    data = [PartitionProduceData(index=number, records=b"") for number in numbers]
    return ProduceRequest(acks=1, timeout_ms=1_000, topic_data=[TopicProduceData(name=name, partition_data=data)])


def metadata(prefix: str, count: int, *, make: bool) -> MetadataRequest:
    topics = [MetadataRequestTopic(name=f"{prefix}-{number}") for number in range(count)]
    return MetadataRequest(topics=topics, allow_auto_topic_creation=make)


def config_resources(count: int, name: str, kind: int) -> DescribeConfigsRequest:
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=None)
    return DescribeConfigsRequest(resources=[resource] * count)


Request = tuple[Callable[[], Any], int, float]
"""What makes it, its version, and how long to look on after the answer."""

REQUESTS: dict[str, Request] = {
    "describe configs of nothing": (lambda: config_resources(2 * MANY, "x", 4), 1, 0),
    "describe configs of a topic": (lambda: config_resources(MANY, "t", 2), 1, 0),
    "describe configs, keys": (
        lambda: DescribeConfigsRequest(
            resources=[
                DescribeConfigsResource(resource_type=2, resource_name="t", configuration_keys=["x"] * (2 * MANY))
            ]
        ),
        1,
        0,
    ),
    "list offsets, one partition": (lambda: list_offsets("t", range(1)), 1, 0),
    "list offsets, repeated": (lambda: repeated(list_offsets("t", range(1)), 2 * MANY), 1, 0),
    "list offsets, unknown": (lambda: list_offsets("nope", range(2 * MANY)), 1, 0),
    "list offsets of 4,000": (lambda: list_offsets("wide", range(4_000)), 1, 0),
    "metadata of unknown": (lambda: metadata("no", 2 * MANY, make=False), 4, 0),
    "metadata making 20,000": (lambda: metadata("auto", 20_000, make=True), 4, 5),
    "metadata making 4,000": (lambda: metadata("auto", 4_000, make=True), 4, 5),
    "metadata of all": (lambda: MetadataRequest(topics=None), 4, 0),
    "create 20,000 topics": (lambda: CreateTopicsRequest(topics=new_topics("c", 20_000), timeout_ms=9_000), 4, 5),
    "create 4,000 topics": (lambda: CreateTopicsRequest(topics=new_topics("d", 4_000), timeout_ms=9_000), 4, 5),
    "create 9,000 partitions": (lambda: CreateTopicsRequest(topics=new_topics("e", 1, 9_000), timeout_ms=9_000), 4, 5),
    "create, wrong names": (lambda: CreateTopicsRequest(topics=new_topics("!", MANY), timeout_ms=9_000), 4, 0),
    "delete 4,000 topics": (
        lambda: DeleteTopicsRequest(topic_names=[f"d-{n}" for n in range(4_000)], timeout_ms=9_000),
        3,
        5,
    ),
    "delete unknown topics": (
        lambda: DeleteTopicsRequest(topic_names=[f"no-{n}" for n in range(2 * MANY)], timeout_ms=9_000),
        3,
        0,
    ),
    "create partitions": (
        lambda: CreatePartitionsRequest(
            topics=[CreatePartitionsTopic(name=f"no-{n}", count=2, assignments=None) for n in range(2 * MANY)],
            timeout_ms=9_000,
        ),
        1,
        0,
    ),
    "alter configs": (
        lambda: AlterConfigsRequest(
            resources=[
                AlterConfigsResource(resource_type=2, resource_name=f"no-{n}", configs=[]) for n in range(2 * MANY)
            ]
        ),
        0,
        0,
    ),
    "elect leaders": (
        lambda: ElectLeadersRequest(
            topic_partitions=[TopicPartitions(topic=f"no-{n}", partitions=[0]) for n in range(2 * MANY)],
            timeout_ms=9_000,
        ),
        1,
        0,
    ),
    "delete records": (
        lambda: DeleteRecordsRequest(
            topics=[
                DeleteRecordsTopic(
                    name="no", partitions=[DeleteRecordsPartition(partition_index=n, offset=0) for n in range(2 * MANY)]
                )
            ],
            timeout_ms=1_000,
        ),
        1,
        0,
    ),
    "describe groups": (lambda: DescribeGroupsRequest(groups=[f"g{n}" for n in range(2 * MANY)]), 0, 0),
    "delete groups": (lambda: DeleteGroupsRequest(groups_names=[f"g{n}" for n in range(2 * MANY)]), 1, 0),
    "find coordinators": (
        lambda: FindCoordinatorRequest(key_type=0, coordinator_keys=[f"g{n}" for n in range(2 * MANY)]),
        4,
        0,
    ),
    "commit": (lambda: commit(2 * MANY), 2, 5),
    "commit, unknown": (lambda: unknown_commit(2 * MANY), 2, 0),
    "fetch offsets": (
        lambda: OffsetFetchRequest(
            groups=[
                OffsetFetchRequestGroup(
                    group_id="g",
                    topics=[OffsetFetchRequestTopics(name="t", partition_indexes=list(range(2 * MANY)))],
                )
            ]
        ),
        8,
        0,
    ),
    "fetch offsets, groups": (
        lambda: OffsetFetchRequest(
            groups=[OffsetFetchRequestGroup(group_id=f"g{n}", topics=[]) for n in range(2 * MANY)]
        ),
        8,
        0,
    ),
    "delete offsets": (
        lambda: OffsetDeleteRequest(
            group_id="g",
            topics=[
                OffsetDeleteRequestTopic(
                    name="t", partitions=[OffsetDeleteRequestPartition(partition_index=0) for _ in range(2 * MANY)]
                )
            ],
        ),
        0,
        5,
    ),
    "join": (lambda: join(2 * MANY), 1, 5),
    "leave": (
        lambda: LeaveGroupRequest(group_id="g", members=[MemberIdentity(member_id=f"m{n}") for n in range(2 * MANY)]),
        3,
        0,
    ),
    "leader epochs": (
        lambda: OffsetForLeaderEpochRequest(
            replica_id=-1,
            topics=[
                OffsetForLeaderTopic(
                    topic="t",
                    partitions=[OffsetForLeaderPartition(partition=0, leader_epoch=0) for _ in range(2 * MANY)],
                )
            ],
        ),
        3,
        0,
    ),
    "topic partitions": (
        lambda: DescribeTopicPartitionsRequest(
            topics=[TopicRequest(name=f"no-{n}") for n in range(2 * MANY)], response_partition_limit=2_000
        ),
        0,
        0,
    ),
    "fetch 4,000": (lambda: fetch("wide", range(4_000)), 7, 0),
    "fetch unknown": (lambda: fetch("no", range(2 * MANY)), 7, 0),
    "fetch repeated": (lambda: repeated(fetch("t", range(1)), 2 * MANY), 7, 0),
    "produce unknown": (lambda: produce("no", range(2 * MANY)), 7, 0),
    "produce nothing": (lambda: produce("t", range(2 * MANY)), 7, 0),
}


def repeated(request: Any, times: int) -> Any:
    """The request with its one partition named so many times."""
    request.topics[0].partitions *= times
    return request


def unknown_commit(count: int) -> OffsetCommitRequest:
    request = commit(1)
    request.topics[0].name = "no"
    request.topics[0].partitions *= count
    return request


COLLECTIONS: list[float] = []


def collecting(phase: str, _info: dict[str, int], begun: list[float] = [0.0]) -> None:  # noqa: B006
    """Hear of the garbage collector: its longest pass is part of some actor's turn."""
    if phase == "start":
        begun[0] = time.thread_time()
    else:
        COLLECTIONS.append(time.thread_time() - begun[0])


def main(wanted: list[str]) -> None:
    """Those whose names contain a word that was given; all without."""
    gc.callbacks.append(collecting)
    with Cluster(1, seed=1) as cluster:
        cluster.create_topic("t")
        cluster.create_topic("wide", partitions=4_000)
        hold(cluster, FindCoordinatorRequest(key="g"), 1, settle_s=5)
        for name, (make, version, settle_s) in REQUESTS.items():
            if not wanted or any(word in name for word in wanted):
                print(f"{name:28} {hold(cluster, make(), version, settle_s=settle_s)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
