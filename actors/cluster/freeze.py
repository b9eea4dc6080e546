"""``cluster.freeze``: stops a cluster's time, to inspect it in a debugger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from actors.runtime.world import World


class Frozen:
    """A freeze that lasts until ``thaw``, or the end of its ``with`` block. One inside another changes nothing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._has_stopped_it = False
        world.driver.call(self._freeze)

    def _freeze(self) -> None:
        if not self._world.clock.virtual:
            self._world.clock.freeze()
            self._has_stopped_it = True

    def _thaw(self) -> None:
        if self._has_stopped_it:
            self._has_stopped_it = False
            self._world.clock.thaw()

    def thaw(self) -> None:
        """Let time go on; does nothing if it isn't frozen."""
        self._world.driver.call(self._thaw)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.thaw()
