"""What the stories have in common: a cluster of three brokers in a folder of its own, client processes, a stage."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol

from actors.cli.story.processes import PATIENCE_S, Cast, Processes
from actors.cli.story.stages import S, Stage
from actors.cluster import Cluster

BROKERS = 3


class Figures(Protocol):
    """What is counted when a story is over."""

    @property
    def good(self) -> bool:
        """Whether every figure that must be zero is."""

    def as_json(self) -> dict[str, object]:
        """The figures under their names."""

    def text(self, width: int | None = None) -> str:
        """The figures, a line each."""


class Play(ABC, Generic[S]):
    """One telling of a story. ``causes``: what the cluster's trace said of it; ``question`` what it was asked."""

    question: str
    json_name: str

    def __init__(self, stage: Stage[S], made: Callable[[Callable[[], float]], S]) -> None:
        began = time.monotonic()
        self.stage = stage
        self.state = made(lambda: time.monotonic() - began)
        self.clients = Processes(self.cast)
        self.folder = tempfile.mkdtemp(prefix="kstore-demo-")
        self.cluster = Cluster.unstarted(BROKERS, data_dir=self.folder, listen="127.0.0.1:0")
        self.causes: list[str] = []

    @property
    @abstractmethod
    def cast(self) -> Cast:
        """The state, for its clients."""

    @abstractmethod
    def play(self) -> None:
        """All that happens, while it is watched."""

    @abstractmethod
    def count(self) -> Figures:
        """What is counted when the brokers have stopped."""

    @abstractmethod
    def look_at_cluster(self) -> None:
        """Bring the cluster's part of the state up to date; the state is held still meanwhile."""

    def tell(self) -> Figures:
        """All of it, from the first broker to the counts. Nothing is left running or lying around, however it ends."""
        try:
            with self.stage.watch(self.state, self.look):
                self.play()
            self.cluster.close()
            return self.count()
        finally:
            self.clients.end_all()
            self.cluster.close()
            shutil.rmtree(self.folder)

    def say(self, text: str) -> None:
        """A line of the story."""
        with self.clients.changed:
            line = self.state.say(text)
        self.stage.show(line)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for what the clients say."""
        self.clients.wait_for(condition, what)

    def wait_for_cluster(self, condition: Callable[[], bool]) -> None:
        """Wait for what the cluster does."""
        self.cluster.wait_for(condition, PATIENCE_S)

    @contextlib.contextmanager
    def look(self) -> Iterator[None]:
        """Bring the cluster's part of the state up to date, and hold the state still."""
        with self.clients.changed:
            self.look_at_cluster()
            yield

    def doing(self) -> dict[int, str]:
        """What each broker is doing: up, starting or killed."""
        image = self.cluster.image()
        doing = {}
        for node_id, broker in self.cluster.brokers.items():
            known = image.brokers.get(node_id)
            doing[node_id] = "killed" if not broker.alive else "up" if known and known.active else "starting"
        return doing


def numbers(of: Iterable[int]) -> str:
    """Some numbers in words.

    >>> numbers([2, 0, 1]), numbers([1])
    ('0, 1 and 2', '1')
    """
    *most, last = [str(number) for number in sorted(of)]
    return f"{', '.join(most)} and {last}" if most else last
