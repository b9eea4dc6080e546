"""``cluster.expire``: a topic's retention holds at once, in the log of every replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pykka

from actors.cluster.inspection import topic_of
from actors.partition.messages import EnforceRetention
from actors.runtime.future import ask
from kstore.log.answers import Expired

if TYPE_CHECKING:
    from actors.cluster.questions import Questions
    from actors.runtime import Ref


def expire(nodes: Questions, topic: str, timeout_s: float) -> int:
    """As ``Cluster.expire``."""
    asked = [
        (leads, ask(nodes.world, replica, EnforceRetention(), "Cluster.expire"))
        for leads, replica in nodes.world.driver.call(_replicas, nodes, topic)
    ]
    removed = 0
    for leads, future in asked:
        try:
            expired = future.get(timeout=timeout_s)
        except pykka.ActorDeadError:
            continue  # the replica ended meanwhile: it was moved or deleted, or its broker was killed
        except pykka.Timeout:
            raise TimeoutError(f"{topic} was not checked in {timeout_s:g} seconds") from None
        if leads and isinstance(expired, Expired):
            removed += expired.new_start_offset - expired.start_offset
    return removed


def _replicas(nodes: Questions, topic: str) -> list[tuple[bool, Ref]]:
    """The replicas of a topic on living nodes, and whether each is the leader."""
    found = []
    for number, partition in sorted(topic_of(nodes, topic).partitions.items()):
        for node in nodes.living():
            replica = node.view.replicas.get((topic, number))
            if replica is not None and not node.is_paused:
                found.append((node.node_id == partition.leader, replica))
    return found
