"""Cases of CreateTopics, DeleteTopics, CreatePartitions, ElectLeaders and partition reassignments."""

from __future__ import annotations

from typing import Any

from controller.admin_requests import creations
from matrix.case import Talk, Topic, case

from kstore.schema.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    ReassignablePartition,
    ReassignableTopic,
)
from kstore.schema.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from kstore.schema.messages.create_topics import CreateTopicsRequest
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.elect_leaders import ElectLeadersRequest, TopicPartitions
from kstore.schema.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsTopics,
)

CREATE_TOPICS, DELETE_TOPICS, CREATE_PARTITIONS = 19, 20, 37
ELECT_LEADERS, ALTER_REASSIGNMENTS, LIST_REASSIGNMENTS = 43, 45, 46


@case(CREATE_TOPICS, "right and wrong")
def _(talk: Talk) -> None:
    for step, request in creations():
        own = renamed(talk, request)
        answer = talk.ask(own, step)
        remember(talk, answer)


def renamed(talk: Talk, request: CreateTopicsRequest) -> CreateTopicsRequest:
    """The same, of topics that no other version has, and with more replicas where two are too many elsewhere."""
    for topic in request.topics:
        if topic.replication_factor == 2:
            topic.replication_factor = 3
        if topic.name and len(topic.name) < 100 and not topic.name.startswith((".", "_", "a b")):
            topic.name = talk.fresh(topic.name)
    return request


def remember(talk: Talk, answer: Any) -> None:
    """Which id is whose, for the answers to come."""
    for topic in getattr(answer, "topics", []):
        if any(topic.topic_id):
            talk.labels.topic_ids[bytes(topic.topic_id)] = topic.name


@case(CREATE_TOPICS, "in the request")
def _(talk: Talk) -> None:
    talk.ask(CreateTopicsRequest(topics=[], timeout_ms=10_000), "nothing")
    for name, timeout_ms in {"no time": 0, "negative time": -1}.items():
        (_, request), *_ = creations()
        request.timeout_ms = timeout_ms
        request.validate_only = True
        talk.ask(renamed(talk, request), name)


def add(name: str, count: int, *replicas: list[int], times: int = 1, **fields: Any) -> CreatePartitionsRequest:
    assignments = [CreatePartitionsAssignment(broker_ids=each) for each in replicas] or None
    wanted = CreatePartitionsTopic(name=name, count=count, assignments=assignments)
    return CreatePartitionsRequest(**{"topics": [wanted] * times, "timeout_ms": 10_000, **fields})


@case(CREATE_PARTITIONS, "right and wrong")
def _(talk: Talk) -> None:
    name = talk.topic(talk.fresh("t"), 1, 1).name
    talk.ask(add(name, 3), "one more")
    talk.ask(add(name, 3), "as many")
    talk.ask(add(name, 1), "fewer")
    talk.ask(add(name, 0), "none")
    talk.ask(add(name, -1), "a negative number")
    talk.ask(add(talk.fresh("nowhere"), 3), "to none")
    talk.ask(add("a b", 3), "to what can't be")
    talk.ask(add("", 3), "to what has no name")
    talk.ask(add(name, 4, [2]), "assigned")
    talk.ask(add(name, 6, [1]), "assigned too few")
    talk.ask(add(name, 5, [1], [1]), "assigned too many")
    talk.ask(add(name, 5, [9]), "assigned to a stranger")
    talk.ask(add(name, 5, []), "assigned to nobody")
    talk.ask(add(name, 5, [1, 2]), "assigned more replicas")
    talk.ask(add(name, 5, [1, 1]), "assigned twice to one")
    talk.ask(add(name, 5, times=2), "asked for twice")
    talk.ask(add(name, 5, validate_only=True), "only validated")
    talk.ask(CreatePartitionsRequest(topics=[], timeout_ms=10_000), "nothing")


@case(DELETE_TOPICS, "by name")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"))

    def of(*names: str) -> DeleteTopicsRequest:
        states = [DeleteTopicState(name=name) for name in names]
        return DeleteTopicsRequest(topics=states, topic_names=list(names), timeout_ms=10_000)

    talk.ask(of("nowhere"), "none")
    talk.ask(of("a b"), "what can't be")
    talk.ask(of(""), "what has no name")
    talk.ask(of(topic.name, topic.name), "one twice")
    talk.ask(of(), "nothing")
    talk.ask(of(topic.name, "nowhere"), "one, and one that isn't there")
    talk.ask(of(topic.name), "again")


