"""What the tests of transactions share: what a reader gets of a topic, a cluster on either protocol, and a transaction
that hangs.
"""

from __future__ import annotations

from typing import Any

from clients.targets import Target
from waiting import wait_until

from actors.clients.actor import ClientActor
from actors.clients.coroutine import SendTo
from actors.runtime.coroutine import Eventually
from kstore import Admin, Cluster, ConfigResource, ConsumerRecord, TopicPartition
from kstore.errors import KafkaError
from kstore.records import BatchBuilder
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

POLLS_MAX = 60
CLASSIC, LATER = 1, 2
"""Levels of transaction.version: AddPartitionsToTxn, and KIP-890's second part."""
VERIFIED = "transaction.partition.verification.enable"
NEVER_GIVEN = 2**40
"""An id that no producer of these tests has."""


def partitions_of(topic: str, partitions: int) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(partitions)]


def read(maker: Target | Cluster, topic: str, partitions: int = 1, *, committed: bool = True) -> list[bytes]:
    """All values that a reader gets of a topic, sorted; see ``read_records``."""
    return sorted(record.value for record in read_records(maker, topic, partitions, committed=committed))


def read_records(
    maker: Target | Cluster, topic: str, partitions: int = 1, *, committed: bool = True
) -> list[ConsumerRecord]:
    """All records that a reader gets of a topic in which no transaction is open, those of each partition in order.

    A commit is over when it is decided; its markers are written a moment later, and are waited for here.
    """
    level = "read_committed" if committed else "read_uncommitted"
    wanted = partitions_of(topic, partitions)
    found: list[ConsumerRecord] = []
    with (
        maker.consumer(isolation_level=level, auto_offset_reset="earliest", fetch_max_wait_ms=20) as consumer,
        maker.consumer() as other,
    ):
        consumer.assign(wanted)
        ends = other.end_offsets(wanted)
        for _ in range(POLLS_MAX):
            if all(consumer.position(each) >= ends[each] for each in wanted):
                return found
            found += [record for records in consumer.poll(1000).values() for record in records]
    raise AssertionError(f"a transaction is open in {topic} after {POLLS_MAX} polls: {ends}, read {len(found)} records")


def set_level(cluster: Any, level: int) -> None:
    """Have a cluster agree on a level of transaction.version."""
    with cluster.admin() as admin:
        assert isinstance(admin, Admin)
        if admin.describe_features().finalized_features.get("transaction.version", (0, 0))[1] != level:
            admin.update_features({"transaction.version": ("SAFE_DOWNGRADE", level)})


def hang(admin: Admin, topic: str, producer_id: int = NEVER_GIVEN, timestamp_ms: int = 1_000) -> None:
    """Leave a transaction open that no coordinator knows, as a producer could whose partition nobody verified."""
    admin.alter_configs([ConfigResource("topic", topic, {"message.timestamp.before.max.ms": 2**62})])
    builder = BatchBuilder(producer_id=producer_id, producer_epoch=3, base_sequence=0, transactional=True)
    builder.append(timestamp_ms, None, b"hanging")
    data = PartitionProduceData(index=0, records=builder.build())
    request = ProduceRequest(
        transactional_id="nobody",
        acks=-1,
        timeout_ms=10_000,
        topic_data=[TopicProduceData(name=topic, partition_data=[data])],
    )

    def sent(actor: ClientActor) -> Eventually[int]:
        leader = yield from actor.leader(topic, 0)
        answer = yield SendTo(leader, request, versions=(9, 9))  # by which a leader may be told not to verify
        assert not isinstance(answer, KafkaError), answer
        return int(answer.responses[0].partition_responses[0].error_code)

    admin.alter_configs([ConfigResource("broker", "", {VERIFIED: "false"})])
    try:
        wait_until(lambda: admin._do("hang", sent) == 0, what="a record that is not verified")
    finally:
        admin.reset_configs([ConfigResource("broker", "", [VERIFIED])])
