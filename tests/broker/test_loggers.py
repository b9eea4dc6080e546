"""A broker's loggers by Kafka's names: their levels are told and changed, and nobody else's."""

import logging
from collections.abc import Iterator

import pytest

from actors.broker import loggers
from actors.runtime.logs import AREAS
from kstore.errors import InvalidConfig, InvalidRequest, KafkaError
from kstore.schema.messages.incremental_alter_configs import AlterableConfig


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    for name in loggers.NAMES.values():
        logging.getLogger(name).setLevel(logging.NOTSET)


def change(name: str, operation: int, value: str | None) -> AlterableConfig:
    return AlterableConfig(name=name, config_operation=operation, value=value)


def alter(*changes: AlterableConfig, validate_only: bool = False) -> None:
    loggers.alter(list(changes), validate_only=validate_only)


def test_every_area_has_a_logger_and_the_root_is_above_them() -> None:
    assert set(loggers.levels()) == {"root", *(f"kstore.{area}" for area in AREAS)}
    alter(change("root", loggers.SET, "ERROR"))
    assert set(loggers.levels().values()) == {"ERROR"}
    alter(change("kstore.network", loggers.SET, "DEBUG"))
    assert loggers.levels()["kstore.network"] == "DEBUG"
    alter(change("kstore.network", loggers.DELETE, None))
    assert loggers.levels()["kstore.network"] == "ERROR"


def test_what_is_logged_follows_the_level(caplog: pytest.LogCaptureFixture) -> None:
    for level, lines in (("ERROR", 0), ("WARN", 1), ("TRACE", 2)):
        caplog.clear()
        alter(change("kstore.requests", loggers.SET, level))
        logging.getLogger("kstore.requests").warning("a warning")
        logging.getLogger("kstore.requests").log(logging.DEBUG - 5, "a detail")
        assert len(caplog.records) == lines


def test_to_validate_only_changes_nothing_and_one_that_is_wrong_changes_none() -> None:
    before = loggers.levels()
    alter(change("root", loggers.SET, "ERROR"), validate_only=True)
    with pytest.raises(InvalidConfig):
        alter(change("root", loggers.SET, "ERROR"), change("kstore.network", loggers.SET, "LOUD"))
    assert loggers.levels() == before


def test_loggers_that_are_not_kstores_are_left_alone() -> None:
    level = logging.getLogger().level
    alter(change("root", loggers.SET, "FATAL"))
    assert logging.getLogger().level == level


@pytest.mark.parametrize(
    ("change", "error", "why"),
    [
        (change("asyncio", loggers.SET, "INFO"), InvalidConfig, "Logger asyncio does not exist!"),
        (change("asyncio", loggers.DELETE, None), InvalidConfig, "Logger asyncio does not exist!"),
        (
            change("root", loggers.SET, "info"),
            InvalidConfig,
            "Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
        ),
        (change("root", loggers.DELETE, None), InvalidRequest, "Removing the log level of the root logger"),
        (change("root", loggers.APPEND, "INFO"), InvalidRequest, "APPEND operation is not allowed for"),
        (change("root", 9, "INFO"), InvalidRequest, "Unknown operation type 9 is not allowed for"),
    ],
)
def test_a_wrong_change_is_refused_in_kafkas_words(change: AlterableConfig, error: type[KafkaError], why: str) -> None:
    with pytest.raises(error, match=why):
        alter(change)
