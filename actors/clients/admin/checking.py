"""What an admin's calls take, checked in the user's own call: nothing of a wrong type goes to a broker.

All of it raises ``TypeError``, or ``ConfigError`` for the values of configs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import index
from typing import Any, TypeVar

from actors.clients.structs import OffsetAndMetadata, TopicPartition
from kstore.errors.config import ConfigError

T = TypeVar("T")


def whole(what: str, value: Any) -> int:
    """A whole number, which a bool isn't."""
    try:
        found = index(value)
    except TypeError:
        raise TypeError(f"{what} is a whole number; got {value!r}") from None
    if isinstance(value, bool):
        raise TypeError(f"{what} is a whole number; got {value!r}")
    return found


def text(what: str, value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is a text; got {value!r}")
    return value


def listed(what: str, things: Iterable[T]) -> list[T]:
    """The things in the order given; a text isn't a list of letters."""
    if isinstance(things, str) or not isinstance(things, Iterable):
        raise TypeError(f"this takes a list of {what}; got {things!r}")
    return list(things)


def names(what: str, things: Iterable[str]) -> list[str]:
    """A list of texts, each once."""
    return list(dict.fromkeys(text(f"each of the {what}", each) for each in listed(what, things)))


def place(each: Any) -> TopicPartition:
    """A partition: a ``TopicPartition``, or a pair like one."""
    if not isinstance(each, tuple) or len(each) != 2:
        raise TypeError(f"a partition is a TopicPartition; got {each!r}")
    return TopicPartition(text("a topic's name", each[0]), whole("a partition's number", each[1]))


def places(things: Iterable[TopicPartition]) -> list[TopicPartition]:
    """A list of partitions, each once."""
    return list(dict.fromkeys(place(each) for each in listed("partitions", things)))


def numbers(what: str, things: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """A whole number by partition; one that is more than that stays what it is."""
    for value in things.values():
        whole(what, value)
    return {place(each): value for each, value in things.items()}


def commits(offsets: Mapping[TopicPartition, OffsetAndMetadata | int]) -> dict[TopicPartition, OffsetAndMetadata]:
    """An offset to commit by partition, with or without a text beside it."""
    found = {}
    for each, value in offsets.items():
        full = value if isinstance(value, OffsetAndMetadata) else OffsetAndMetadata(value)
        text("the metadata of an offset", full.metadata)
        whole("a leader epoch", full.leader_epoch)
        found[place(each)] = full._replace(offset=whole("an offset", full.offset))
    return found


def config_text(key: str, value: Any) -> str:
    """A config's value as Kafka reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        raise ConfigError(f"the value of {key} must be a text, a number or a bool; got {value!r}")
    return str(value)


def config_texts(configs: Mapping[str, Any] | None) -> dict[str, str]:
    """The values of configs by name."""
    return {text("a config's name", key): config_text(key, value) for key, value in (configs or {}).items()}
