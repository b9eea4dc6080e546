"""Deleting topics, by name or by id.

The request's topics are checked as Kafka's ControllerApis does: a topic named twice, or by name and id, fails.
"""

from __future__ import annotations

from collections import Counter

from actors.controller.state import ControllerState, Decision
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)
from kstore.schema.messages.metadata_records import RemoveTopicRecord
from kstore.schema.uuids import ZERO


def delete(state: ControllerState, request: DeleteTopicsRequest, version: int) -> Decision:
    """DeleteTopics; up to version 5 topics come by name only."""
    asked = request.topics if version >= 6 else [DeleteTopicState(name=name) for name in request.topic_names]
    records: list[RemoveTopicRecord] = []
    results: list[DeletableTopicResult] = []
    names = Counter(topic.name for topic in asked if topic.name is not None)
    ids = Counter(topic.topic_id for topic in asked if topic.topic_id != ZERO)
    seen: set[tuple[str | None, bytes]] = set()
    known = {name: state.image.topics[name].id for name in names if name in state.image.topics}
    twice = {topic_id for topic_id in known.values() if ids[topic_id]}
    doomed: set[bytes] = set()
    for topic in asked:
        if (topic.name, topic.topic_id) in seen or (topic.name is None and topic.topic_id in twice):
            continue
        seen.add((topic.name, topic.topic_id))
        result = DeletableTopicResult(name=topic.name, topic_id=topic.topic_id)
        results.append(result)
        try:
            check_enabled(state, version)
            name, topic_id = resolved(state, topic, names, ids, doomed)
        except KafkaError as error:
            result.error_code, result.error_message = error.code, error.message
            if topic.name is not None and known.get(topic.name) in twice:
                result.topic_id = known[topic.name]
            continue
        doomed.add(topic_id)
        result.name, result.topic_id = name, topic_id
        records.append(RemoveTopicRecord(topic_id=topic_id))
    return Decision(list(records), DeleteTopicsResponse(responses=results))


def check_enabled(state: ControllerState, version: int) -> None:
    if not state.config.boolean("delete.topic.enable"):
        raise errors.TopicDeletionDisabled if version >= 3 else errors.InvalidRequest


def resolved(
    state: ControllerState,
    topic: DeleteTopicState,
    names: Counter[str],
    ids: Counter[bytes],
    doomed: set[bytes],
) -> tuple[str, bytes]:
    """The name and id of a topic to delete; raises an error for an invalid request."""
    if topic.name is None and topic.topic_id == ZERO:
        raise errors.InvalidRequest("Neither topic name nor id were specified.")
    if topic.name is not None and topic.topic_id != ZERO:
        raise errors.InvalidRequest("You may not specify both topic name and topic id.")
    if topic.name is not None:
        if names[topic.name] > 1:
            raise errors.InvalidRequest("Duplicate topic name.")
        found = state.image.topics.get(topic.name)
        if found is None:
            raise errors.UnknownTopicOrPartition("This server does not host this topic-partition.")
        if ids[found.id]:
            raise errors.InvalidRequest("The provided topic name maps to an ID that was already supplied.")
    else:
        if ids[topic.topic_id] > 1:
            raise errors.InvalidRequest("Duplicate topic id.")
        found = state.image.topic_by_id(topic.topic_id)
        if found is None:
            raise errors.UnknownTopicId("This server does not host this topic ID.")
    assert found.id not in doomed, "a topic was resolved twice"
    return found.name, found.id
