"""Which of Kafka's config keys do something in kstore.

A key that isn't here is kept and described, and the user who sets it is told that it has no effect yet (``effect``), or
it is refused (``refused``). Where only some values of a key do what they say, or some elements of a list, they are
listed; None means all of Kafka's.
"""

from __future__ import annotations

from collections.abc import Mapping

_WHOLLY: Mapping[str, None] = dict.fromkeys(
    (
        "add.partitions.to.txn.retry.backoff.max.ms",
        "add.partitions.to.txn.retry.backoff.ms",
        "auto.create.topics.enable",
        "auto.leader.rebalance.enable",
        "broker.heartbeat.interval.ms",
        "broker.session.timeout.ms",
        "compression.gzip.level",
        "compression.lz4.level",
        "compression.type",
        "compression.zstd.level",
        "connections.max.idle.ms",
        "controller.quorum.fetch.max.bytes",
        "default.replication.factor",
        "delete.topic.enable",
        "fetch.max.bytes",
        "group.consumer.assignment.interval.ms",
        "group.consumer.assignors",
        "group.consumer.heartbeat.interval.ms",
        "group.consumer.max.assignment.interval.ms",
        "group.consumer.max.heartbeat.interval.ms",
        "group.consumer.max.session.timeout.ms",
        "group.consumer.max.size",
        "group.consumer.migration.policy",
        "group.consumer.min.assignment.interval.ms",
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.min.session.timeout.ms",
        "group.consumer.session.timeout.ms",
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
        "max.decompressed.message.bytes",
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
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        "transaction.max.timeout.ms",
        "transaction.partition.verification.enable",
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        "transaction.state.log.min.isr",
        "transaction.state.log.num.partitions",
        "transaction.state.log.replication.factor",
        "transaction.state.log.segment.bytes",
        "transactional.id.expiration.ms",
        "unclean.leader.election.enable",
    )
)

BROKER: Mapping[str, tuple[str, ...] | None] = {
    **_WHOLLY,
    "group.coordinator.rebalance.protocols": ("classic", "consumer"),
}

GROUP: Mapping[str, tuple[str, ...] | None] = dict.fromkeys(
    ("consumer.assignment.interval.ms", "consumer.heartbeat.interval.ms", "consumer.session.timeout.ms")
)

TOPIC: Mapping[str, tuple[str, ...] | None] = {
    "compression.gzip.level": None,
    "compression.lz4.level": None,
    "compression.type": None,
    "compression.zstd.level": None,
    "flush.messages": None,
    "flush.ms": None,
    "index.interval.bytes": None,
    "internal.segment.bytes": None,
    "max.decompressed.message.bytes": None,
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
