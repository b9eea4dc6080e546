"""A broker's loggers, as Kafka's ``BROKER_LOGGER`` resource has them: the levels of Python's ``logging`` loggers.

They are kstore's own loggers (``actors.runtime.logs``), by name. Kafka's ``root`` is ``kstore``; the others have its
level unless they have their own, and above it is what the program has set. Levels have Kafka's names. Loggers belong to
the process: all of its brokers describe and change the same ones. Nothing is kept over a restart, as in Kafka.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING

from actors.runtime.logs import AREAS
from kstore.errors import InvalidConfig, InvalidRequest

if TYPE_CHECKING:
    from kstore.schema.messages.incremental_alter_configs import AlterableConfig

ROOT, OURS = "root", "kstore"
NAMES: Mapping[str, str] = {ROOT: OURS, **{f"{OURS}.{area}": f"{OURS}.{area}" for area in AREAS}}
"""Python's name of each level."""

LEVELS: Mapping[str, int] = {
    "TRACE": logging.DEBUG - 5,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
}
SET, DELETE, APPEND, SUBTRACT = range(4)
OPERATIONS = {APPEND: "APPEND", SUBTRACT: "SUBTRACT"}


def levels() -> dict[str, str]:
    """The effective level of each logger: its own, or that of the one above it.

    >>> sorted(levels())[0]
    'kstore.cluster'
    """
    return {name: name_of(logging.getLogger(ours).getEffectiveLevel()) for name, ours in NAMES.items()}


def name_of(level: int) -> str:
    """Kafka's name of a level; between two levels, the finer one's.

    >>> name_of(logging.WARNING), name_of(logging.WARNING + 1), name_of(0), name_of(99)
    ('WARN', 'WARN', 'TRACE', 'OFF')
    """
    if level > logging.CRITICAL:
        return "OFF"
    return next(
        (name for name, number in sorted(LEVELS.items(), key=itemgetter(1), reverse=True) if number <= level), "TRACE"
    )


def alter(configs: list[AlterableConfig], *, validate_only: bool) -> None:
    """Set the levels of some loggers, or reset them.

    Raises:
        InvalidConfig: there is no such logger or level.
        InvalidRequest: the operation isn't possible with a level.
    """
    for config in configs:
        check(config)
    for config in () if validate_only else configs:
        level = LEVELS[config.value or ""] if config.config_operation == SET else logging.NOTSET
        logging.getLogger(NAMES[config.name]).setLevel(level)


def check(config: AlterableConfig) -> None:
    """Raise an error if a change is invalid, in the words of Kafka's ``RuntimeLoggerManager``."""
    operation = config.config_operation
    if operation in OPERATIONS:
        raise InvalidRequest(f"{OPERATIONS[operation]} operation is not allowed for the BROKER_LOGGER resource")
    if operation not in (SET, DELETE):
        raise InvalidRequest(f"Unknown operation type {operation} is not allowed for the BROKER_LOGGER resource")
    if config.name not in NAMES:
        raise InvalidConfig(f"Logger {config.name} does not exist!")
    if operation == SET and config.value not in LEVELS:
        raise InvalidConfig(
            f"Cannot set the log level of {config.name} to {config.value} as it is not a supported log level. "
            f"Valid log levels are {', '.join(sorted(LEVELS))}"
        )
    if operation == DELETE and config.name == ROOT:
        raise InvalidRequest(f"Removing the log level of the {ROOT} logger is not allowed")
