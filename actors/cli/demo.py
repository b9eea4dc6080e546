"""``make demo``: the order-events story, on a real server, with kafka-python clients in processes of their own.

Three brokers keep the topic ``order-events`` (3 partitions, 3 replicas) on disk. A producer sends orders keyed by
user; A, B and C consume as one group. C is killed and its partition moves; the leader of a partition is killed and a
follower takes over; the dead broker returns and rejoins the in-sync set. At the end everything is counted from what
the clients said and from what is in the log files; the exit code is 1 if anything was lost, doubled or out of order.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time

from actors.cli.demo_counts import Counts, count
from actors.cli.demo_processes import Clients
from actors.cluster import Cluster
from kstore.codec import partition_for_key

TOPIC = "order-events"
PARTITIONS = 3
ORDERS = 2000
PATIENCE_S = 60


class Story:
    """The telling, step by step, each with the time since the beginning."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        """One line of the story."""
        print(f"{time.monotonic() - self.began:6.2f}s  {text}", flush=True)


def users() -> dict[str, int]:
    """Users whose keys reach every partition: by Kafka's murmur2, ``User1`` and ``User2`` alone share one."""
    chosen: dict[str, int] = {}
    number = 1
    while len(set(chosen.values())) < PARTITIONS or len(chosen) < 2 * PARTITIONS:
        name = f"User{number}"
        chosen[name] = partition_for_key(name.encode(), PARTITIONS)
        number += 1
    return chosen


def main() -> int:
    """Tell the story; 0 if the counts are as they must be."""
    story = Story()
    folder = tempfile.mkdtemp(prefix="kstore-demo-")
    cluster = Cluster.unstarted(3, data_dir=folder, listen="127.0.0.1:0")
    clients = Clients()
    try:
        counts = tell(story, cluster, clients, folder)
    finally:
        clients.end_all()
        cluster.close()
        shutil.rmtree(folder)
    return 0 if counts.good else 1


def tell(story: Story, cluster: Cluster, clients: Clients, folder: str) -> Counts:
    """The whole story, from the first broker to the counts."""
    cluster.start()
    bootstrap = cluster.bootstrap_servers
    story.say(f"three brokers are ready on {bootstrap}, their logs in {folder}")
    create_topic(bootstrap)
    keys = users()
    story.say(f"topic {TOPIC}: {PARTITIONS} partitions, 3 replicas each; users by partition: {by_partition(keys)}")
    for name in "ABC":
        clients.consume(bootstrap, TOPIC, name)
    clients.wait_for(lambda: clients.owners() == {0, 1, 2} and clients.members() == 3, "one partition each", PATIENCE_S)
    story.say(f"the group is stable: {clients.assignment_text()}")
    clients.produce(bootstrap, TOPIC, ORDERS, list(keys))
    clients.wait_for(lambda: all(clients.received_by(name) >= 40 for name in "ABC"), "orders at each", PATIENCE_S)
    story.say(f"orders flow: {clients.acknowledged()} acknowledged so far")
    kill_consumer(story, clients)
    kill_leader(story, cluster, clients)
    clients.wait_for(lambda: clients.produced, "the last order", PATIENCE_S)
    clients.wait_for(lambda: clients.all_received(), "every acknowledged order received", PATIENCE_S)
    story.say(f"all {clients.acknowledged()} orders were acknowledged and received; stopping clients and brokers")
    clients.stop_all()
    cluster.close()
    counts = count(folder, TOPIC, PARTITIONS, clients)
    print(counts.text(), flush=True)
    return counts


def create_topic(bootstrap: str) -> None:
    """As an application's deployment would: with kafka-python's admin client."""
    from kafka.admin import KafkaAdminClient, NewTopic

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 3)])
    admin.close()


def by_partition(keys: dict[str, int]) -> str:
    """Which users share a partition."""
    return "; ".join(
        f"P{partition}: {', '.join(user for user, at in keys.items() if at == partition)}"
        for partition in range(PARTITIONS)
    )


def kill_consumer(story: Story, clients: Clients) -> None:
    """C dies; its partition must move to A or B."""
    lost = clients.assigned["C"]
    clients.kill("C")
    story.say(f"consumer C (partition {lost}) was killed with SIGKILL, in the middle of its work")
    clients.wait_for(lambda: clients.owners() == {0, 1, 2}, "C's partition to move", PATIENCE_S)
    story.say(f"its session ended, the group rebalanced: {clients.assignment_text()}")


def kill_leader(story: Story, cluster: Cluster, clients: Clients) -> None:
    """A partition's leader dies, a follower takes over, the dead broker returns and rejoins."""
    partition, leader = next(
        (number, p.leader) for number, p in cluster.image().topics[TOPIC].partitions.items() if p.leader != 1
    )
    cluster.kill(leader)
    story.say(f"broker {leader}, the leader of partition {partition}, was killed")

    def state() -> tuple[int, tuple[int, ...]]:
        found = cluster.image().topics[TOPIC].partitions[partition]
        return found.leader, found.isr

    cluster.wait_for(lambda: state()[0] not in (-1, leader), PATIENCE_S)
    story.say(f"broker {state()[0]} leads partition {partition} now, in-sync: {sorted(state()[1])}")
    before = clients.acknowledged()
    clients.wait_for(lambda: clients.acknowledged() > before + 100, "orders through the new leader", PATIENCE_S)
    cluster.restart(leader)
    cluster.wait_for(
        lambda: all(len(p.isr) == 3 for p in cluster.image().topics[TOPIC].partitions.values()), PATIENCE_S
    )
    story.say(f"broker {leader} is back, caught up and in sync: {sorted(state()[1])}")


if __name__ == "__main__":
    sys.exit(main())
