"""CreatePartitions (key 37): add partitions to topics; the controller decides and places them.

All versions have the same fields; 2 is flexible, 3 allows quota errors, which kstore doesn't have.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.controller_portions import allowed_of, decided
from actors.broker.forwarding import failed
from actors.broker.slices import sliced
from actors.node.authorizer import ALTER
from actors.node.authorizer import topic as of_topic
from actors.runtime import Coroutine
from kstore.errors import KafkaError, PolicyViolation, TopicAuthorizationFailed
from kstore.schema.messages.create_partitions import (
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)

API_KEY = 37
VERSIONS = (0, 3)

TOPICS_MAX = 10_000
"""The limit for one request, as in Kafka; the controller limits how many partitions may be made."""


def handle(call: Call) -> Coroutine:
    """Pass the request to the controller."""

    def is_allowed(topic: CreatePartitionsTopic) -> bool:
        return call.authorize(ALTER, of_topic(topic.name))

    request, allowed, refused = yield from allowed_of(call, "topics", _name_of, is_allowed)
    code = TopicAuthorizationFailed.code
    hidden = [CreatePartitionsTopicResult(name=topic.name, error_code=code, error_message=None) for topic in refused]
    error: KafkaError | None = None
    if len(allowed) > TOPICS_MAX:
        error = PolicyViolation("Unable to perform excessively large batch operation.")
    else:
        outcome = yield from decided(call, request, "topics", _name_of, "results", _refused, weight=_partitions_asked)
        error = failed(outcome)
        if error is None:
            outcome.results += hidden
            return outcome
    results = yield from sliced(allowed, lambda topic: _refused(topic, error))
    return CreatePartitionsResponse(results=results + hidden)


def _name_of(topic: CreatePartitionsTopic) -> str:
    return topic.name


def _partitions_asked(topic: CreatePartitionsTopic) -> int:
    """An upper bound: existing partitions aren't subtracted."""
    return max(topic.count, 1)


def _refused(topic: CreatePartitionsTopic, error: KafkaError) -> CreatePartitionsTopicResult:
    return CreatePartitionsTopicResult(name=topic.name, error_code=error.code, error_message=error.message)
