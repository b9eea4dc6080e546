"""Values by key as the committed part of a log has them, and those that are on their way there.

What is in the log is what a timeline gives: a value counts once its record is committed, as it does for a coordinator
that reads the log later. Until then it is known to be under way (``put``), so that what decides on a key can wait for
it, leave it alone, or take it along. When its append is refused it never was (``revert``): nothing is to be undone.

It is Kafka's ``TimelineHashMap`` for a log whose appends succeed or fail one by one, in their order.

Records stand in the log in the order of their tokens. Invariants: a key's value is that of its last record in the log
which is known to be committed; it has an entry among those under way only while there are some.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

READ = 0
"""The token of records that were read from the log, and of none that is under way."""


class Timeline(Generic[K, V]):
    """A mapping whose changes count as committed once the append that carries them is."""

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
        """Keys and committed values, in the order in which the keys came."""
        return self._committed.items()

    def get(self, key: K) -> V | None:
        """The committed value."""
        return self._committed.get(key)

    def is_under_way(self, key: K) -> bool:
        return key in self._under_way

    def coming(self) -> list[K]:
        """The keys that have no value, but whose first may be under way."""
        return [key for key in self._under_way if key not in self._committed]

    @property
    def is_void(self) -> bool:
        """Whether it has nothing, and nothing is under way."""
        return not self._committed and not self._under_way

    def put(self, key: K, token: int) -> None:
        """A record of this key is on its way to the log. Those of one append have one token, also of one key."""
        tokens = self._under_way.get(key)
        assert tokens is None or tokens[-1] <= token, "tokens never fall"
        self._under_way[key] = (token,) if tokens is None else (*tokens, token)

    def apply(self, key: K, value: V | None, token: int) -> int:
        """Take a record from the log, where it is committed; None is a tombstone. Returns how many keys more have a
        value by it.

        That of an earlier record is known later, now and then: then it changes nothing, as it stands before this one.
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
        """A record that was on its way isn't any more."""
        tokens = self._under_way.get(key, ())
        if token in tokens:
            at = tokens.index(token)
            self._leave(key, tokens[:at] + tokens[at + 1 :])

    def _leave(self, key: K, tokens: tuple[int, ...]) -> None:
        """Those that are still under way."""
        if tokens:
            self._under_way[key] = tokens
        else:
            self._under_way.pop(key, None)
