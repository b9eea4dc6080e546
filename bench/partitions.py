"""Very many partitions in memory: how long until all are led, what they take, and what they cost while idle.

``python -m bench.partitions [topics]`` makes ``topics`` (1,000) of 10 partitions at one replica in a cluster of one
broker, in requests of 500 topics (Apache Kafka's controller writes at most 10,000 records for one), and prints one
line of JSON. A process of its own, so that its memory is theirs alone.
"""

import json
import sys
import time

from kstore import Cluster, NewTopic

PARTITIONS = 10
AT_ONCE = 500
IDLE_S = 5


def resident_mb() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 1e6


def make(cluster: Cluster, topics: int) -> None:
    """Make the topics; all partitions are led when it returns."""
    with cluster.admin() as admin:
        names = [f"topic-{number}" for number in range(topics)]
        for at in range(0, topics, AT_ONCE):
            admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names[at : at + AT_ONCE]])
    node = cluster.nodes[1]
    cluster.wait_for(lambda: len(node.view.replicas) == topics * PARTITIONS)
    cluster.wait_for(lambda: all(ref.actor_inbox.actor.leader for ref in node.view.replicas.values()))


def main(topics: int) -> dict[str, float]:
    """Seconds until all partitions are led, megabytes of the process, share of a core while nothing happens."""
    with Cluster() as cluster:
        begin = time.perf_counter()
        make(cluster, topics)
        led = time.perf_counter() - begin
        cpu = time.process_time()
        time.sleep(IDLE_S)
        idle = (time.process_time() - cpu) / IDLE_S
        return {"seconds": round(led, 3), "megabytes": round(resident_mb(), 1), "idle": round(idle, 4)}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)))
