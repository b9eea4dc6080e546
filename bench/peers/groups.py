"""The loads of consumer groups (KIP-848): a member joins a group through librdkafka, heartbeats over bare sockets; and
what very many members cost in kstore's process, and what a group takes there, by programs of their own.
"""

import json
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from bench.peers import load
from bench.peers.echo import echo
from bench.peers.ids import Connection
from bench.peers.servers import Server
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest

CONFIG = {
    "group.consumer.assignment.interval.ms": "0",
    "group.consumer.min.heartbeat.interval.ms": "1000",
    "group.consumer.heartbeat.interval.ms": "1000",
}
"""Of both servers: no wait between two target assignments, and a heartbeat a second."""

MEMBERS, PARTITIONS = 10, 100
PATIENCE_S = 120.0
NOT_NOW = (14, 15, 16)
"""The coordinator is loading, isn't there yet, or is elsewhere."""


class Group:
    """Members of a group, each a client of librdkafka. They read nothing, so that only the group costs something."""

    def __init__(self, server: Server, topic: str) -> None:
        self._server, self._topic = server, topic
        self._members: list[Consumer] = []

    def join(self) -> Consumer:
        """One more member."""
        config = {"bootstrap.servers": self._server.bootstrap, "group.id": self._topic, "group.protocol": "consumer"}
        member = Consumer({**config, "enable.auto.commit": False, **load.QUIET})
        member.subscribe([self._topic], on_assign=_take_without_reading)
        self._members.append(member)
        return member

    def leave(self, member: Consumer) -> None:
        self._members.remove(member)
        member.close()

    def settle(self) -> None:
        """Return when each has its share of the partitions."""
        least, rest = divmod(PARTITIONS, len(self._members))
        wanted = [least] * (len(self._members) - rest) + [least + 1] * rest
        deadline = time.monotonic() + PATIENCE_S
        while sorted(len(member.assignment()) for member in self._members) != wanted:
            if time.monotonic() > deadline:
                raise load.LoadFailed(f"{self._server.name}: the group didn't settle within {PATIENCE_S:g} s")
            for member in self._members:
                member.poll(0)
            time.sleep(0.002)

    def close(self) -> None:
        for member in list(self._members):
            self.leave(member)


def _take_without_reading(member: Consumer, partitions: list[TopicPartition]) -> None:
    member.incremental_assign(partitions)
    member.pause(partitions)


def joins(server: Server, count: int) -> dict[str, float]:
    """A member joins a group of 10 with 100 partitions: seconds until each has its share, and the processor time of all
    brokers meanwhile; medians of so many joins, after one that doesn't count.
    """
    took, used = [], []
    with load.topic(server, PARTITIONS) as topic:
        group = Group(server, topic)
        try:
            for _ in range(MEMBERS):
                group.join()
            group.settle()
            for _ in range(count + 1):
                started, before_s = time.perf_counter(), server.processor_s()
                member = group.join()
                group.settle()
                took.append(time.perf_counter() - started)
                used.append(server.processor_s() - before_s)
                group.leave(member)
                group.settle()
        finally:
            group.close()
    return {"s": statistics.median(took[1:]), "processor": statistics.median(used[1:])}


def heartbeats(server: Server, count: int) -> dict[str, float]:
    """Heartbeats of a settled member, one after the other, over a bare socket, all answered alike; then the same by a
    process that only echoes, which is what the machine alone takes.
    """
    group = f"beats-{uuid.uuid4().hex[:10]}"
    with load.topic(server) as topic:
        connection = coordinator(server, group)
        joining = {"subscribed_topic_names": [topic], "rebalance_timeout_ms": 60_000, "topic_partitions": []}
        joined = until_served(lambda: beat(connection, group, 0, **joining))
        until_served(lambda: beat(connection, group, joined.member_epoch))
        request = ConsumerGroupHeartbeatRequest(group_id=group, member_id="member", member_epoch=joined.member_epoch)
        took = [seconds * 1e3 for seconds in connection.repeat(1, request, count)]
        beat(connection, group, -1)
        connection.close()
    with echo() as address:
        connection = Connection(address)
        echoed = [seconds * 1e3 for seconds in connection.repeat(1, request, count)]
        connection.close()
    steady = sorted(took[count // 10 :])
    return {"p50": steady[len(steady) // 2], "p99": steady[int(len(steady) * 0.99)], "echo": statistics.median(echoed)}


def beat(connection: Connection, group: str, epoch: int, **fields: Any) -> Any:
    """The answer to a heartbeat."""
    request = ConsumerGroupHeartbeatRequest(group_id=group, member_id="member", member_epoch=epoch, **fields)
    return connection.ask(1, [request])[0]


def coordinator(server: Server, group: str) -> Connection:
    """A connection to a group's coordinator."""
    metadata = AdminClient({"bootstrap.servers": server.bootstrap, **load.QUIET}).list_topics(timeout=30)
    first = next(iter(metadata.brokers.values()))
    asking = Connection((str(first.host), int(first.port)))
    request = FindCoordinatorRequest(coordinator_keys=[group])
    found: Any = until_served(lambda: asking.ask(4, [request])[0].coordinators[0])  # type: ignore[attr-defined]
    asking.close()
    return Connection((found.host, found.port))


def until_served(ask: Callable[[], Any]) -> Any:
    """The first answer that says something else than that the coordinator isn't ready."""
    deadline = time.monotonic() + PATIENCE_S
    while (answer := ask()).error_code in NOT_NOW:
        if time.monotonic() > deadline:
            raise load.LoadFailed("there is no coordinator of the group")
        time.sleep(0.05)
    if answer.error_code:
        raise load.LoadFailed(f"the coordinator answered with {answer.error_code}")
    return answer


def by_program(module: str) -> dict[str, float]:
    """The figures that a program of ``bench`` prints as one line of JSON."""
    done = subprocess.run([sys.executable, "-m", module], capture_output=True, text=True, check=False)
    if done.returncode:
        raise load.LoadFailed(f"{module} ended with {done.returncode}: {done.stderr[-500:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
