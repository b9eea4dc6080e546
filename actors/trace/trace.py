"""``Trace``: questions to the flight recorder of a running cluster, or to a saved file.

>>> from kstore import Cluster
>>> with Cluster(brokers=1, seed=7) as cluster:
...     cluster.create_topic("orders")
...     why = cluster.trace.why_leader("orders", 0)
>>> why.kind, why.leader
('created', 1)

Every answer is a small object: ``str()`` of it is a text for people, ``to_dict()`` what JSON takes. What can't be told
because its rows were overwritten is said, never guessed.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

from actors.trace import file
from actors.trace.recording import Names, Recording
from kstore.errors.arguments import LONG_MAX, text, whole
from kstore.errors.arguments import offset as check_offset
from kstore.errors.arguments import path as check_path

if TYPE_CHECKING:
    from actors.runtime.recorder import Recorder
    from actors.runtime.world import World
    from actors.trace.actor_load import ActorLoad, Turn
    from actors.trace.leaders import Leadership
    from actors.trace.rebalance import Rebalance
    from actors.trace.record_life import Life
    from actors.trace.transaction_life import TransactionLife
    from actors.trace.visibility import Visibility


class Trace:
    """What a recorder holds, or a file. Made by ``Trace.of(world)`` or ``Trace.load(path)``."""

    def __init__(self, source: Recorder | Recording, *, base_us: int = 0, virtual: bool = False) -> None:
        self._source = source
        self._base_us = base_us
        self._virtual = virtual
        self._copied: Recording | None = source if isinstance(source, Recording) else None

    @classmethod
    def of(cls, world: World) -> Trace:
        """The trace of a world that lives (or has ended: its last rows are still there)."""
        return cls(world.recorder, base_us=world.clock.base_us(), virtual=world.virtual)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Trace:
        """The trace in a ``.ktrace`` file. Raises ``TraceFileError`` or OSError; see also ``recording.damage``."""
        return cls(file.load(check_path("path", path)))

    @property
    def recording(self) -> Recording:
        """The rows as they are now."""
        source = self._source
        if isinstance(source, Recording):
            return source
        if self._copied is None or self._copied.end != source.next_sequence:
            rows, names = source.copy()
            self._copied = Recording(rows, Names(names), base_us=self._base_us, virtual=self._virtual)
        return self._copied

    def record(self, topic: str, partition: int, offset: int) -> Life:
        """The life of one record: from the producer's call through batch, append, each replica, high watermark, fetch
        and delivery to the commit, with the times between.
        """
        from actors.trace.record_life import life_of

        number, at = whole("partition", partition, 0), check_offset("offset", offset)
        return life_of(self.recording, text("topic", topic), number, at)

    def why_rebalance(self, group: str) -> Rebalance:
        """Why a group last rebalanced, and what came of it."""
        from actors.trace.rebalances import why_rebalance

        return why_rebalance(self.recording, text("group", group))

    def why_leader(self, topic: str, partition: int) -> Leadership:
        """Who leads a partition, since when, and why; with who led before."""
        from actors.trace.leaders import why_leader

        return why_leader(self.recording, text("topic", topic), whole("partition", partition, 0))

    def transaction(self, transactional_id: str) -> TransactionLife:
        """The last transaction of a transactional id: its partitions, offsets, decision and markers, when readers could
        see it, and who ended it; if it is open, what would end it.
        """
        from actors.trace.transaction_life import transaction_life

        return transaction_life(self.recording, text("transactional_id", transactional_id))

    def why_not_visible(self, topic: str, partition: int) -> Visibility:
        """What keeps records of a partition from ``read_committed`` readers: the open transaction at its last stable
        offset, since when it is open, and what would end it; or what else it is.
        """
        from actors.trace.visibility import why_not_visible

        return why_not_visible(self.recording, text("topic", topic), whole("partition", partition, 0))

    def actor(self, name: str) -> ActorLoad:
        """What an actor received, sent and noted, and how long its turns took.

        ``name`` as rows have it (``"broker-1#1/replica/orders-0"``), or any part of it that only one actor has.
        Raises ``UnknownActor`` (a ValueError), which names those that come near.
        """
        from actors.trace.actor_load import load_of

        return load_of(self.recording, text("name", name))

    def actors(self) -> list[str]:
        """The names of all actors that had a turn, in the order of their first."""
        from actors.trace.actor_load import actor_names

        return actor_names(self.recording)

    def slowest(self, count: int = 10) -> list[Turn]:
        """The turns that took longest, longest first. On virtual time a turn takes none."""
        from actors.trace.actor_load import slowest

        return slowest(self.recording, whole("count", count, 0, LONG_MAX))

    def deepest(self, count: int = 10) -> list[Turn]:
        """The turns that left the most messages waiting behind them, for each actor its worst."""
        from actors.trace.actor_load import deepest

        return deepest(self.recording, whole("count", count, 0, LONG_MAX))

    def save(self, path: str | PathLike[str]) -> None:
        """Write all rows to a ``.ktrace`` file: ``Trace.load`` and ``kstore trace`` read it. Raises OSError."""
        file.save(self.recording, check_path("path", path))

    def __repr__(self) -> str:
        return f"<Trace of {len(self.recording):,} rows>"
