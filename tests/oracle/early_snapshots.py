"""Settings with which Apache Kafka deletes the beginning of its metadata log as soon as a snapshot has it."""

SNAPSHOTS = {
    "metadata.log.max.record.bytes.between.snapshots": "2000",
    "metadata.log.max.snapshot.interval.ms": "2000",
    "internal.metadata.log.segment.bytes": "65536",
    "metadata.log.segment.ms": "1000",
    "metadata.max.retention.bytes": "4096",
    "metadata.max.retention.ms": "1000",
}
