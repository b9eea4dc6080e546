"""The order-events story, step by step: what happens in it, and what it waits for in between.

Three brokers keep the topic ``order-events`` (3 partitions, 3 replicas) on disk. A shop sends orders keyed by user;
A, B and C read as one group. C is killed and its partition moves; D joins and the work is shared out again; the leader
of a partition is killed and a follower takes over; the dead broker returns and rejoins the in-sync set. At the end
everything is counted from what the clients said and from what is in the log files.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from actors.cli.story.counts import Counts, count
from actors.cli.story.processes import PATIENCE_S, Processes
from actors.cli.story.state import Line, Seen, State
from actors.cli.story.wrapping import wrapped
from actors.cluster import Cluster
from kstore.codec import partition_for_key

TOPIC = "order-events"
GROUP = "order-processors"
PARTITIONS = 3
BROKERS = 3
TIME_COLUMNS = 9  # before each line of the story
SCENE_ORDERS = 400  # how many orders flow before the next thing happens, so that a viewer sees them flow


Look = Callable[[], contextlib.AbstractContextManager[None]]


class Stage(Protocol):
    """Where a story is shown."""

    def show(self, line: Line) -> None:
        """A line of the story was said."""

    def watch(self, state: State, look: Look) -> contextlib.AbstractContextManager[object]:
        """Show ``state`` as it changes until the block ends; it may be read inside ``with look():``."""


class Story:
    """One telling of the story, on its own cluster in its own folder."""

    def __init__(self, stage: Stage) -> None:
        began = time.monotonic()
        self.stage = stage
        self.state = State(lambda: time.monotonic() - began)
        self.clients = Processes(self.state)
        self.folder = tempfile.mkdtemp(prefix="kstore-demo-")
        self.cluster = Cluster.unstarted(BROKERS, data_dir=self.folder, listen="127.0.0.1:0")
        self.causes: list[str] = []

    def tell(self) -> Counts:
        """All of it, from the first broker to the counts. Nothing is left running or lying around, however it ends."""
        try:
            with self.stage.watch(self.state, self._look):
                self._open()
                self._lose_a_consumer()
                self._gain_a_consumer()
                self._lose_a_leader()
                self._close()
            self.cluster.close()
            return count(self.folder, TOPIC, PARTITIONS, self.state)
        finally:
            self.clients.end_all()
            self.cluster.close()
            shutil.rmtree(self.folder)

    def _open(self) -> None:
        self.cluster.start()
        bootstrap = self.cluster.bootstrap_servers
        self._say(f"three brokers are ready on {bootstrap}, their logs in {self.folder}")
        for name in "ABC":
            self.clients.consume(bootstrap, TOPIC, name)
        self.cluster.create_topic(TOPIC, PARTITIONS, BROKERS)
        with self._look():
            keys = users()
        self._say(f"topic {TOPIC} has {PARTITIONS} partitions of {BROKERS} replicas; by key, {by_partition(keys)}")
        self._wait(lambda: self.state.shared_out(3), "one partition each")
        self._say(f"the group is stable: {self.state.assignment_text()}")
        self.clients.produce(bootstrap, TOPIC, list(keys))
        self._scene()
        self._say(f"orders flow: {len(self.state.acks)} acknowledged by all in-sync replicas so far")

    def _lose_a_consumer(self) -> None:
        lost = self.state.members["C"].partitions
        self.clients.kill("C")
        self._say(f"consumer C, which reads {_numbers(lost)}, was killed with SIGKILL in the middle of its work")
        self._wait(lambda: self.state.shared_out(2), "C's partition to move")
        self._say(f"C's session ended and the group rebalanced: {self.state.assignment_text()}")
        self._remember_cause()
        self._scene()

    def _gain_a_consumer(self) -> None:
        self.clients.consume(self.cluster.bootstrap_servers, TOPIC, "D")
        self._say("a fourth consumer, D, starts")
        self._wait(lambda: self.state.shared_out(3), "a partition for D")
        self._say(f"D has joined and the work is shared out again: {self.state.assignment_text()}")
        self._remember_cause()
        self._scene()

    def _lose_a_leader(self) -> None:
        number, leader = next((n, p.leader) for n, p in sorted(self._partitions().items()) if p.leader != 1)
        self.cluster.faults.kill(leader)
        self._say(f"broker {leader}, the leader of partition {number}, was killed")
        self.cluster.wait_for(lambda: self._partitions()[number].leader not in (-1, leader), PATIENCE_S)
        now = self._partitions()[number]
        self._say(f"broker {now.leader} leads partition {number} now, with {_numbers(now.isr)} in sync; orders go on")
        self._scene()
        self.cluster.faults.restart(leader)
        self.cluster.wait_for(lambda: all(len(p.isr) == BROKERS for p in self._partitions().values()), PATIENCE_S)
        self._say(f"broker {leader} is back, has copied what it missed, and is in sync again")

    def _close(self) -> None:
        self._scene()
        self.clients.finish_producing()
        self._wait(lambda: self.state.all_received() and self.state.all_committed(), "every order read and committed")
        self._say(f"all {len(self.state.acks)} orders were acknowledged, read and committed; the clients stop")
        self.clients.stop_all()

    def _say(self, text: str) -> None:
        with self.clients.changed:
            line = self.state.say(text)
        self.stage.show(line)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        self.clients.wait_for(condition, what)

    def _scene(self) -> None:
        wanted = len(self.state.acks) + SCENE_ORDERS
        self._wait(lambda: len(self.state.acks) >= wanted, "orders that flow")

    def _remember_cause(self) -> None:
        self.causes.append(str(self.cluster.trace.why_rebalance(GROUP)))

    def _partitions(self) -> dict[int, Seen]:
        topic = self.cluster.image().topics.get(TOPIC)
        return {} if topic is None else dict(topic.partitions)

    @contextlib.contextmanager
    def _look(self) -> Iterator[None]:
        """Bring the cluster's part of the state up to date, and hold the state still."""
        image = self.cluster.image()
        doing = {}
        for node_id, broker in self.cluster.brokers.items():
            known = image.brokers.get(node_id)
            doing[node_id] = "killed" if not broker.alive else "up" if known and known.active else "starting"
        with self.clients.changed:
            self.state.see(doing, image.controller_id, self._partitions())
            yield


