"""Which of Kafka's config keys do something in kstore.

A key that isn't here is kept and described, and whoever sets it is told that it has no effect yet (`effect`), or it is
refused (`refused`). Where only some values of a key do what they say, they are listed; None means all of Kafka's.
"""

from __future__ import annotations

from collections.abc import Mapping

BROKER: Mapping[str, tuple[str, ...] | None] = dict.fromkeys(
    (
        "auto.create.topics.enable",
        "auto.leader.rebalance.enable",
        "broker.heartbeat.interval.ms",
        "broker.session.timeout.ms",
        "connections.max.idle.ms",
        "controller.quorum.fetch.max.bytes",
        "default.replication.factor",
        "delete.topic.enable",
        "fetch.max.bytes",
        "group.initial.rebalance.delay.ms",
        "group.max.session.timeout.ms",
        "group.max.size",
        "group.metadata.max.bytes",
        "group.min.session.timeout.ms",
        "leader.imbalance.check.interval.seconds",
        "log.flush.interval.messages",
        "log.flush.interval.ms",
        "log.flush.offset.checkpoint.interval.ms",
        "log.flush.start.offset.checkpoint.interval.ms",
        "log.index.interval.bytes",
        "log.index.size.max.bytes",
        "log.message.timestamp.after.max.ms",
        "log.message.timestamp.before.max.ms",
        "log.message.timestamp.type",
        "log.roll.hours",
        "log.roll.ms",
        "log.segment.bytes",
        "max.connections",
        "max.connections.per.ip",
        "max.connections.per.ip.overrides",
        "max.incremental.fetch.session.cache.slots",
        "max.request.partition.size.limit",
        "message.max.bytes",
        "min.insync.replicas",
        "num.partitions",
        "offset.metadata.max.bytes",
        "offsets.commit.timeout.ms",
        "offsets.retention.check.interval.ms",
        "offsets.retention.minutes",
        "offsets.topic.num.partitions",
        "offsets.topic.replication.factor",
        "offsets.topic.segment.bytes",
        "producer.id.expiration.ms",
        "queued.max.request.bytes",
        "queued.max.response.bytes",
        "replica.fetch.backoff.ms",
        "replica.fetch.max.bytes",
        "replica.fetch.min.bytes",
        "replica.fetch.response.max.bytes",
        "replica.fetch.wait.max.ms",
        "replica.high.watermark.checkpoint.interval.ms",
        "replica.lag.time.max.ms",
        "replica.socket.timeout.ms",
        "socket.request.max.bytes",
        "unclean.leader.election.enable",
    )
)

TOPIC: Mapping[str, tuple[str, ...] | None] = {
    "compression.type": ("producer",),
    "flush.messages": None,
    "flush.ms": None,
    "index.interval.bytes": None,
    "internal.segment.bytes": None,
    "max.message.bytes": None,
    "message.timestamp.after.max.ms": None,
    "message.timestamp.before.max.ms": None,
    "message.timestamp.type": None,
    "min.insync.replicas": None,
    "segment.bytes": None,
    "segment.index.bytes": None,
    "segment.ms": None,
    "unclean.leader.election.enable": None,
}
