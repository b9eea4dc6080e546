"""The future of an asynchronous commit, as kafka-python's ``commit_async`` gives one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from actors.clients.errors import KafkaTimeout
from actors.clients.structs import OffsetAndMetadata, TopicPartition
from kstore.errors.arguments import function as called
from kstore.errors.arguments import seconds

if TYPE_CHECKING:
    from actors.runtime.world import World
    from kstore.errors import KafkaError

Offsets = Mapping[TopicPartition, OffsetAndMetadata]


class CommitFuture:
    """What becomes of a commit of ``offsets``; ``exception`` is None while that isn't known, and when it succeeded."""

    def __init__(self, world: World, offsets: Offsets) -> None:
        self.offsets = offsets
        self.exception: KafkaError | None = None
        self._world = world
        self._done = False
        self._watchers: list[tuple[Callable[..., object], bool]] = []

    def done(self) -> bool:
        """Whether it succeeded or failed."""
        return self._done

    def succeeded(self) -> bool:
        """Whether the offsets are committed."""
        return self._done and self.exception is None

    def failed(self) -> bool:
        """Whether they are not, or nobody knows."""
        return self.exception is not None

    def get(self, timeout: float | None = None) -> Offsets:
        """The offsets, waiting up to ``timeout`` seconds (None: for ever) for them to be committed.

        Raises ``KafkaTimeout`` when that isn't known by then, and otherwise why it failed.
        """
        timeout_s = seconds("timeout", timeout, or_none=True)
        if not self._done and not self._world.driver.drive(self.done, timeout_s):
            raise KafkaTimeout(f"the commit was not answered in {timeout} seconds")
        if self.exception is not None:
            raise self.exception
        return self.offsets

    def add_callback(self, function: Callable[..., object], *args: object, **kwargs: object) -> CommitFuture:
        """Have ``function(*args, offsets, **kwargs)`` called once it succeeded; returns the future."""
        return self._watch(partial(called("function", function), *args, **kwargs), True)

    def add_errback(self, function: Callable[..., object], *args: object, **kwargs: object) -> CommitFuture:
        """Have ``function(*args, error, **kwargs)`` called if it fails; returns the future."""
        return self._watch(partial(called("function", function), *args, **kwargs), False)

    def add_both(self, function: Callable[..., object], *args: object, **kwargs: object) -> CommitFuture:
        """Have ``function`` called with the offsets or with the error; returns the future."""
        return self.add_callback(function, *args, **kwargs).add_errback(function, *args, **kwargs)

    def _watch(self, function: Callable[..., object], on_success: bool) -> CommitFuture:
        if self._done:
            self._tell(function, on_success)
        else:
            self._watchers.append((function, on_success))
        return self

    def _tell(self, function: Callable[..., object], on_success: bool) -> None:
        if (self.exception is None) == on_success:
            self._world.callbacks.append((function, (self.offsets if on_success else self.exception,)))

    def settle(self, _: object, error: KafkaError | None) -> None:
        """It has ended so; called in a turn."""
        self.exception = error
        self._done = True
        for function, on_success in self._watchers:
            self._tell(function, on_success)
        self._watchers.clear()
