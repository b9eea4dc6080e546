"""Cases of a node that has died: what the other one says of what the dead one led and held. Played last."""

from __future__ import annotations

from matrix.case import Talk, case
from matrix.cases.clusters import named
from matrix.cases.fetching import fetch
from matrix.cases.producing import GOOD, produce

from kstore.schema.messages.describe_cluster import DescribeClusterRequest
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic

DEAD = 2
PRODUCE, FETCH, METADATA, CREATE_TOPICS = 0, 1, 3, 19


def kill(talk: Talk) -> None:
    """Make topics, and end the second node, unless that was done; wait until the first knows."""
    talk.topic("deaths-lost", DEAD)
    talk.topic("deaths-shared", replicas=[[1, 2], [2, 1]], min_insync_replicas="2")
    if DEAD in talk.cluster.living:
        talk.cluster.kill(DEAD)
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
    talk.ask(produce((lost, 0, GOOD)), "its own partition")
    talk.ask(produce((shared, 0, GOOD)), "too few in sync, by all")
    talk.ask(produce((shared, 1, GOOD), acks=1), "what it led, by the leader")


@case(FETCH, "of a dead node's", last=True)
def _(talk: Talk) -> None:
    kill(talk)
    lost, shared = talk.topic("deaths-lost"), talk.topic("deaths-shared")
    talk.ask(fetch((lost, 0, 0)), "its own partition")
    talk.ask(fetch((shared, 0, 0)), "a partition with another replica")
