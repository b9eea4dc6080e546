"""Trace rows for a decision of the controller: new leaders and why, fenced brokers, changed topics.

The records of a decision are one batch of the metadata log. Partitions in it change their leaders because of what
happens to a broker in the same batch (fenced, unfenced, shutting down, registered again) or, if there is none, because
of the request. A new topic has one row: the first living replica of each assignment leads from the beginning.

| row                                       | partition    | offset1    | offset2      |
|-------------------------------------------|--------------|------------|--------------|
| LeaderElected, LeaderLost                 | topic-number | new leader | leader epoch |
| TopicCreated, TopicDeleted                | topic        | partitions |              |
| PartitionsAdded                           | topic        | before     | after        |
| BrokerRegistered                          |              | broker     | its epoch    |
| BrokerFenced, BrokerUnfenced              |              | broker     | its epoch    |
| BrokerShuttingDown                        |              | broker     | its epoch    |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actors.controller.election import RECOVERING
from actors.image.image import NO_LEADER, ClusterImage, ImageDelta
from kstore.named import NamedTuple
from kstore.schema.messages.metadata_records import (
    BrokerRegistrationChangeRecord,
    PartitionChangeRecord,
    RegisterBrokerRecord,
)
from kstore.schema.struct import Message

FENCED, UNFENCED, SHUTTING_DOWN = 1, -1, 1

ASKED = {
    "BrokerHeartbeat": "as its heartbeats say",
    "BrokerRegistration": "its process started",
    "AssignReplicasToDirs": "the log of a replica is out of use, or in use again",
    "AlterPartition": "its leader changed the in-sync set",
}
EVENTS = {
    "BrokerFenced": "was fenced",
    "BrokerUnfenced": "was unfenced",
    "BrokerShuttingDown": "shuts down",
    "BrokerRegistered": "was registered",
}


class DecisionRow(NamedTuple):
    """One row: see the table above. ``why`` is for people."""

    kind: str
    partition: str
    offset1: int
    offset2: int
    why: str


def decision_rows(
    records: Sequence[Message], delta: ImageDelta, before: ClusterImage, after: ClusterImage, why: str
) -> list[DecisionRow]:
    """The rows of a decision that was made because of ``why`` and brought the image from ``before`` to ``after``."""
    rows = list(_brokers(records, why)) if delta.changed_brokers else []
    if rows:
        why = "; ".join(f"broker {row.offset1} {EVENTS[row.kind]}: {row.why}" for row in rows)
    if delta.changed_topics or delta.removed_topics:
        rows += _topics(delta, before, after, why)
        rows += _leaders(records, before, after, why)
    return rows


def asked_for(request: object) -> str:
    """The reason of a decision that a request asks for."""
    name = type(request).__name__.removesuffix("Request")
    return ASKED.get(name, name)


def _brokers(records: Sequence[Message], why: str) -> Iterator[DecisionRow]:
    for record in records:
        if isinstance(record, RegisterBrokerRecord):
            yield DecisionRow("BrokerRegistered", "", record.broker_id, record.broker_epoch, why)
        elif isinstance(record, BrokerRegistrationChangeRecord):
            if record.in_controlled_shutdown == SHUTTING_DOWN:
                kind = "BrokerShuttingDown"
            elif record.fenced in (FENCED, UNFENCED):
                kind = "BrokerFenced" if record.fenced == FENCED else "BrokerUnfenced"
            else:
                continue
            yield DecisionRow(kind, "", record.broker_id, record.broker_epoch, why)


def _topics(delta: ImageDelta, before: ClusterImage, after: ClusterImage, why: str) -> Iterator[DecisionRow]:
    for topic in delta.removed_topics:
        yield DecisionRow("TopicDeleted", topic.name, len(topic.partitions), -1, why)
    for name in delta.changed_topics:
        now, then = after.topics.get(name), before.topics.get(name)
        if now is None:
            continue
        if then is None or then.id != now.id:
            yield DecisionRow("TopicCreated", name, len(now.partitions), -1, why)
        elif len(then.partitions) != len(now.partitions):
            yield DecisionRow("PartitionsAdded", name, len(then.partitions), len(now.partitions), why)


def _leaders(records: Sequence[Message], before: ClusterImage, after: ClusterImage, why: str) -> Iterator[DecisionRow]:
    for record in records:
        if not isinstance(record, PartitionChangeRecord):
            continue
        name = after.topic_names_by_id.get(record.topic_id)
        now = None if name is None else after.partition(name, record.partition_id)
        then = None if name is None else before.partition(name, record.partition_id)
        if now is None or then is None or now.leader == then.leader:
            continue
        label = f"{name}-{record.partition_id}"
        if now.leader == NO_LEADER:
            yield DecisionRow("LeaderLost", label, then.leader, now.leader_epoch, why)
            continue
        unclean = record.leader_recovery_state == RECOVERING
        yield DecisionRow("LeaderElected", label, now.leader, now.leader_epoch, f"{why}; uncleanly" if unclean else why)
