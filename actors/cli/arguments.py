"""Options that verbs share: the connection to Kafka, ``--json``, and checked values."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

DEFAULT_BOOTSTRAP = "localhost:9092"
BOOTSTRAP_VARIABLE = "KSTORE_BOOTSTRAP"

T = TypeVar("T")


class UsageError(ValueError):
    """Wrong usage of the command: exit code 2, and this one line."""


class InputError(ValueError):
    """The input can't be read: exit code 1, and this one line."""


def add_connection(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """Add the options of the connection to Kafka and of its client; ``again``: the verb already has them."""
    bootstrap = os.environ.get(BOOTSTRAP_VARIABLE, DEFAULT_BOOTSTRAP)
    group = parser.add_argument_group("connection")
    group.add_argument(
        "-b",
        "--bootstrap",
        default=argparse.SUPPRESS if again else bootstrap,
        metavar="HOST:PORT,...",
        help=f"brokers to ask first (default: ${BOOTSTRAP_VARIABLE}, else {DEFAULT_BOOTSTRAP})",
    )
    group.add_argument(
        "-X",
        action="append",
        default=argparse.SUPPRESS if again else [],
        type=checked(keyword),
        dest="keywords",
        metavar="KEY=VALUE",
        help="a keyword of the client, such as request_timeout_ms=5000; repeatable",
    )


def add_json(parser: argparse._ActionsContainer, what: str) -> None:
    """``--json``; ``what`` says what a line or the whole is."""
    parser.add_argument("--json", action="store_true", help=f"print {what} (kstore help command has the schema)")


def checked(read: Callable[[str], T]) -> Callable[[str], T]:
    """A parser of an option's value whose ``ValueError`` is shown to the user as it is."""

    def type_of_value(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return type_of_value


def at_least(least: int, most: int | None = None) -> Callable[[str], int]:
    """Read an integer that is at least this, and at most ``most``."""
    bounds = f"at least {least}" if most is None else f"from {least} to {most}"

    def read(text: str) -> int:
        if not re.fullmatch("-?[0-9]+", text) or not least <= int(text) <= (int(text) if most is None else most):
            raise ValueError(f"{text!r} must be a number, {bounds}")
        return int(text)

    return checked(read)


def pair(text: str) -> tuple[str, str]:
    """``KEY=VALUE``.

    >>> pair("retention.ms=-1")
    ('retention.ms', '-1')
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ValueError(f"{text!r} is not KEY=VALUE")
    return key, value


def keyword(text: str) -> tuple[str, object]:
    """A client's keyword and its value: a number, true, false, or a text. Kafka's dotted keys are taken as well.

    >>> keyword("linger.ms=50"), keyword("check_crcs=false"), keyword("client_id=me")
    (('linger_ms', 50), ('check_crcs', False), ('client_id', 'me'))
    """
    key, value = pair(text)
    words: Mapping[str, bool] = {"true": True, "false": False}
    read: object = words.get(value, value)
    if value.lstrip("-").isdecimal():
        read = int(value)
    return key.replace(".", "_"), read


def partitions(text: str) -> tuple[int, ...]:
    """Partitions with commas between them, and ranges.

    >>> partitions("0,4-6")
    (0, 4, 5, 6)
    """
    found: list[int] = []
    for piece in text.split(","):
        first, dash, last = piece.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"{text!r} names no partitions: write 0, or 0,2, or 0-3")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def topic_and_partitions(text: str) -> tuple[str, tuple[int, ...] | None]:
    """A topic, and the partitions of it that are meant, if not all.

    >>> topic_and_partitions("orders"), topic_and_partitions("orders:0,2-3")
    (('orders', None), ('orders', (0, 2, 3)))
    """
    topic, colon, numbers = text.partition(":")
    return topic, partitions(numbers) if colon else None
