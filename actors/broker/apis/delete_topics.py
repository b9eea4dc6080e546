"""DeleteTopics (key 20): remove topics with all their records and configs; the controller decides.

Version 6 names topics by name or by id, earlier ones by name only; version 5 added error messages. The response comes
once the decision is on the controller's disk; each node deletes its replicas' files when it learns of it.
"""

from __future__ import annotations

from collections.abc import Hashable

from actors.broker.call import Call
from actors.broker.controller_portions import allowed_of, decided
from actors.broker.forwarding import failed
from actors.broker.slices import sliced
from actors.node.authorizer import CLUSTER, DELETE, DESCRIBE, TOPIC, refusal
from actors.node.authorizer import topic as of_topic
from actors.runtime import Coroutine
from kstore.errors import KafkaError
from kstore.schema.messages.delete_topics import DeletableTopicResult, DeleteTopicsResponse, DeleteTopicState
from kstore.schema.uuids import ZERO

API_KEY = 20
VERSIONS = (1, 6)

Topic = DeleteTopicState | str
"""As the request names it: by a state from version 6 on."""


def handle(call: Call) -> Coroutine:
    """Pass the request to the controller."""
    by_state = call.version >= 6
    names = call.view.image.topic_names_by_id
    deletes_any = call.authorize(DELETE, CLUSTER)
    is_enabled = call.view.config.boolean("delete.topic.enable")

    def is_allowed(topic: Topic) -> bool:
        if deletes_any or not is_enabled:
            return True
        asked = state_of(topic)
        name = names.get(asked.topic_id) if asked.name is None else asked.name
        if name is None or (asked.name is not None and asked.topic_id != ZERO):
            return True  # there is no such topic, or both a name and an id are given
        if call.authorize(DELETE, of_topic(name)):
            return asked.name is None or call.authorize(DESCRIBE, of_topic(name))
        is_absent = asked.name is not None and name not in call.view.image.topics
        return is_absent and call.authorize(DESCRIBE, of_topic(name))

    def hidden(topic: Topic) -> DeletableTopicResult:
        result = refused(topic, refusal(TOPIC))
        name = names.get(result.topic_id)
        if name is not None and call.authorize(DESCRIBE, of_topic(name)):
            result.name = name
        return result

    def key(topic: Topic) -> Hashable:
        asked = state_of(topic)
        return names.get(asked.topic_id, asked.topic_id) if asked.name is None else asked.name

    field = "topics" if by_state else "topic_names"
    request, allowed, not_allowed = yield from allowed_of(call, field, key, is_allowed)
    outcome = yield from decided(call, request, field, key, "responses", refused)
    error = failed(outcome)
    if error is not None:
        outcome = DeleteTopicsResponse(responses=(yield from sliced(allowed, lambda topic: refused(topic, error))))
    outcome.responses += yield from sliced(not_allowed, hidden)
    return outcome


def state_of(topic: Topic) -> DeleteTopicState:
    """The requested topics, in the form of the newest version."""
    return DeleteTopicState(name=topic) if isinstance(topic, str) else topic


def refused(topic: Topic, error: KafkaError) -> DeletableTopicResult:
    asked = state_of(topic)
    return DeletableTopicResult(
        name=asked.name, topic_id=asked.topic_id, error_code=error.code, error_message=error.message
    )
