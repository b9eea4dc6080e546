"""Cases of DescribeLogDirs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from matrix.case import Talk, Topic, case
from matrix.cases.producing import GOOD, THEN, batch, produce
from model.batch_model import ModelRecord

from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.describe_log_dirs import (
    DescribableLogDirTopic,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
)

DESCRIBE_LOG_DIRS = 35
METADATA = "__cluster_metadata"
EVERYBODYS = (METADATA, "__consumer_offsets")


def of(*topics: tuple[str, Iterable[int]]) -> DescribeLogDirsRequest:
    return DescribeLogDirsRequest(
        topics=[DescribableLogDirTopic(topic=name, partitions=list(numbers)) for name, numbers in topics]
    )


def asked(talk: Talk, request: DescribeLogDirsRequest, step: str, *, node: int = 1, room: bool = False) -> None:
    """Note an answer without what is the machine's own: the folder's path, and how much room its disk has; with
    ``room`` whether there is some.
    """
    answer = talk.quietly(request, node=node, version=talk.version)
    for found in answer.results:
        assert found.log_dir
        found.log_dir = "folder"
        assert found.usable_bytes <= found.total_bytes
        found.total_bytes, found.usable_bytes = (
            min(each, 1) if room else 0 for each in (found.total_bytes, found.usable_bytes)
        )
        if request.topics is None:
            found.topics = [topic for topic in found.topics if topic.name in EVERYBODYS or talk.is_own(topic.name)]
            for topic in found.topics:
                if topic.name in EVERYBODYS:
                    topic.partitions = []
    talk.note(step, answer, talk.version)


def written(talk: Talk, name: str, *replicas: list[int], data: bytes = GOOD, times: int = 1, **configs: str) -> Topic:
    """A topic of its own, with batches in each partition that every replica has."""
    topic = talk.topic(talk.fresh(name), replicas=replicas, **configs)
    for number, nodes in enumerate(replicas):
        for _ in range(times):
            talk.quietly(produce((topic, number, data)), node=nodes[0])
    for number, nodes in enumerate(replicas):
        wanted = of((topic.name, [number]))
        has_all = partial(is_as_long, talk.quietly(wanted, node=nodes[0]))
        for node in nodes[1:]:
            talk.settle(wanted, has_all, node=node)
    return topic


def is_as_long(one: DescribeLogDirsResponse, other: DescribeLogDirsResponse) -> bool:
    """Whether two brokers tell the same size of the only partition that both were asked for."""
    first, second = (answer.results[0].topics[0].partitions[0].partition_size for answer in (one, other))
    return first == second


@case(DESCRIBE_LOG_DIRS, "the room on the disk")
def _(talk: Talk) -> None:
    for node in (1, 2):
        asked(talk, of(), f"of node {node}", node=node, room=True)


@case(DESCRIBE_LOG_DIRS, "some partitions")
def _(talk: Talk) -> None:
    topic = written(talk, "t", [1], [2], [1])
    replicated = written(talk, "replicated", [1, 2], [2, 1], times=2)
    empty = talk.topic(talk.fresh("empty"), 1)
    for node in (1, 2):
        for number in range(3):
            asked(talk, of((topic.name, [number])), f"partition {number}, asked of node {node}", node=node)
        asked(talk, of((topic.name, [2, 0, 1])), f"all three, asked of node {node}", node=node)
        several = of((replicated.name, [0, 1]), (topic.name, [0, 1]), (empty.name, [0]))
        asked(talk, several, f"of three topics, asked of node {node}", node=node)
    asked(talk, of((topic.name, [0, 0])), "one twice")
    asked(talk, of((topic.name, [0]), (topic.name, [0])), "a topic twice")
    asked(talk, of((topic.name, [2]), (topic.name, [0])), "a topic twice, by other partitions")


@case(DESCRIBE_LOG_DIRS, "what isn't there")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"), 1)
    asked(talk, of(), "no topic")
    asked(talk, of((topic.name, [])), "no partition")
    asked(talk, of((topic.name, [1])), "no such partition")
    asked(talk, of((topic.name, [-1])), "partition -1")
    asked(talk, of((topic.name, [0, 7])), "one of two partitions")
    asked(talk, of(("nowhere", [0])), "another topic")
    asked(talk, of(("nowhere", [0]), (topic.name, [0])), "one of two topics")
    asked(talk, of(("", [0])), "a topic without a name")
    asked(talk, of(("a b", [0])), "a name that none may have")
    asked(talk, of((METADATA, [0])), "the metadata log")


@case(DESCRIBE_LOG_DIRS, "all partitions")
def _(talk: Talk) -> None:
    written(talk, "t", [1], [2])
    written(talk, "replicated", [1, 2])
    for node in (1, 2):
        asked(talk, DescribeLogDirsRequest(topics=None), f"of node {node}", node=node)


@case(DESCRIBE_LOG_DIRS, "a log of several segments")
def _(talk: Talk) -> None:
    data = batch(records=[ModelRecord(0, THEN, None, bytes(200_000))])
    topic = written(talk, "t", [1, 2], data=data, times=12, segment_bytes="1048576")
    for node in (1, 2):
        asked(talk, of((topic.name, [0])), f"of node {node}", node=node)


@case(DESCRIBE_LOG_DIRS, "a topic that was deleted")
def _(talk: Talk) -> None:
    topic = written(talk, "t", [1, 2])
    talk.quietly(DeleteTopicsRequest(topics=[DeleteTopicState(name=topic.name)], timeout_ms=10_000))
    for node in (1, 2):
        talk.settle(of((topic.name, [0])), lambda answer: not answer.results[0].topics, node=node)
        asked(talk, of((topic.name, [0])), f"asked of node {node}", node=node)
        asked(talk, DescribeLogDirsRequest(topics=None), f"all, asked of node {node}", node=node)