@case(DELETE_TOPICS, "by id", since=6)
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"))

    def of(*states: DeleteTopicState) -> DeleteTopicsRequest:
        return DeleteTopicsRequest(topics=list(states), timeout_ms=10_000)

    nowhere = DeleteTopicState(name=None, topic_id=b"nowhere-at-all-!")
    by_id = DeleteTopicState(name=None, topic_id=topic.id)
    talk.ask(of(nowhere), "none")
    talk.ask(of(DeleteTopicState(name=None)), "neither id nor name")
    talk.ask(of(DeleteTopicState(name=topic.name, topic_id=topic.id)), "both id and name")
    talk.ask(of(by_id, by_id), "one twice")
    talk.ask(of(by_id, DeleteTopicState(name=topic.name)), "one by id and by name")
    talk.ask(of(by_id, nowhere), "one, and one that isn't there")


def elect(*parts: tuple[str, list[int]], kind: int = 0, all_of_them: bool = False) -> ElectLeadersRequest:
    topics = [TopicPartitions(topic=name, partitions=indexes) for name, indexes in parts]
    return ElectLeadersRequest(election_type=kind, topic_partitions=None if all_of_them else topics, timeout_ms=10_000)


@case(ELECT_LEADERS, "right and wrong")
def _(talk: Talk) -> None:
    topic = talk.topic("elect-leaders", replicas=[[1, 2], [2, 1]])
    talk.ask(elect((topic.name, [0])), "the one that leads")
    talk.ask(elect((topic.name, [0, 1])), "two partitions")
    talk.ask(elect((topic.name, [7])), "no such partition")
    talk.ask(elect(("nowhere", [0])), "no such topic")
    talk.ask(elect(), "nothing")
    talk.ask(elect(all_of_them=True), "all")
    if talk.version >= 1:
        talk.ask(elect((topic.name, [0]), kind=1), "an unclean election that nobody needs")
        talk.ask(elect((topic.name, [0]), kind=7), "no such kind", via="kind")


def reassign(topic: str, index: int, replicas: list[int] | None, **fields: Any) -> AlterPartitionReassignmentsRequest:
    parts = [ReassignablePartition(partition_index=index, replicas=replicas)]
    topics = [ReassignableTopic(name=topic, partitions=parts)]
    return AlterPartitionReassignmentsRequest(topics=topics, timeout_ms=10_000, **fields)


def listed(*names: str) -> ListPartitionReassignmentsRequest:
    topics = [ListPartitionReassignmentsTopics(name=name, partition_indexes=[0, 1]) for name in names] or None
    return ListPartitionReassignmentsRequest(topics=topics, timeout_ms=10_000)


@case(ALTER_REASSIGNMENTS, "right and wrong")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("t"))
    talk.ask(reassign(topic.name, 0, None), "cancelled when there is none")
    talk.ask(reassign(topic.name, 0, [9]), "to a stranger")
    talk.ask(reassign(topic.name, 0, []), "to nobody")
    talk.ask(reassign(topic.name, 0, [1, 1]), "twice to one")
    talk.ask(reassign(topic.name, 0, [-1]), "to a negative node")
    talk.ask(reassign(topic.name, 7, [1]), "no such partition")
    talk.ask(reassign("nowhere", 0, [1]), "no such topic")
    if talk.version >= 1:
        talk.ask(reassign(topic.name, 0, [1, 2], allow_replication_factor_change=False), "more where that is barred")
    talk.ask(reassign(topic.name, 0, [1]), "where it is")
    talk.ask(reassign(topic.name, 0, [2]), "moved")
    moved(talk, topic)


def moved(talk: Talk, topic: Topic) -> None:
    """Wait until a move is over, and note where the partition is."""
    talk.settle(listed(topic.name), lambda answer: not answer.topics)
    talk.known_everywhere(topic.name)


@case(LIST_REASSIGNMENTS, "when there are none")
def _(talk: Talk) -> None:
    talk.ask(listed(), "all")
    talk.ask(listed("nowhere"), "of no topic")
