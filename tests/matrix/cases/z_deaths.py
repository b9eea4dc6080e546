"""Cases of a node that has died: what the other one says of what the dead one led and held. Played last."""

from __future__ import annotations

from controller.admin_requests import topic as wanted
from matrix.case import Talk, case
from matrix.cases.clusters import named
from matrix.cases.fetching import fetch
from matrix.cases.offsets_of_logs import epochs, list_offsets
from matrix.cases.producing import GOOD, produce

from kstore.schema.messages.create_topics import CreateTopicsRequest
from kstore.schema.messages.describe_cluster import DescribeClusterRequest
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic

DEAD = 2
PRODUCE, FETCH, LIST_OFFSETS, METADATA, CREATE_TOPICS, OFFSET_FOR_LEADER_EPOCH = 0, 1, 2, 3, 19, 23


def kill(talk: Talk) -> None:
    """Make topics, and end the second node, unless that was done; wait until the first knows."""
    talk.topic("deaths-lost", DEAD)
    talk.topic("deaths-shared", replicas=[[1, 2], [2, 1]], min_insync_replicas="2")
    if DEAD in talk.cluster.living:
        talk.cluster.end(DEAD)
    shared = MetadataRequest(topics=[MetadataRequestTopic(name="deaths-shared")], allow_auto_topic_creation=False)
    talk.settle(shared, lambda answer: all(p.isr_nodes == [1] for p in answer.topics[0].partitions))
    talk.settle(DescribeClusterRequest(), lambda answer: len(answer.brokers) == 1)


@case(METADATA, "of a dead node's", last=True)
def _(talk: Talk) -> None:
    kill(talk)
    talk.ask(named("deaths-lost"), "its own partition")
    talk.ask(named("deaths-shared"), "partitions with another replica")


@case(PRODUCE, "to a dead node's", last=True)
def _(talk: Talk) -> None:
    kill(talk)
    lost, shared = talk.topic("deaths-lost"), talk.topic("deaths-shared")
    refused = produce((shared, 0, GOOD), timeout_ms=500)
    talk.settle(refused, lambda answer: answer.responses[0].partition_responses[0].error_code == 19)
    talk.ask(produce((lost, 0, GOOD)), "its own partition")
    talk.ask(produce((shared, 0, GOOD)), "too few in sync, by all")
    talk.ask(produce((shared, 1, GOOD), acks=1), "what it led, by the leader")


@case(FETCH, "of a dead node's", last=True)
def _(talk: Talk) -> None:
    kill(talk)
    lost, shared = talk.topic("deaths-lost"), talk.topic("deaths-shared")
    talk.ask(fetch((lost, 0, 0)), "its own partition")
    talk.ask(fetch((shared, 0, 0)), "a partition with another replica")
    if talk.version >= 9:
        talk.ask(fetch((shared, 1, 0), partition={"current_leader_epoch": 0}), "in the dead leader's epoch")


@case(LIST_OFFSETS, "of a dead node's", last=True)
def _(talk: Talk) -> None:
    kill(talk)
    lost, shared = talk.topic("deaths-lost"), talk.topic("deaths-shared")
    talk.ask(list_offsets((lost, 0, -1)), "its own partition")
    talk.ask(list_offsets((shared, 1, -1)), "what it led")
    talk.ask(list_offsets((shared, 1, -1), epoch=0), "in the dead leader's epoch")


@case(OFFSET_FOR_LEADER_EPOCH, "of a dead node's", last=True)
def _(talk: Talk) -> None:
    kill(talk)
    shared = talk.topic("deaths-shared")
    for epoch in (0, 1, 2):
        talk.ask(epochs((shared, 1, epoch), replica_id=-1), f"of epoch {epoch}")
    talk.ask(epochs((shared, 1, 0), current=0, replica_id=-1), "in the dead leader's epoch")


@case(CREATE_TOPICS, "without a node", last=True)
def _(talk: Talk) -> None:
    kill(talk)
    talk.ask(CreateTopicsRequest(topics=[wanted(talk.fresh("t"), 1, 2)], timeout_ms=10_000), "more replicas than live")
    talk.ask(CreateTopicsRequest(topics=[wanted(talk.fresh("u"), -1, -1, [1, DEAD])], timeout_ms=10_000), "on the dead")
