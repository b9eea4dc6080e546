"""Rules for topic names, with Kafka's error messages, and the names of internal topics."""

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
    """Raise InvalidTopic if it isn't a valid topic name."""
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


class FlatNames:
    """The existing topics by their names in metrics, where '.' and '_' are the same."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: dict[str, set[str]] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Add the name of an existing topic."""
        if "." in name or "_" in name:
            self._names.setdefault(name.replace(".", "_"), set()).add(name)

    def discard(self, name: str) -> None:
        """Remove the name of a topic that is gone."""
        flat = name.replace(".", "_")
        names = self._names.get(flat, set())
        names.discard(name)
        if not names:
            self._names.pop(flat, None)

    def colliding(self, name: str) -> str | None:
        """The existing topic whose name differs from ``name`` only in '.' and '_', the first of them."""
        return min((other for other in self._names.get(name.replace(".", "_"), ()) if other != name), default=None)
