"""``Cluster``'s questions: a partition's leader, committed records, a condition; each waits for its answer.

Right after a restart of its brokers a cluster's image is empty, until one of them has read the metadata log again. So
nothing is answered before the image is there, and the leaders and coordinators in it are running.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from actors.broker.broker import Broker
from actors.cluster import inspection
from actors.cluster.nodes import Nodes
from actors.cluster.waiting import wait_until
from kstore.errors.arguments import function, seconds, text, whole

if TYPE_CHECKING:
    from actors.clients.consumer.records import ConsumerRecord
    from actors.clients.structs import TopicPartition
    from actors.image.image import PartitionImage
    from actors.node.node import BrokerNode

T = TypeVar("T")


class Questions(Nodes):
    """The nodes of a cluster, and what can be asked of them."""

    def leader(self, topic: str, partition: int = 0, *, timeout: float = 10) -> int:
        """The id of the broker that leads a partition, -1 while there is none. Raises UnknownTopicOrPartition, and
        ``TimeoutError`` when brokers that were restarted haven't read what there is after ``timeout`` seconds.
        """
        return self._partition(topic, partition, timeout).leader

    def isr(self, topic: str, partition: int = 0, *, timeout: float = 10) -> tuple[int, ...]:
        """The ids of a partition's in-sync replicas. Raises as ``leader``."""
        return self._partition(topic, partition, timeout).isr

    def _partition(self, topic: str, partition: int, timeout: float) -> PartitionImage:
        name, number = text("topic", topic), whole("partition", partition, 0)
        self._know(seconds("timeout", timeout))
        return self._look(inspection.partition_of, name, number)

    def _know(self, timeout_s: float) -> float:
        """Wait until the cluster is known; returns how many of the seconds are left."""
        driver, clock = self.world.driver, self.world.clock
        if driver.call(self.is_known):
            return timeout_s
        deadline_us = clock.now_us() + round(timeout_s * 1e6)
        if not driver.drive(self.is_known, timeout_s):
            raise TimeoutError(f"no broker has read the cluster's metadata after {timeout_s:g} seconds")
        return max(0, deadline_us - clock.now_us()) / 1e6

    def is_known(self) -> bool:
        """Whether a living broker has read all metadata from before its start."""
        living = self.living()
        return not living or any(self._is_active(node.view.image, node) for node in living)

    def is_starting(self, node: BrokerNode) -> bool:
        """Whether a broker is starting, and isn't a full member of the cluster yet."""
        ref = self.broker_refs[node.node_id]
        return node.alive and not node.is_paused and not ref.actor_as(Broker).was_unfenced

    def _look(self, function: Callable[..., T], *args: object) -> T:
        return self.world.driver.call(function, self, *args)

    def records(
        self, topic: str, n: int | None = None, partition: int | None = None, timeout: float = 10
    ) -> list[ConsumerRecord]:
        """What is committed in a topic, or in one partition of it, read from the leaders' logs without a consumer.

        With ``n`` it waits until there are so many, and still returns all that are there, so that one too many shows.
        In the order of timestamps; those of one partition in the order of their offsets. Raises ``TimeoutError`` after
        ``timeout`` seconds, with what was there; UnknownTopicOrPartition.
        """
        topic = text("topic", topic)
        least = 0 if n is None else whole("n", n, 0, 2**63 - 1)
        number = None if partition is None else whole("partition", partition, 0)
        left_s = self._know(seconds("timeout", timeout))
        found: list[ConsumerRecord] | None = None

        def look() -> None:
            nonlocal found
            found = inspection.committed_records(self, topic, number)

        def is_there() -> bool:
            if not inspection.is_settled(self, topic, number):
                return False
            if inspection.offsets_in(self, topic, number) >= least:  # there can't be more records than offsets
                look()
            return found is not None and len(found) >= least

        if number is not None:
            self._look(inspection.partition_of, topic, number)
        if not self.world.driver.drive(is_there, left_s):
            self.world.driver.call(look)
            if n is None and found is not None:
                return found  # some replica doesn't follow: what the others have is committed
            what = "a partition has no leader" if found is None else f"there are {len(found)} records: {found!r}"
            wanted = f"{topic} could not be read" if n is None else f"not {n} records in {topic}"
            raise TimeoutError(f"{wanted} after {timeout:g} seconds: {what}")
        assert found is not None, "it was there"
        return found

    def committed(self, group: str, timeout: float = 10) -> dict[TopicPartition, int]:
        """The offsets that a group has committed, by partition; empty if there are none.

        Waits while the group's coordinator is loading or moves; raises ``TimeoutError`` after ``timeout`` seconds.
        """
        group = text("group", group)
        left_s = self._know(seconds("timeout", timeout))
        found: dict[TopicPartition, int] | None = None

        def is_there() -> bool:
            nonlocal found
            found = inspection.committed_offsets(self, group)
            return found is not None

        if not self.world.driver.drive(is_there, left_s):
            raise TimeoutError(f"group {group} has had no coordinator for {timeout:g} seconds")
        assert found is not None, "it was there"
        return found

    def lag(self, group: str, timeout: float = 10) -> dict[TopicPartition, int]:
        """How many records a group hasn't committed yet, for each partition that it has committed anything of.

        Counted in offsets, up to the high watermark. Waits as ``committed``, and while a leader has just been started;
        a partition without a leader isn't in it.
        """
        offsets = self.committed(group, timeout)
        self.world.driver.drive(lambda: inspection.are_led(self, offsets), seconds("timeout", timeout))
        ends = {partition: self._look(inspection.high_watermark, partition) for partition in offsets}
        return {partition: end - offsets[partition] for partition, end in ends.items() if end is not None}

    def wait_for(self, predicate: Callable[[], object], timeout: float = 30) -> None:
        """Let the cluster run until ``predicate()`` holds; raises ``TimeoutError`` after ``timeout`` seconds.

        The predicate is called by the caller's own thread whenever something has happened, and every 50 ms of real
        time; it may use the cluster and its clients: ``cluster.wait_for(lambda: consumer.poll(0))``.
        """
        function("predicate", predicate)
        timeout_s = seconds("timeout", timeout)
        if not wait_until(self.world, predicate, timeout_s):
            raise TimeoutError(f"not so after {timeout_s:g} seconds: {_name_of(predicate)}")

    def wait_for_group(
        self, group: str, members: int | None = None, state: str = "Stable", timeout: float = 30
    ) -> None:
        """Wait until a group is in a state ("Stable", "Empty", "PreparingRebalance", …), with so many members.

        Raises ``TimeoutError`` after ``timeout`` seconds; ``ConfigError`` for a state that Kafka doesn't have.
        """
        group = text("group", group)
        count = None if members is None else whole("members", members, 0)
        inspection.check_state(state)
        seen = "there is no such group"

        def is_so() -> bool:
            nonlocal seen
            found = inspection.group_of(self, group)
            if found is not None:
                seen = f"it is {found.shown_state} with {found.member_count} members"
            return found is not None and found.shown_state == state and count in (None, found.member_count)

        if not self.world.driver.drive(is_so, seconds("timeout", timeout)):
            wanted = state if members is None else f"{state} with {members} members"
            raise TimeoutError(f"group {group} is not {wanted} after {timeout:g} seconds: {seen}")


def _name_of(predicate: Callable[[], object]) -> str:
    return getattr(predicate, "__qualname__", repr(predicate))
