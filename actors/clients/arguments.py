"""Checks of what users give to clients' calls: partitions, offsets and configs. They are made in the user's own call.

They stand beside ``kstore.errors.arguments``, for what only Kafka knows. Nothing of a wrong type gets to an actor or a
broker. All raise ``TypeError`` or ``ValueError``; for values of configs it is ``ConfigError``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from operator import index
from typing import TYPE_CHECKING, Any

from actors.clients.structs import GroupMetadata, OffsetAndMetadata, SubscriptionPattern, TopicPartition
from kstore.errors import InvalidGroupId
from kstore.errors.arguments import by_name, check_sendable, listed, offset, plain_whole, shown, text, whole
from kstore.errors.config import ConfigError

if TYPE_CHECKING:
    from actors.clients.keywords.table import ConsumerConfig

PAIR = 2
LISTENS = ("on_partitions_revoked", "on_partitions_assigned", "on_partitions_lost")


def names(name: str, things: Iterable[str], of: str = "texts") -> list[str]:
    """A list of texts, each once."""
    return list(dict.fromkeys([text(f"each of {name}", each) for each in listed(name, things, of)]))


def partition(name: str, each: object) -> TopicPartition:
    """A partition: a ``TopicPartition``, or a pair like one."""
    if not isinstance(each, (tuple, list)) or len(each) != PAIR:
        raise TypeError(f"{name} is a TopicPartition; got {shown(each)}")
    topic, number = each
    return TopicPartition(text(f"the topic of {name}", topic), whole(f"the number of {name}", number, 0))


def partitions(name: str, things: Iterable[TopicPartition]) -> list[TopicPartition]:
    """A list of partitions, each once."""
    if isinstance(things, TopicPartition):
        raise TypeError(f"{name} is a list of partitions: for one, give [{shown(things)}]")
    return list(dict.fromkeys([partition(f"each of {name}", each) for each in listed(name, things, "TopicPartition")]))


def numbers(name: str, things: Mapping[TopicPartition, int], least: int) -> dict[TopicPartition, int]:
    """An offset or a time for each partition; a value that is more than a plain number stays as it is."""
    found = {}
    for each, value in by_name(name, things, "numbers by TopicPartition").items():
        plain = offset(f"each value of {name}", value, least)
        found[partition(f"each key of {name}", each)] = value if isinstance(value, int) else plain
    return found


def commit(name: str, value: OffsetAndMetadata | int) -> OffsetAndMetadata:
    """An offset with or without a text beside it."""
    full: Any = value if isinstance(value, OffsetAndMetadata) else OffsetAndMetadata(plain_whole(name, value))
    metadata = full.metadata
    return OffsetAndMetadata(
        offset(f"the offset of {name}", full.offset),
        text(f"the metadata of {name}", metadata) if metadata is not None else "",
        whole(f"the leader epoch of {name}", full.leader_epoch, -1),
    )


def commits(
    name: str, offsets: Mapping[TopicPartition, OffsetAndMetadata | int]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """An offset to commit by partition."""
    return {
        partition(f"each key of {name}", each): commit(f"each value of {name}", value)
        for each, value in by_name(name, offsets, "offsets by TopicPartition").items()
    }


def group_metadata(name: str, value: GroupMetadata) -> GroupMetadata:
    """Who a consumer is in its group."""
    if not isinstance(value, GroupMetadata):
        raise TypeError(f"{name} is consumer.group_metadata(); got {shown(value)}")
    return GroupMetadata(
        text(f"the group_id of {name}", value.group_id),
        whole(f"the generation_id of {name}", value.generation_id, -1),
        text(f"the member_id of {name}", value.member_id),
        text(f"the group_instance_id of {name}", value.group_instance_id, or_none=True),
    )


def pattern_of(name: str, pattern: object) -> re.Pattern[str] | None:
    """A regular expression that names of topics match, or None."""
    if pattern is None:
        return None
    if isinstance(pattern, SubscriptionPattern):
        raise TypeError(f"{name} is for the consumer to match; for the broker, subscribe({shown(pattern)})")
    try:
        found = re.compile(pattern) if isinstance(pattern, str) else pattern
    except re.error as wrong:
        raise ValueError(f"{name} is a regular expression; got {shown(pattern)}: {wrong}") from None
    if not isinstance(found, re.Pattern) or not isinstance(found.pattern, str):
        raise TypeError(f"{name} is a regular expression of text, or None; got {shown(pattern)}")
    return found


def subscription(
    topics: object, pattern: object, config: ConsumerConfig
) -> list[str] | re.Pattern[str] | SubscriptionPattern:
    """What to subscribe to: topics, no topics, or one of the two kinds of patterns."""
    if isinstance(topics, (str, bytes)):
        raise TypeError(f"topics are a collection of names; for one topic, give [{shown(topics)}]")
    found = pattern_of("pattern", pattern)
    if isinstance(topics, SubscriptionPattern):
        if not text("the pattern of a SubscriptionPattern", topics.pattern):
            raise ValueError("a SubscriptionPattern can't be empty")
        if config.group_protocol == "classic":
            raise ValueError(
                'the broker matches a SubscriptionPattern only with group_protocol="consumer"; in a classic group the '
                "consumer matches a pattern=..."
            )
        check_group(config)
        if found is None:
            return topics
    else:
        wanted = names("topics", topics)  # type: ignore[arg-type]  # which is found out there
        if found is None or not wanted:
            return wanted if found is None else found
    raise ValueError("subscribe to topics or to a pattern, not to both")


def check_group(config: ConsumerConfig) -> None:
    """Raise ``InvalidGroupId`` for what only a member of a group can do."""
    if config.group_id is None:
        raise InvalidGroupId("to commit, to be told of rebalances or to read what brokers match, one needs a group_id")


def check_listener(name: str, listener: object) -> None:
    """Raise ``TypeError`` for an object that isn't a rebalance listener."""
    lacking = [each for each in LISTENS if not callable(getattr(listener, each, None))]
    if listener is not None and lacking:
        raise TypeError(f"{name} is a ConsumerRebalanceListener, or None; got {shown(listener)} without {lacking[0]}")


def config_text(key: str, value: Any) -> str:
    """A config's value as Kafka reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, float)):
        try:
            value = index(value)
        except TypeError:
            raise ConfigError(f"the value of {key} must be a text, a number or a bool; got {shown(value)}") from None
    told = str.__str__(value) if isinstance(value, str) else str(value)
    try:
        check_sendable(f"the value of {key}", told)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return told


def config_texts(name: str, configs: Mapping[str, object] | None) -> dict[str, str]:
    """The values of configs by name."""
    given = {} if configs is None else by_name(name, configs, "values by key")
    return {text(f"each key of {name}", key): config_text(key, value) for key, value in given.items()}
