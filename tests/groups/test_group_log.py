"""What reaches ``__consumer_offsets``, and what a coordinator makes of it that takes over."""

import pytest
from groups.driving import SESSION_MS, START_MS, Driven

from actors.groups.records import (
    CommittedOffset,
    GroupRecord,
    OffsetRecord,
    decode_entry,
    encode_entry,
)
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.consumer_offsets import GroupMetadataValue


def test_a_commit_is_written_in_version_4_and_with_a_retention_in_version_1() -> None:
    key, value = encode_entry(
        OffsetRecord("g", "t", 3, CommittedOffset(7, 2, "m", 1_000, topic_id=b"0123456789abcdef"))
    )
    assert key == b"\x00\x01\x00\x01g\x00\x01t\x00\x00\x00\x03"
    assert value == (
        b"\x00\x04" + (7).to_bytes(8, "big") + (2).to_bytes(4, "big") + b"\x02m" + (1_000).to_bytes(8, "big") + b"\x01"
        b"\x00\x10"
        b"0123456789abcdef"
    )
    _, value = encode_entry(OffsetRecord("g", "t", 3, CommittedOffset(7, 2, "m", 1_000, 2_000)))
    assert value == b"\x00\x01" + (7).to_bytes(8, "big") + b"\x00\x01m" + b"".join(
        each.to_bytes(8, "big") for each in (1_000, 2_000)
    )


def test_a_group_is_written_in_version_3() -> None:
    driven = Driven()
    (leader,) = driven.stable_group()
    new, settled = driven.log
    assert new == (
        b"\x00\x02\x00\x01g",
        b"\x00\x03\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff" + START_MS.to_bytes(8, "big") + b"\x00\x00\x00\x00",
    )
    share = f"share of {leader}".encode()
    assert settled[1] == (
        b"\x00\x03"
        b"\x00\x08consumer"
        b"\x00\x00\x00\x01"
        b"\x00\x05range"
        b"\x00\x0aclient-id1" + START_MS.to_bytes(8, "big") + b"\x00\x00\x00\x01"
        b"\x00\x0aclient-id1"
        b"\xff\xff"
        b"\x00\x06client"
        b"\x00\x0a/127.0.0.1"
        + (60_000).to_bytes(4, "big")
        + (10_000).to_bytes(4, "big")
        + b"\x00\x00\x00\x03sub"
        + len(share).to_bytes(4, "big")
        + share
    )


def test_records_are_read_back_and_unknown_types_skipped() -> None:
    committed = CommittedOffset(7, 2, "m", 1_000)
    for record in (
        OffsetRecord("g", "t", 3, committed),
        OffsetRecord("g", "t", 3, None),
        GroupRecord("g", GroupMetadataValue(protocol_type="consumer", generation=2)),
        GroupRecord("g", None),
    ):
        assert decode_entry(*encode_entry(record)) == record
    assert decode_entry(b"\x00\x09whatever", b"") is None
    legacy = decode_entry(
        b"\x00\x00\x00\x01g\x00\x01t\x00\x00\x00\x03", b"\x00\x00" + bytes(8) + b"\x00\x01m" + bytes(8)
    )
    assert legacy == OffsetRecord("g", "t", 3, CommittedOffset(0, -1, "m", 0))


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_record_that_is_cut_short_is_refused(cut: int) -> None:
    key, value = encode_entry(OffsetRecord("g", "t", 3, CommittedOffset(7, 2, "m", 1_000)))
    assert value is not None
    with pytest.raises(KafkaError):
        decode_entry(key, value[:-cut])


def test_a_group_survives_a_move_of_its_coordinator() -> None:
    driven = Driven()
    leader, follower = driven.stable_group(2)
    driven.send_commit("commit", {("t", 0): 5}, leader, 1)
    moved = Driven(log=driven.log)
    assert moved.state() == "Stable"
    assert moved.fetch() == {("t", 0): 5}
    assert moved.heartbeat(leader, 1) == 0
    moved.send_sync("sync", follower, 1)
    assert moved.synced("sync").assignment == f"share of {follower}".encode()
    moved.pass_ms(SESSION_MS)
    assert moved.state() == "Empty", "sessions run from the load on"


def test_a_coordinator_that_unloads_tells_everybody_parked() -> None:
    driven = Driven()
    leader, _ = driven.stable_group(2)
    driven.send_join("join", leader)
    second, third = (driven.member(group="h") for _ in range(2))
    driven.send_join("leader of h", second, group="h")
    driven.send_join("follower of h", third, group="h")
    driven.pass_ms(0)
    driven.send_sync("sync", third, 1, group="h")
    driven.carry_out(driven.shard.unloaded(driven.now_ms))
    assert driven.joined("join").error_code == errors.NotCoordinator.code
    assert driven.synced("sync").error_code == errors.NotCoordinator.code


def test_who_waits_for_stable_offsets_is_answered_once_when_an_append_ends_after_the_coordinator_unloads() -> None:
    driven = Driven()
    driven.is_held = True
    driven.send_commit("commit", {("t", 0): 5})
    assert driven.fetch("t", reply="fetch", require_stable=True) is None
    driven.carry_out(driven.shard.unloaded(driven.now_ms))
    driven.commit()
    assert isinstance(driven.answer("fetch"), errors.NotCoordinator)


def test_a_new_group_that_cannot_be_written_never_was() -> None:
    driven = Driven(group_initial_rebalance_delay_ms=3_000)
    driven.is_held = True
    driven.send_join("join", version=3)
    driven.refuse(errors.NotLeaderOrFollower())
    assert driven.joined("join").error_code == errors.NotCoordinator.code
    assert not driven.shard.groups
    driven.pass_ms(60_000)


def test_readers_are_not_told_of_a_group_before_it_is_in_the_log() -> None:
    driven = Driven()
    driven.is_held = True
    driven.member()
    assert driven.state() == "Dead"
    assert driven.listed() == []
    driven.commit()
    assert driven.state() == "Empty"


def test_groups_are_listed_by_state_and_type() -> None:
    driven = Driven()
    driven.stable_group()
    driven.send_commit("commit", {("t", 0): 1}, group="simple")

    assert driven.listed() == ["g", "simple"]
    assert driven.listed(["stable"]) == ["g"]
    assert driven.listed(["EMPTY", "Dead"], ["Classic"]) == ["simple"]
    assert driven.listed(types=["consumer"]) == []


def test_a_stable_group_is_described_with_metadata_another_without() -> None:
    driven = Driven()
    leader, _ = driven.stable_group(2)
    described = driven.describe("g", 5)
    assert (described.protocol_type, described.protocol_data) == ("consumer", "range")
    assert described.members[0].member_metadata == b"sub"
    assert described.members[0].member_assignment == f"share of {leader}".encode()
    driven.send_join("join", leader)
    described = driven.describe("g", 5)
    assert (described.group_state, described.protocol_data) == ("PreparingRebalance", "")
    assert [each.member_metadata for each in described.members] == [b"", b""]
    assert described.members[0].member_assignment == f"share of {leader}".encode()


def test_a_group_that_is_not_there_is_dead_and_from_version_6_an_error() -> None:
    driven = Driven()
    assert driven.describe("none", 5).error_code == 0
    described = driven.describe("none", 6)
    assert (described.group_state, described.error_code) == ("Dead", errors.GroupIdNotFound.code)
