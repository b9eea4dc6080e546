"""What clients may put into a group and its offsets: bytes that mean nothing, numbers at the end of their range."""

from __future__ import annotations

import pytest
from groups.driving import Driven

from actors.groups.committing import FOREVER_MS
from actors.groups.group import ClassicGroup, GroupState
from actors.groups.shares import LENGTH_MAX, SHARE_BYTES_MAX, in_words
from kstore.errors import GroupSubscribedToTopic
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kstore.schema.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)

NOT_SUBSCRIPTIONS = [b"", b"\0", b"\0\0", b"\xff\xff" + b"\0" * 20, b"\0\1\0\0\0\7", b"\0" * 2 + b"\xff" * 8]
"""Too short for a version, for a version's fields, of no version, and with counts that lie."""
DAY_MS = 24 * 60 * 60 * 1000


def commit(driven: Driven, retention_ms: int, reply: str = "commit") -> None:
    partitions = [OffsetCommitRequestPartition(partition_index=0, committed_offset=7, committed_metadata="")]
    request = OffsetCommitRequest(
        group_id="g",
        generation_id_or_member_epoch=-1,
        retention_time_ms=retention_ms,
        topics=[OffsetCommitRequestTopic(name="orders", partitions=partitions)],
    )
    driven._ask(driven.machine.commit, request, reply, 2, "client")


@pytest.mark.parametrize("retention_ms", [2**63 - 1, 2**63 - 2, 2**62])
def test_an_offset_may_be_kept_for_longer_than_a_record_can_say(retention_ms):
    driven = Driven()
    commit(driven, retention_ms)
    assert driven.answer("commit").topics[0].partitions[0].error_code == 0
    again = Driven(log=driven.log)
    assert again.machine.offsets.of_group("g")["orders"][0].expires_at_ms <= FOREVER_MS
    again.pass_ms(400 * DAY_MS)
    assert again.machine.offsets.of_group("g")["orders"][0].offset == 7


@pytest.mark.parametrize("metadata", NOT_SUBSCRIPTIONS)
def test_offsets_of_a_group_whose_subscriptions_cannot_be_read_are_not_deleted(metadata):
    driven = Driven()
    commit(driven, -1)
    driven.send_join("join", version=1, protocols=(("range", metadata),))
    driven.pass_ms(1)
    assert driven.answer("join").error_code == 0
    partitions = [OffsetDeleteRequestPartition(partition_index=0)]
    topics = [OffsetDeleteRequestTopic(name="orders", partitions=partitions)]
    driven._ask(driven.machine.delete_offsets, OffsetDeleteRequest(group_id="g", topics=topics), "delete", 0, "client")
    answer = driven.answer("delete")
    assert answer.error_code == 0
    assert answer.topics[0].partitions[0].error_code == GroupSubscribedToTopic.code
    driven.pass_ms(30 * DAY_MS)  # the retention is looked at meanwhile


@pytest.mark.parametrize("metadata", NOT_SUBSCRIPTIONS)
def test_a_group_whose_subscriptions_cannot_be_read_keeps_its_offsets(metadata):
    driven = Driven()
    commit(driven, -1)
    driven.send_join("join", version=1, protocols=(("range", metadata),), session_ms=1_800_000)
    driven.pass_ms(1)
    member = driven.answer("join").member_id
    driven.send_sync("sync", member, 1, {member: b""})
    for _ in range(8 * 24 * 4):
        driven.pass_ms(DAY_MS // 24 // 4)
        assert driven.heartbeat(member, 1) == 0
    assert driven.machine.offsets.of_group("g")["orders"][0].offset == 7


def test_a_share_is_told_in_words_as_far_as_a_row_of_the_trace_has_room():
    shares = {f"member-{n}": b"\0\0" + b"\xff" * n for n in range(10_000)}
    assert len(in_words("consumer", shares)) < 2 * LENGTH_MAX
    large = b"\0\0" + b"\0" * SHARE_BYTES_MAX
    assert in_words("consumer", {"a": large}) == f"a: {len(large)} bytes"


def test_the_generation_after_the_last_is_the_first():
    group = ClassicGroup("g", now_ms=0, state=GroupState.PREPARING_REBALANCE)
    group.generation_id = 2**31 - 1
    group.begin_generation(1)
    assert group.generation_id == 0
