"""``group.consumer.assignors``: the assignors of consumer groups, by their names or by the names of Kafka's classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from actors.config.definition import ConfigError

KEY = "group.consumer.assignors"
PACKAGE = "org.apache.kafka.coordinator.group.assignor"
NAMES: Mapping[str, str] = {
    "uniform": "uniform",
    "range": "range",
    f"{PACKAGE}.UniformAssignor": "uniform",
    f"{PACKAGE}.RangeAssignor": "range",
}


def assignors_of(configured: Iterable[str]) -> tuple[str, ...]:
    """The names of the assignors, in the order in which they are configured: the first is the default.

    Raises:
        ConfigError: one isn't there, or is there twice.

    >>> assignors_of(["org.apache.kafka.coordinator.group.assignor.RangeAssignor", "uniform"])
    ('range', 'uniform')
    """
    found: list[str] = []
    for each in configured:
        name = NAMES.get(each)
        if name is None:
            raise ConfigError(
                f"Invalid value {each} for configuration {KEY}: Class cannot be found; kstore can't load classes of "
                "Java, and has uniform and range"
            )
        if name in found:
            raise ConfigError(
                f"Invalid value {each} for configuration {KEY}: Assignor name '{name}' is already registered by "
                "another configured assignor"
            )
        found.append(name)
    return tuple(found)
