"""What clients may put into a group and its offsets: bytes that mean nothing, numbers at the end of their range."""

from __future__ import annotations

import pytest
from groups.driving import START_MS, Driven

from actors.groups.classic.assignment_text import ASSIGNMENT_BYTES_MAX, LENGTH_MAX, assignment_text
from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.states import GroupState
from actors.groups.deleting import OFFSETS_A_LOOK
from actors.groups.offset_requests import FOREVER_MS
from actors.groups.records import CommittedOffset, OffsetRecord, encode_entry
from actors.groups.timers import RETENTION
from kstore.errors import GroupSubscribedToTopic
from kstore.schema.envelopes import encode_key, encode_value
from kstore.schema.errors import SchemaError
from kstore.schema.messages.consumer_offsets import GroupMetadataKey, GroupMetadataValue, MemberMetadata
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
    driven.ask(request, reply, 2)


@pytest.mark.parametrize("retention_ms", [2**63 - 1, 2**63 - 2, 2**62])
def test_an_offset_may_be_kept_for_longer_than_a_record_can_say(retention_ms):
    driven = Driven()
    commit(driven, retention_ms)
    assert driven.answer("commit").topics[0].partitions[0].error_code == 0
    again = Driven(log=driven.log)
    assert again.shard.offsets.of_group("g")["orders"][0].expires_at_ms <= FOREVER_MS
    again.pass_ms(400 * DAY_MS)
    assert again.shard.offsets.of_group("g")["orders"][0].offset == 7


@pytest.mark.parametrize("metadata", NOT_SUBSCRIPTIONS)
def test_offsets_of_a_group_whose_subscriptions_cannot_be_read_are_not_deleted(metadata):
    driven = Driven()
    commit(driven, -1)
    driven.send_join("join", version=1, protocols=(("range", metadata),))
    driven.pass_ms(1)
    assert driven.answer("join").error_code == 0
    partitions = [OffsetDeleteRequestPartition(partition_index=0)]
    topics = [OffsetDeleteRequestTopic(name="orders", partitions=partitions)]
    driven.ask(OffsetDeleteRequest(group_id="g", topics=topics), "delete", 0)
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
    assert driven.shard.offsets.of_group("g")["orders"][0].offset == 7


def test_a_share_is_told_in_words_as_far_as_a_row_of_the_trace_has_room():
    shares = {f"member-{n}": b"\0\0" + b"\xff" * n for n in range(10_000)}
    assert len(assignment_text("consumer", shares)) < 2 * LENGTH_MAX
    large = b"\0\0" + b"\0" * ASSIGNMENT_BYTES_MAX
    assert assignment_text("consumer", {"a": large}) == f"a: {len(large)} bytes"


def test_the_generation_after_the_last_is_the_first():
    group = ClassicGroup("g", now_ms=0, state=GroupState.PREPARING_REBALANCE)
    group.generation_id = 2**31 - 1
    group.begin_generation(1)
    assert group.generation_id == 0


def entry_of(**changes) -> tuple[bytes, bytes]:
    member = MemberMetadata(
        member_id="m", group_instance_id="i", client_id="c", client_host="/h", session_timeout=9_000
    )
    fields = {"protocol_type": "consumer", "generation": 3, "protocol": "range", "leader": "m", "members": [member]}
    return encode_key(GroupMetadataKey(group="g")), encode_value(GroupMetadataValue(**{**fields, **changes}), 3)


def test_a_group_that_cannot_be_is_refused_as_it_is_read_from_the_log():
    Driven(log=[entry_of()])
    twice = [MemberMetadata(member_id="m", client_id="c", client_host="/h") for _ in range(2)]
    same = [MemberMetadata(member_id=f"m{n}", group_instance_id="i", client_id="c", client_host="/h") for n in range(2)]
    for changes in ({"members": twice}, {"members": same, "leader": "m0"}, {"leader": "x"}, {"protocol": None}):
        with pytest.raises(SchemaError):
            Driven(log=[entry_of(**changes)])


def test_offsets_of_many_groups_expire_in_slices_that_others_get_turns_between():
    driven = Driven()
    committed = CommittedOffset(1, -1, "", START_MS)
    log = [
        encode_entry(OffsetRecord(f"g{n}", "orders", part, committed))
        for n in range(30)
        for part in range(OFFSETS_A_LOOK // 10)
    ]
    driven = Driven(log=log)
    driven.now_ms += 30 * DAY_MS
    driven.carry_out(driven.shard.timer_fired(RETENTION, driven.now_ms))
    left = len(driven.shard.groups)
    assert 0 < left < 30, "the first slice took some of the groups, and left others"
    driven.pass_ms(1)
    assert not driven.shard.groups
    assert not any(driven.shard.offsets.has_any(f"g{n}") for n in range(30))
