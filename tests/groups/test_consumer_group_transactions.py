"""Commits of members of consumer groups in transactions: which epochs are good for which partitions."""

import pytest
from groups.driving import Driven
from groups.test_consumer_group_heartbeats import ORDERS, started, two_members

from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)


@pytest.fixture
def driven() -> Driven:
    return started()


def test_a_commit_in_a_transaction_is_judged_as_any_other_and_old_versions_know_no_stale_epoch(driven: Driven) -> None:
    two_members(driven)

    def commit(member: str, epoch: int, number: int, version: int) -> int:
        part = TxnOffsetCommitRequestPartition(partition_index=number, committed_offset=5, committed_metadata="")
        request = TxnOffsetCommitRequest(
            group_id="g",
            transactional_id="x",
            producer_id=7,
            member_id=member,
            generation_id_or_member_epoch=epoch,
            topics=[TxnOffsetCommitRequestTopic(name="orders", topic_id=ORDERS, partitions=[part])],
        )
        driven.ask(request, "c", version)
        answer = driven.answer("c")
        return answer.code if isinstance(answer, KafkaError) else int(answer.topics[0].partitions[0].error_code)

    assert commit("A", 3, 0, 6) == 0
    assert commit("A", 2, 0, 6) == 0, "it has had the partition since epoch 2"
    assert commit("A", 2, 2, 6) == errors.StaleMemberEpoch.code
    assert commit("A", 4, 0, 6) == errors.StaleMemberEpoch.code
    assert commit("A", 2, 2, 5) == errors.IllegalGeneration.code
    assert commit("C", 3, 0, 5) == errors.UnknownMemberId.code
    assert commit("", -1, 0, 5) == 0, "a producer that doesn't say of which member its offsets are"
