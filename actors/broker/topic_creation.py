"""Creation of topics by the controller, within the limits of one request.

The limits are Apache Kafka's, for a whole request: 10,000 partitions, and 10,000 records of the metadata log. A request
beyond them makes nothing. Others are decided in portions; this node waits until it knows one before it sends the next.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.controller_portions import portioned, with_items
from actors.broker.forwarding import failed, to_controller, until_known
from actors.broker.slices import sliced
from actors.runtime import Coroutine
from kstore.errors import KafkaError, PolicyViolation
from kstore.schema.messages.create_topics import (
    CreatableTopic,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)

PARTITIONS_MAX = 10_000
RECORDS_MAX = 10_000


def created(
    call: Call, request: CreateTopicsRequest, version: int | None = None, *, await_known: bool = True
) -> Coroutine:
    """The controller's response to a CreateTopicsRequest; a ``KafkaError`` if it could not be asked."""
    excess = yield from too_many(call, request.topics)
    if excess is not None:
        return CreateTopicsResponse(topics=(yield from refused(request.topics, excess)))
    results: list[CreatableTopicResult] = []
    for portion in (yield from portioned(request.topics, name_of, lambda topic: 1 + partitions_of(call, topic))):
        outcome = yield from to_controller(call, with_items(request, "topics", portion), version)
        error = failed(outcome)
        if error is not None:
            if not results:
                return error
            results += yield from refused(portion, error)
            continue
        results += outcome.topics
        if await_known and not request.validate_only:
            yield from until_known(call, tuple(topic.name for topic in outcome.topics if not topic.error_code))
    return CreateTopicsResponse(topics=results)


def name_of(topic: CreatableTopic) -> str:
    return topic.name


def partitions_of(call: Call, topic: CreatableTopic) -> int:
    """How many partitions the topic would have; 0 for an invalid request, which the controller refuses."""
    if topic.assignments:
        return len(topic.assignments)
    if topic.num_partitions == -1:
        default: int = call.view.config.integer("num.partitions")
        return default
    return max(topic.num_partitions, 0)


def too_many(call: Call, topics: list[CreatableTopic]) -> Coroutine:
    """The error if a request with these topics is too large, else None."""
    partitions = records = 0

    def count(topic: CreatableTopic) -> None:
        nonlocal partitions, records
        more = partitions_of(call, topic)
        partitions += more
        records += 1 + more + len(topic.configs)

    yield from sliced(topics, count)
    if partitions > PARTITIONS_MAX:
        return PolicyViolation("Excessively large number of partitions per request.")
    if records > RECORDS_MAX:
        return PolicyViolation("Unable to perform excessively large batch operation.")
    return None


def refused(topics: list[CreatableTopic], error: KafkaError) -> Coroutine:
    """The same error for each topic, once even if it is named several times."""
    once: dict[str, None] = {}
    yield from sliced(topics, lambda topic: once.setdefault(topic.name))

    def result(name: str) -> CreatableTopicResult:
        return CreatableTopicResult(name=name, error_code=error.code, error_message=error.message)

    return (yield from sliced(list(once), result))
