"""Offsets within open transactions: unstable until their marker, then committed or never."""

from typing import Any

import pytest
from groups.driving import START_MS, Driven
from groups.requests_of_groups import delete_offsets

from actors.coordinator.effects import Writer
from actors.groups.records import CommittedOffset, OffsetRecord, encode_entry
from kstore import checked, errors
from kstore.schema.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics
from kstore.schema.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)

WEEK_MS = 8 * 24 * 3_600_000


def commit(
    driven: Driven, offset: int, *, producer_id: int = 7, partition: int = 0, reply: str = "txn", **fields
) -> None:
    part = TxnOffsetCommitRequestPartition(partition_index=partition, committed_offset=offset, committed_metadata="")
    request = TxnOffsetCommitRequest(
        transactional_id="tx",
        group_id=fields.pop("group", "g"),
        producer_id=producer_id,
        producer_epoch=0,
        topics=[TxnOffsetCommitRequestTopic(name="t", partitions=[part])],
        **fields,
    )
    driven.ask(request, "txn", 5)


def plain(driven: Driven, offset: int) -> None:
    driven.send_commit("plain", {("t", 0): offset})
    assert driven.commit_code("plain") == 0


def end(driven: Driven, *, committed: bool, producer_id: int = 7) -> None:
    driven.carry_out(driven.shard.transaction_ended(producer_id, 0, driven.now_ms, is_committed=committed))


def stable(driven: Driven, partition: int = 0) -> tuple[int, int]:
    """Offset and error code, as a reader has them that wants what is stable."""
    topics = [OffsetFetchRequestTopics(name="t", partition_indexes=[partition])]
    group = OffsetFetchRequestGroup(group_id="g", topics=topics)
    driven.ask(OffsetFetchRequest(groups=[group], require_stable=True), "stable", 9)
    (found,) = driven.answer("stable").groups[0].topics[0].partitions
    return found.committed_offset, found.error_code


UNSTABLE = -1, errors.UnstableOffsetCommit.code


def codes(answer: object) -> list[int]:
    return [each.error_code for topic in answer.topics for each in topic.partitions]  # type: ignore[attr-defined]


@pytest.mark.parametrize("committed", [True, False])
def test_an_offset_in_a_transaction_counts_from_the_marker_on_if_it_commits(committed: bool) -> None:
    driven = Driven()
    plain(driven, 1)
    commit(driven, 5)
    assert codes(driven.answer("txn")) == [0]
    assert driven.fetch("t") == {("t", 0): 1}
    assert stable(driven) == UNSTABLE
    end(driven, committed=committed)
    assert stable(driven) == (5 if committed else 1, 0)


def test_its_records_are_written_in_the_transaction_with_the_guard() -> None:
    driven = Driven()
    driven.is_held = True
    commit(driven, 5)
    assert driven.held[0].writer == Writer(7, 0, 0)


def test_a_commit_outside_of_transactions_that_stands_later_in_the_log_stays() -> None:
    driven = Driven()
    commit(driven, 5)
    plain(driven, 9)
    assert stable(driven) == UNSTABLE
    end(driven, committed=True)
    assert stable(driven) == (9, 0)


def test_of_two_transactions_that_are_open_each_is_waited_for() -> None:
    driven = Driven()
    commit(driven, 5, producer_id=7)
    commit(driven, 6, producer_id=8)
    end(driven, committed=True, producer_id=8)
    assert stable(driven) == UNSTABLE
    end(driven, committed=False, producer_id=7)
    assert stable(driven) == (6, 0)


def test_a_refused_commit_is_in_no_transaction() -> None:
    driven = Driven()
    driven.is_held = True
    commit(driven, 5)
    driven.refuse(errors.InvalidTxnState())
    driven.is_held = False
    assert isinstance(driven.answer("txn"), errors.InvalidTxnState)
    assert stable(driven) == (-1, 0)
    assert len(driven.shard) == 0


def test_an_outcome_that_is_known_after_the_marker_still_belongs_to_the_transaction_before_it() -> None:
    with checked.turned_on():
        driven = Driven()
        driven.is_held = True
        commit(driven, 5)
        commit(driven, 6, partition=1)
        end(driven, committed=True)
        commit(driven, 7, partition=2)
        driven.commit()
        driven.refuse(errors.NotEnoughReplicas())
        driven.commit()
        driven.is_held = False
        assert stable(driven, 0) == (5, 0)
        assert stable(driven, 1) == (-1, 0)
        assert stable(driven, 2) == UNSTABLE
        end(driven, committed=False)
        assert stable(driven, 2) == (-1, 0)


def test_offsets_of_an_open_transaction_do_not_expire_and_keep_their_group() -> None:
    driven = Driven()
    plain(driven, 1)
    commit(driven, 5)
    driven.pass_ms(WEEK_MS)
    assert driven.fetch("t") == {("t", 0): 1}
    end(driven, committed=False)
    driven.pass_ms(WEEK_MS)
    assert len(driven.shard) == 0


def test_a_deletion_takes_those_in_open_transactions_along() -> None:
    driven = Driven()
    commit(driven, 5)
    driven.ask(delete_offsets("g", 0, topics=("t",)), "delete", 0)
    assert codes(driven.answer("delete")) == [0]
    assert stable(driven) == (-1, 0)
    end(driven, committed=True)
    assert stable(driven) == (-1, 0)


def test_topics_that_are_gone_take_those_in_open_transactions_along() -> None:
    driven = Driven()
    commit(driven, 5)
    driven.topics_deleted("t")
    end(driven, committed=True)
    assert stable(driven) == (-1, 0)


def test_what_is_read_from_the_log_is_what_was_known_live() -> None:
    entry = encode_entry(OffsetRecord("g", "t", 0, CommittedOffset(40, -1, "", START_MS)))
    driven = Driven()
    driven.shard.replay_in_transaction(7, *entry, START_MS)
    assert stable(driven) == UNSTABLE
    end(driven, committed=True)
    assert stable(driven) == (40, 0)


def test_a_producer_that_says_of_which_member_the_offsets_are_must_be_right() -> None:
    driven = Driven()
    (member,) = driven.stable_group()
    own: dict[str, Any] = {"member_id": member, "generation_id_or_member_epoch": 1}
    for fields, error in (
        ({}, None),
        (own, None),
        (own | {"generation_id_or_member_epoch": 2}, errors.IllegalGeneration),
        (own | {"member_id": "another"}, errors.UnknownMemberId),
    ):
        commit(driven, 5, **fields)
        answer = driven.answer("txn")
        assert codes(answer) == [0] if error is None else isinstance(answer, error)


@pytest.mark.parametrize(("version", "error"), [(5, errors.IllegalGeneration), (6, errors.GroupIdNotFound)])
def test_a_generation_of_a_group_that_is_not_there_is_refused(version: int, error: type[errors.KafkaError]) -> None:
    driven = Driven()
    part = TxnOffsetCommitRequestPartition(partition_index=0, committed_offset=1)
    request = TxnOffsetCommitRequest(
        group_id="nowhere",
        generation_id_or_member_epoch=3,
        topics=[TxnOffsetCommitRequestTopic(name="t", partitions=[part])],
    )
    driven.ask(request, "txn", version)
    assert isinstance(driven.answer("txn"), error)
