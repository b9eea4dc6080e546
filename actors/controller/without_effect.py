"""Configs that have no effect yet: a line of the log, once for each key of a cluster.

What was set before, and what a folder comes with, is told as the controller begins. Kafka's own topics are passed over:
their configs are kstore's doing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from actors.config.effect import line, printable
from actors.config.resource_type import ResourceType
from actors.config.resources import called, without_effect
from actors.image import topic_names
from actors.image.image import ClusterImage
from actors.runtime.logs import logger
from kstore.schema.messages.metadata_records import ConfigRecord

Said = set[tuple[int, str]]
"""The keys that were told of, by the kind of what they belong to."""


def tell_of_records(records: Iterable[object], said: Said) -> None:
    """Tell of what these records set."""
    for record in records:
        if isinstance(record, ConfigRecord) and record.value is not None:
            tell_of(record.resource_type, record.resource_name, {record.name: record.value}, said)


def tell_of_image(image: ClusterImage, said: Said) -> None:
    """Tell of all that is set."""
    for (kind, name), configs in image.configs.items():
        tell_of(kind, name, configs, said)


def tell_of(kind: int, name: str, configs: Mapping[str, str], said: Said) -> None:
    """Tell of one resource's configs."""
    if kind == ResourceType.TOPIC and name in topic_names.INTERNAL_TOPICS:
        return
    for key, text in without_effect(kind, configs.items()):
        if (kind, key) not in said:
            said.add((kind, key))
            logger("configs").warning("%s", printable(line(key, text, called(kind, name))))
