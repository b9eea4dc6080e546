"""``Cluster.expire``, ``compact``, ``scrub``: what brokers do to logs from time to time is done to a topic at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pykka

from actors.cluster.inspection import topic_of
from actors.partition.cleaning_messages import Compact
from actors.partition.messages import EnforceRetention
from actors.partition.scrub_messages import Scrub, Scrubbed
from actors.runtime.future import ask
from kstore.errors import KafkaStorageError
from kstore.errors.config import ConfigError
from kstore.log.answers import Expired

if TYPE_CHECKING:
    from actors.cluster.questions import Questions
    from actors.runtime import Ref


def expire(nodes: Questions, topic: str, timeout_s: float) -> int:
    """As ``Cluster.expire``."""
    removed = 0
    for leads, _, expired in _ask_replicas(nodes, topic, EnforceRetention(), "Cluster.expire", timeout_s):
        if leads and isinstance(expired, Expired):
            removed += expired.new_start_offset - expired.start_offset
    return removed


def compact(nodes: Questions, topic: str, timeout_s: float) -> int:
    """As ``Cluster.compact``."""
    removed = 0
    for leads, _, cleanings in _ask_replicas(nodes, topic, Compact(), "Cluster.compact", timeout_s):
        if cleanings is None:
            raise ConfigError(f"topic {topic} isn't compacted: its cleanup.policy has no compact")
        for cleaned in cleanings if isinstance(cleanings, list) else ():
            if cleaned.failure is not None:
                raise KafkaStorageError(cleaned.failure)
            removed += leads and cleaned.stats.records_read - cleaned.stats.records_kept
    return removed


def scrub(nodes: Questions, topic: str, timeout_s: float) -> list[str]:
    """As ``Cluster.scrub``."""
    lines = []
    for _, node_id, scrubbed in _ask_replicas(nodes, topic, Scrub(), "Cluster.scrub", timeout_s):
        if isinstance(scrubbed, Scrubbed):
            lines += [f"node {node_id}: {wrong}" for wrong in scrubbed.wrong]
    return lines


def _ask_replicas(
    nodes: Questions, topic: str, message: object, call: str, timeout_s: float
) -> list[tuple[bool, int, object]]:
    """The answers of all replicas of a topic, whether each is the leader, and its node; without those that end
    meanwhile: they were moved or deleted, or their broker was killed.
    """
    driver, clock = nodes.world.driver, nodes.world.clock
    deadline_us = clock.now_us() + round(timeout_s * 1e6)
    asked = [
        (leads, node_id, ask(nodes.world, replica, message, call))
        for leads, node_id, replica in driver.call(_replicas, nodes, topic)
    ]
    answers = []
    for leads, node_id, future in asked:
        try:
            answers.append((leads, node_id, future.get(timeout=max(0, deadline_us - clock.now_us()) / 1e6)))
        except pykka.ActorDeadError:
            continue
        except pykka.Timeout:
            raise TimeoutError(f"{call} of {topic} was not done in {timeout_s:g} seconds") from None
    return answers


def _replicas(nodes: Questions, topic: str) -> list[tuple[bool, int, Ref]]:
    """The replicas of a topic on living nodes, whether each is the leader, and its node."""
    found = []
    for number, partition in sorted(topic_of(nodes, topic).partitions.items()):
        for node in nodes.living():
            replica = node.view.replicas.get((topic, number))
            if replica is not None and not node.is_paused:
                found.append((node.node_id == partition.leader, node.node_id, replica))
    return found