def users() -> dict[str, int]:
    """Users whose keys reach every partition: by Kafka's murmur2, ``User1`` and ``User2`` alone share one."""
    chosen: dict[str, int] = {}
    number = 1
    while len(set(chosen.values())) < PARTITIONS or len(chosen) < 2 * PARTITIONS:
        name = f"User{number}"
        chosen[name] = partition_for_key(name.encode(), PARTITIONS)
        number += 1
    return chosen


def by_partition(keys: dict[str, int]) -> str:
    """Which users share a partition."""
    return "; ".join(
        f"{partition} gets {' '.join(user for user, at in keys.items() if at == partition)}"
        for partition in range(PARTITIONS)
    )


def _numbers(numbers: Iterable[int]) -> str:
    """``1``, ``1 and 2``, ``1, 2 and 3``."""
    *most, last = [str(number) for number in sorted(numbers)]
    return f"{', '.join(most)} and {last}" if most else last


def told(line: Line, width: int | None = None) -> str:
    """A line of the story with its time, wrapped to the terminal's width, or to this one."""
    text = f"{line.at_s:6.2f}s  {line.text}"
    return wrapped(text, TIME_COLUMNS - (len(text) - len(text.lstrip())), width)


class PlainStage:
    """Shows a story as lines, for logs, pipes and small terminals."""

    def show(self, line: Line) -> None:
        """Print it."""
        print(told(line), flush=True)

    @contextlib.contextmanager
    def watch(self, state: State, look: Look) -> Iterator[None]:
        """Nothing moves here."""
        yield


class SilentStage(PlainStage):
    """Shows nothing."""

    def show(self, line: Line) -> None:
        """Not here."""
