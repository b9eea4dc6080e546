"""Logs configs that have no effect yet: one line for each key of a cluster.

Configs that were set before, or are in an existing folder, are logged when the controller starts. Kafka's own topics
are skipped: kstore sets their configs itself.
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
"""The keys that were logged, by resource type."""


def tell_of_records(records: Iterable[object], said: Said) -> None:
    """Log what these records set."""
    for record in records:
        if isinstance(record, ConfigRecord) and record.value is not None:
            tell_of(record.resource_type, record.resource_name, {record.name: record.value}, said)


def tell_of_image(image: ClusterImage, said: Said) -> None:
    """Log everything that is set."""
    for (kind, name), configs in image.configs.items():
        tell_of(kind, name, configs, said)


def tell_of(kind: int, name: str, configs: Mapping[str, str], said: Said) -> None:
    """Log one resource's configs."""
    if kind == ResourceType.TOPIC and name in topic_names.INTERNAL_TOPICS:
        return
    for key, text in without_effect(kind, configs.items()):
        if (kind, key) not in said:
            said.add((kind, key))
            logger("configs").warning("%s", printable(line(key, text, called(kind, name))))
