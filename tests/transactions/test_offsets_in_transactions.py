"""TxnOffsetCommit through the brokers of a cluster: a group's offsets go with a producer's transaction."""

from __future__ import annotations

from typing import Any

import pytest
from partition.client import Client
from transactions.producers import TOPIC, TransactionalProducer

from actors.network.link import Disconnected
from kstore.errors import (
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    InvalidGroupId,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    NotCoordinator,
    TransactionAbortable,
    UnknownTopicId,
    UnknownTopicOrPartition,
    UnstableOffsetCommit,
)
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics
from kstore.schema.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)

GROUP = "g"
MOVING = (NotCoordinator.code, CoordinatorNotAvailable.code, CoordinatorLoadInProgress.code)


class Committer:
    """Commits a group's offsets for a producer, and reads them."""

    def __init__(self, client: Client, producer: TransactionalProducer) -> None:
        self.client = client
        self.producer = producer

    def coordinator(self) -> int:
        while True:
            for node in self.client.living():  # the first may be left as the controller alone
                found = self.client.ask(node, FindCoordinatorRequest(key=GROUP), version=2)
                if not isinstance(found, Disconnected) and not found.error_code:
                    return int(found.node_id)
            self.client.run(0.1)

    def commit(self, offset: int, version: int, *, partition: int = 0, **fields: Any) -> int:
        """The error code for the partition."""
        part = TxnOffsetCommitRequestPartition(partition_index=partition, committed_offset=offset)
        by_id = {"topic_id": self.client.topic_id(TOPIC)} if version >= 6 else {"name": TOPIC}
        topic = TxnOffsetCommitRequestTopic(**(by_id | fields.pop("topic", {})), partitions=[part])
        request = TxnOffsetCommitRequest(
            transactional_id=self.producer.name,
            group_id=GROUP,
            producer_id=self.producer.id,
            producer_epoch=self.producer.epoch,
            topics=[topic],
        )
        for name, value in fields.items():
            setattr(request, name, value)
        while True:
            answer = self.client.ask(self.coordinator(), request, version=version)
            if not isinstance(answer, Disconnected):
                (found,) = answer.topics[0].partitions
                if found.error_code not in MOVING:
                    return int(found.error_code)
            self.client.run(0.1)

    def fetched(self, *, stable: bool = True) -> tuple[int, int]:
        """The offset and error code of the first partition."""
        topics = [OffsetFetchRequestTopics(name=TOPIC, partition_indexes=[0])]
        group = OffsetFetchRequestGroup(group_id=GROUP, topics=topics)
        while True:
            request = OffsetFetchRequest(groups=[group], require_stable=stable)
            answer = self.client.ask(self.coordinator(), request, version=9)
            if not isinstance(answer, Disconnected) and answer.groups[0].error_code not in MOVING:
                (found,) = answer.groups[0].topics[0].partitions
                return found.committed_offset, found.error_code
            self.client.run(0.1)


def committing(client: Client, *, second: bool) -> tuple[TransactionalProducer, Committer]:
    producer = TransactionalProducer(client, second=second)
    committer = Committer(client, producer)
    committer.coordinator()
    assert producer.init() == 0
    return producer, committer


@pytest.mark.parametrize("version", range(7))
def test_offsets_count_when_the_transaction_commits(start, version: int) -> None:
    client = start(brokers=1)
    producer, committer = committing(client, second=version >= 5)
    for offset, commits, counts in ((5, True, 5), (6, False, 5), (7, True, 7)):
        if version < 5:
            assert producer.add_offsets(GROUP) == 0
        while code := committer.commit(offset, version):
            assert code == 51, "the transaction before is being completed"
            client.run(0.1)
        assert committer.fetched() == (-1, UnstableOffsetCommit.code)
        producer.end(commit=commits)
        producer.wait_until("CompleteCommit" if commits else "CompleteAbort")
        assert committer.fetched() == (counts, 0)


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("commits", [False, True])
def test_offsets_of_an_open_transaction_outlive_the_groups_coordinator(start, second: bool, commits: bool) -> None:
    client = start()
    producer, committer = committing(client, second=second)
    if not second:
        producer.add_offsets(GROUP)
    assert committer.commit(5, 5 if second else 4) == 0
    client.cluster.faults.kill(committer.coordinator())
    client.wait_for_leader("__consumer_offsets", 0)
    assert committer.fetched() == (-1, UnstableOffsetCommit.code)
    assert committer.fetched(stable=False) == (-1, 0)
    producer.end(commit=commits)
    producer.wait_until("CompleteCommit" if commits else "CompleteAbort")
    assert committer.fetched() == (5 if commits else -1, 0)


@pytest.mark.parametrize(("version", "error"), [(0, InvalidTxnState), (3, InvalidTxnState), (4, TransactionAbortable)])
def test_offsets_of_a_group_that_was_not_added_are_refused(start, version: int, error: type[Exception]) -> None:
    client = start(brokers=1)
    producer, committer = committing(client, second=False)
    producer.send(b"a")
    assert committer.commit(5, version) == error.code  # type: ignore[attr-defined]
    assert committer.fetched() == (-1, 0)


def test_offsets_are_taken_from_the_present_producer_alone(start) -> None:
    client = start(brokers=1)
    producer, committer = committing(client, second=True)
    assert committer.commit(5, 5, producer_epoch=1) == InvalidProducerEpoch.code
    assert committer.commit(5, 5, producer_id=producer.id + 7) == InvalidProducerIdMapping.code
    assert committer.commit(5, 5) == 0
    other = TransactionalProducer(client, second=True)
    assert other.init() == 0
    assert committer.commit(6, 5) == InvalidProducerEpoch.code
    assert committer.fetched() == (-1, 0)


def test_what_is_not_there_is_refused_partition_by_partition(start) -> None:
    client = start(brokers=1)
    _, committer = committing(client, second=True)
    assert committer.commit(5, 5, partition=9) == UnknownTopicOrPartition.code
    assert committer.commit(5, 5, topic={"name": "nowhere"}) == UnknownTopicOrPartition.code
    assert committer.commit(5, 6, topic={"topic_id": b"nowhere-at-all-!"}) == UnknownTopicId.code
    assert committer.commit(5, 5, group_id="") == InvalidGroupId.code
