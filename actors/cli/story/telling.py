"""The order-events story, step by step: what happens in it, and what it waits for in between.

Three brokers keep the topic ``order-events`` (3 partitions, 3 replicas) on disk. A shop sends orders keyed by user;
A, B and C read as one group. C is killed and its partition moves; D joins and the work is shared out again; the leader
of a partition is killed and a follower takes over; the dead broker returns and rejoins the in-sync set. At the end
everything is counted from what the clients said and from what is in the log files.
"""

from __future__ import annotations

from actors.cli.story.counts import Counts, count
from actors.cli.story.play import BROKERS, Play, numbers
from actors.cli.story.processes import Cast
from actors.cli.story.stages import Stage
from actors.cli.story.state import PRODUCER, Seen, State
from kstore.codec import partition_for_key

CLIENTS = "actors.cli.story.clients"
TOPIC = "order-events"
GROUP = "order-processors"
PARTITIONS = 3
SCENE_ORDERS = 400  # how many orders flow before the next thing happens, so that a viewer sees them flow


class Story(Play[State]):
    """One telling of the story, on its own cluster in its own folder."""

    question = "why the group rebalanced"
    json_name = "why_rebalance"

    def __init__(self, stage: Stage[State]) -> None:
        super().__init__(stage, State)

    @property
    def cast(self) -> Cast:
        """The state, for its clients."""
        return self.state

    def play(self) -> None:
        """All that happens, while it is watched."""
        self._open()
        self._lose_a_consumer()
        self._gain_a_consumer()
        self._lose_a_leader()
        self._close()

    def count(self) -> Counts:
        """What is counted when the brokers have stopped."""
        return count(self.folder, TOPIC, PARTITIONS, self.state)

    def look_at_cluster(self) -> None:
        """Who leads, who is in sync."""
        self.state.see(self.doing(), self.cluster.image().controller_id, self._partitions())

    def _open(self) -> None:
        self.cluster.start()
        bootstrap = self.cluster.bootstrap_servers
        self.say(f"three brokers are ready on {bootstrap}, their logs in {self.folder}")
        for name in "ABC":
            self._consume(name)
        self.cluster.create_topic(TOPIC, PARTITIONS, BROKERS)
        with self.look():
            keys = users()
        self.say(f"topic {TOPIC} has {PARTITIONS} partitions of {BROKERS} replicas; by key, {by_partition(keys)}")
        self.wait(lambda: self.state.shared_out(3), "one partition each")
        self.say(f"the group is stable: {self.state.assignment_text()}")
        self.clients.start(PRODUCER, CLIENTS, "produce", bootstrap, TOPIC, ",".join(keys))
        self._scene()
        self.say(f"orders flow: {len(self.state.acks)} acknowledged by all in-sync replicas so far")

    def _lose_a_consumer(self) -> None:
        lost = self.state.members["C"].partitions
        self.clients.kill("C")
        self.say(f"consumer C, which reads {numbers(lost)}, was killed with SIGKILL in the middle of its work")
        self.wait(lambda: self.state.shared_out(2), "C's partition to move")
        self.say(f"C's session ended and the group rebalanced: {self.state.assignment_text()}")
        self._remember_cause()
        self._scene()

    def _gain_a_consumer(self) -> None:
        self._consume("D")
        self.say("a fourth consumer, D, starts")
        self.wait(lambda: self.state.shared_out(3), "a partition for D")
        self.say(f"D has joined and the work is shared out again: {self.state.assignment_text()}")
        self._remember_cause()
        self._scene()

    def _lose_a_leader(self) -> None:
        number, leader = next((n, p.leader) for n, p in sorted(self._partitions().items()) if p.leader != 1)
        self.cluster.faults.kill(leader)
        self.say(f"broker {leader}, the leader of partition {number}, was killed")
        self.wait_for_cluster(lambda: self._partitions()[number].leader not in (-1, leader))
        now = self._partitions()[number]
        self.say(f"broker {now.leader} leads partition {number} now, with {numbers(now.isr)} in sync; orders go on")
        self._scene()
        self.cluster.faults.restart(leader)
        self.wait_for_cluster(lambda: all(len(p.isr) == BROKERS for p in self._partitions().values()))
        self.say(f"broker {leader} is back, has copied what it missed, and is in sync again")

    def _close(self) -> None:
        self._scene()
        self.clients.finish(PRODUCER, lambda: self.state.produced, "the last order")
        self.wait(lambda: self.state.all_received() and self.state.all_committed(), "every order read and committed")
        self.say(f"all {len(self.state.acks)} orders were acknowledged, read and committed; the clients stop")
        self.clients.stop_all()

    def _consume(self, name: str) -> None:
        self.clients.start(name, CLIENTS, "consume", self.cluster.bootstrap_servers, TOPIC, name)

    def _scene(self) -> None:
        wanted = len(self.state.acks) + SCENE_ORDERS
        self.wait(lambda: len(self.state.acks) >= wanted, "orders that flow")

    def _remember_cause(self) -> None:
        self.causes.append(str(self.cluster.trace.why_rebalance(GROUP)))

    def _partitions(self) -> dict[int, Seen]:
        topic = self.cluster.image().topics.get(TOPIC)
        return {} if topic is None else dict(topic.partitions)


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
