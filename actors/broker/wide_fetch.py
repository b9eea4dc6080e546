"""A Fetch with very many partitions: reduced to those that this node has, before the fetch service gets it.

Each partition counts once; the last entry for it counts (as in Kafka). If more than a few aren't here, their errors are
answered at once, without a session: none is opened for partitions that the node doesn't have, and an open one is
reported as unknown, so that the client begins a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.call import NO_RESPONSE, PAUSE
from actors.broker.controller_portions import with_items
from actors.broker.endpoints import located
from actors.broker.slices import PART, portions, sliced
from actors.partition.fetch.answers import TOPIC_IDS_FROM, failed_partition
from actors.partition.fetch.requests import Fetch
from actors.partition.fetch.service import replica_of
from actors.partition.fetch.sessions import FINAL_EPOCH, INITIAL_EPOCH
from actors.runtime import Ask, Coroutine
from kstore.errors import FetchSessionIdNotFound
from kstore.schema.messages.fetch import FetchableTopicResponse, FetchPartition, FetchRequest, FetchResponse, FetchTopic

if TYPE_CHECKING:
    from actors.broker.call import Call

PartitionKey = tuple[str | bytes, int]


def is_wide(request: FetchRequest) -> bool:
    """Whether a request has more partitions than are checked in one turn."""
    return sum(len(topic.partitions) for topic in request.topics) > PART


def fetched(call: Call) -> Coroutine:
    """The answer to a wide fetch."""
    request = call.request
    here: dict[PartitionKey, FetchPartition] = {}
    absent: dict[PartitionKey, int] = {}
    yield from _sort_out(call, here, absent)
    if len(absent) > PART and request.session_epoch not in (INITIAL_EPOCH, FINAL_EPOCH):
        return FetchResponse(error_code=FetchSessionIdNotFound.code)
    asked = with_items(request, "topics", (yield from _topics(here)))
    if len(absent) > PART:
        asked.session_epoch = FINAL_EPOCH
        asked.max_wait_ms = 0
    fetch = Fetch(asked, call.version, call.is_broker, call.connection.number, call.may_read)
    service = call.view.fetch_service
    assert service is not None, "the fetch service is there before connections are accepted"
    outcome = yield Ask(service, fetch)
    if isinstance(outcome, Exception):
        call.connection.refuse()  # the node is stopping
        return NO_RESPONSE
    outcome.node_endpoints = located(call, outcome.node_endpoints)
    if len(absent) > PART:
        yield from _add_errors(call, outcome, absent)
    return outcome


def _sort_out(call: Call, here: dict[PartitionKey, FetchPartition], absent: dict[PartitionKey, int]) -> Coroutine:
    """Each partition once: those to ask a replica about (with at most a few that have none), and the others."""
    by_id = call.version >= TOPIC_IDS_FROM
    for number, portion in enumerate(portions(call.request.topics, lambda topic: topic.partitions)):
        if number:
            yield PAUSE
        for topic, partitions in portion:
            name = topic.topic_id if by_id else topic.topic
            for asked in partitions:
                key = name, asked.partition
                replica = replica_of(call.view, *key, call.may_read)
                if isinstance(replica, int):
                    absent[key] = replica
                if not isinstance(replica, int) or len(absent) <= PART:
                    here[key] = asked
    if len(absent) > PART:
        for key in [key for key in here if key in absent]:
            del here[key]


def _topics(here: dict[PartitionKey, FetchPartition]) -> Coroutine:
    topics: dict[str | bytes, FetchTopic] = {}

    def put(item: tuple[PartitionKey, FetchPartition]) -> None:
        name = item[0][0]
        topic = topics.get(name)
        if topic is None:
            topic = topics[name] = FetchTopic(topic=name) if isinstance(name, str) else FetchTopic(topic_id=name)
        topic.partitions.append(item[1])

    yield from sliced(list(here.items()), put)
    return list(topics.values())


def _add_errors(call: Call, response: FetchResponse, absent: dict[PartitionKey, int]) -> Coroutine:
    by_id = call.version >= TOPIC_IDS_FROM
    topics = {topic.topic_id if by_id else topic.topic: topic for topic in response.responses}

    def put(key: PartitionKey) -> None:
        name, partition = key
        topic = topics.get(name)
        if topic is None:
            topic = (
                FetchableTopicResponse(topic=name) if isinstance(name, str) else FetchableTopicResponse(topic_id=name)
            )
            topics[name] = topic
            response.responses.append(topic)
        topic.partitions.append(failed_partition(partition, absent[key]))

    yield from sliced(list(absent), put)
