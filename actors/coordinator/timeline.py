"""A mapping of keys to their committed values in a log, which also tracks values that are being appended.

A timeline shows what is in the log: a value counts once its record is committed, as for a coordinator that reads the
log later. Until then it is pending (``put``), so that a decision about the key can wait for it, leave it alone, or
include it. If its append is refused it is dropped (``revert``), and nothing needs to be undone.

It is Kafka's ``TimelineHashMap`` for a log whose appends succeed or fail one by one, in their order.

Records are in the log in the order of their tokens. Invariants: a key's value is that of its last record that is known
to be committed; it has an entry among the pending ones only while there are some.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

READ = 0
"""The token of records that were read from the log; no pending record has it."""


class Timeline(Generic[K, V]):
    """A mapping whose changes count once their append is committed."""

    __slots__ = ("_committed", "_under_way")

    def __init__(self) -> None:
        self._committed: dict[K, V] = {}
        self._under_way: dict[K, tuple[int, ...]] = {}  # tokens, in the order of the log

    def __len__(self) -> int:
        """How many keys have a value."""
        return len(self._committed)

    def __iter__(self) -> Iterator[K]:
        return iter(self._committed)

    def items(self) -> ItemsView[K, V]:
        """Keys and committed values, in the order in which the keys were added."""
        return self._committed.items()

    def get(self, key: K) -> V | None:
        """The committed value."""
        return self._committed.get(key)

    def is_under_way(self, key: K) -> bool:
        """Whether a record of this key is being appended."""
        return key in self._under_way

    def coming(self) -> list[K]:
        """The keys without a value whose first value may be pending."""
        return [key for key in self._under_way if key not in self._committed]

    @property
    def is_void(self) -> bool:
        """Whether it has no values, and none are pending."""
        return not self._committed and not self._under_way

    def put(self, key: K, token: int) -> None:
        """Note that a record of this key is being appended. All records of one append have the same token."""
        tokens = self._under_way.get(key)
        assert tokens is None or tokens[-1] <= token, "tokens never fall"
        self._under_way[key] = (token,) if tokens is None else (*tokens, token)

    def apply(self, key: K, value: V | None, token: int) -> int:
        """Apply a committed record; None is a tombstone. Returns by how much the number of keys with a value grows.

        Sometimes an earlier record becomes known later: then it changes nothing, as it comes before this one.
        """
        if token != READ:
            tokens = self._under_way.get(key, ())
            if token not in tokens:
                return 0
            self._leave(key, tokens[tokens.index(token) + 1 :])
        before = len(self._committed)
        if value is None:
            self._committed.pop(key, None)
        else:
            self._committed[key] = value
        return len(self._committed) - before

    def revert(self, key: K, token: int) -> None:
        """Drop a pending record whose append was refused."""
        tokens = self._under_way.get(key, ())
        if token in tokens:
            at = tokens.index(token)
            self._leave(key, tokens[:at] + tokens[at + 1 :])

    def _leave(self, key: K, tokens: tuple[int, ...]) -> None:
        """The tokens that are still pending."""
        if tokens:
            self._under_way[key] = tokens
        else:
            self._under_way.pop(key, None)
