"""What a topic may be called, in Kafka's rules and words, and which names are Kafka's own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kstore.errors import InvalidTopic

LENGTH_MAX = 249
LEGAL = re.compile(r"[a-zA-Z0-9._-]+")

METADATA_TOPIC = "__cluster_metadata"
OFFSETS_TOPIC = "__consumer_offsets"
TRANSACTIONS_TOPIC = "__transaction_state"
SHARE_TOPIC = "__share_group_state"
INTERNAL_TOPICS = frozenset({OFFSETS_TOPIC, TRANSACTIONS_TOPIC, SHARE_TOPIC})


def validate(name: str) -> None:
    """Raises InvalidTopic when no topic may be called so."""
    if not name:
        raise InvalidTopic("Topic name is invalid: the empty string is not allowed")
    if name in (".", ".."):
        raise InvalidTopic(f"Topic name is invalid: '{name}' is not allowed")
    if len(name) > LENGTH_MAX:
        raise InvalidTopic(
            f"Topic name is invalid: the length of '{name}' is longer than the max allowed length {LENGTH_MAX}"
        )
    if not LEGAL.fullmatch(name):
        raise InvalidTopic(
            f"Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, '.', "
            "'_' and '-'"
        )


def colliding(name: str, existing: Iterable[str]) -> str | None:
    """The existing topic whose name differs from `name` only in '.' and '_', which metrics can't tell apart."""
    if "." not in name and "_" not in name:
        return None
    flat = name.replace(".", "_")
    return next((other for other in sorted(existing) if other != name and other.replace(".", "_") == flat), None)
