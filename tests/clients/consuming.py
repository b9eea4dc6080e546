"""What the tests of groups share: consumers polled by turns until something is so, and what their listener saw."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from clients.targets import Target

from actors.clients.consumer.protocols.consumer.member import GroupMember
from actors.clients.structs import ConsumerRebalanceListener
from kstore import Cluster, Consumer, Producer, TopicPartition

ROUNDS_MAX = 600
STEP_MS = 50
READS: dict[str, Any] = {"auto_offset_reset": "earliest", "fetch_max_wait_ms": 20}
QUICK = READS | {"heartbeat_interval_ms": 50}
OF_CONSUMER_PROTOCOL = READS | {"group_protocol": "consumer"}


class Seen(ConsumerRebalanceListener):
    """Writes down what it is told; ``then`` may do something as well."""

    def __init__(self, then: Callable[[str, Collection[TopicPartition]], object] = lambda *_: None) -> None:
        self.told: list[tuple[str, set[int]]] = []
        self.then = then

    def _see(self, what: str, which: Collection[TopicPartition]) -> None:
        self.told.append((what, {partition.partition for partition in which}))
        self.then(what, which)

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._see("revoked", revoked)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._see("assigned", assigned)

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        self._see("lost", lost)

    def of(self, what: str) -> list[set[int]]:
        """All sets told of this, the empty ones left out."""
        return [which for told, which in self.told if told == what and which]


def poll_until(so: Callable[[], object], *consumers: Any) -> list[Any]:
    """Poll the consumers by turns until it is so; all records that came."""
    records: list[Any] = []
    for _ in range(ROUNDS_MAX):
        for consumer in consumers:
            records += [record for found in consumer.poll(STEP_MS).values() for record in found]
        if so():
            return records
    raise AssertionError(f"not so after {ROUNDS_MAX} rounds; {[consumer.assignment() for consumer in consumers]}")


def numbers(consumer: Any) -> set[int]:
    """The partitions that it reads."""
    return {partition.partition for partition in consumer.assignment()}


def shared(count: int, *consumers: Any) -> bool:
    """Whether so many partitions are shared out, each to one, and everybody has some."""
    held = [numbers(consumer) for consumer in consumers]
    return all(held) and sum(map(len, held)) == count and set().union(*held) == set(range(count))


def stable(*consumers: Any) -> bool:
    """Whether each, a member by the consumer protocol, has what it should, and the coordinator has heard so."""
    return all(each._actor.membership.state == "stable" and each._actor.member._beating is None for each in consumers)


def member_of(consumer: Consumer) -> GroupMember:
    """What sends the heartbeats of a member by the consumer protocol."""
    member = consumer._actor.member
    assert isinstance(member, GroupMember)
    return member


def leave_behind_its_back(consumer: Any) -> None:
    """Have the coordinator forget a member, which doesn't know it."""
    from actors.clients.consumer.protocols.consumer.requests import leave_request

    member = member_of(consumer)
    consumer._calls.run("poll", member._send_leave, leave_request(member.membership), timeout_s=10)


def fill(target: Target, topic: str, *values: bytes, partition: int = 0) -> None:
    """Produce some records."""
    with target.producer() as producer:
        for value in values:
            producer.send(topic, value, partition=partition)
        producer.flush()


def crash(cluster: Cluster, client: Consumer | Producer) -> None:
    """End a client's node as a process ends that is killed."""

    def end() -> None:
        transport: Any = client._transport  # a simulated one
        transport.node.kill()
        transport.net.node_died(transport.node)

    cluster.world.driver.call(end)
