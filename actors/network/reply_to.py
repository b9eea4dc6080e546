"""``ReplyTo``: where an outcome goes, which is an actor's ``Reply`` or a callback (``Then``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class ReplyTo(Protocol):
    """Where an outcome goes: an actor's ``Reply``, or what isn't an actor's."""

    def set(self, outcome: object = None) -> None:
        """Answer with an outcome."""

    def fail(self, error: Exception) -> None:
        """Answer with an exception."""


class Then:
    """A reply that ends in a call, for what isn't an actor's."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[Any], None]) -> None:
        self._call = call

    def set(self, outcome: object = None) -> None:
        """As ``Reply.set``."""
        self._call(outcome)

    def fail(self, error: Exception) -> None:
        """As ``Reply.fail``."""
        self._call(error)
