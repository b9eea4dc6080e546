"""Offsets: who may commit, what is seen when, what expires."""

import pytest
from groups.driving import START_MS, Driven

from kstore import errors
from kstore.schema import encode
from kstore.schema.messages.consumer_protocol import ConsumerProtocolSubscription

DAY_MS = 24 * 3_600_000
WEEK_MS = 7 * DAY_MS
CHECK_MS = 600_000


def test_a_commit_is_seen_once_it_is_committed_in_the_log() -> None:
    driven = Driven()
    driven.is_held = True
    driven.send_commit("commit", {("t", 0): 5, ("t", 1): 6})
    assert driven.is_parked("commit")
    assert driven.fetch("t", (0, 1)) == {("t", 0): -1, ("t", 1): -1}
    driven.commit()
    assert driven.commit_code("commit") == 0
    assert driven.fetch("t", (0, 1, 2)) == {("t", 0): 5, ("t", 1): 6, ("t", 2): -1}
    assert driven.fetch() == {("t", 0): 5, ("t", 1): 6}


def test_a_stable_fetch_waits_for_the_commits_that_are_under_way() -> None:
    driven = Driven()
    assert driven.fetch("t", require_stable=True) == {("t", 0): -1}
    driven.is_held = True
    driven.send_commit("one", {("t", 0): 5})
    driven.send_commit("two", {("t", 0): 6})
    assert driven.fetch("t", require_stable=True, reply="stable") is None
    driven.commit()
    assert driven.is_parked("stable")
    driven.commit()
    assert not driven.is_parked("stable")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NotLeaderOrFollower(), errors.NotCoordinator.code),
        (errors.NotEnoughReplicas(), errors.CoordinatorNotAvailable.code),
        (errors.RequestTimedOut(), errors.CoordinatorNotAvailable.code),
        (errors.MessageTooLarge(), errors.UnknownServerError.code),
    ],
)
def test_a_commit_that_cannot_be_stored_changes_nothing(error: errors.KafkaError, code: int) -> None:
    driven = Driven()
    driven.send_commit("first", {("t", 0): 5})
    driven.is_held = True
    driven.send_commit("second", {("t", 0): 6})
    driven.refuse(error)
    assert driven.commit_code("second") == code
    assert driven.fetch("t") == {("t", 0): 5}


def test_a_commit_of_the_past_is_taken_as_it_is() -> None:
    driven = Driven()
    driven.send_commit("first", {("t", 0): 5})
    driven.send_commit("second", {("t", 0): 2})
    assert driven.fetch("t") == {("t", 0): 2}


@pytest.mark.parametrize(
    ("member_id", "generation", "group", "version", "code"),
    [
        ("", -1, "g", 9, errors.UnknownMemberId.code),
        ("stranger", 1, "g", 9, errors.UnknownMemberId.code),
        ("{leader}", 0, "g", 9, errors.IllegalGeneration.code),
        ("{leader}", -1, "g", 9, errors.IllegalGeneration.code),
        ("{leader}", 1, "none", 9, errors.GroupIdNotFound.code),
        ("{leader}", 1, "none", 8, errors.IllegalGeneration.code),
        ("{leader}", 1, "g", 8, 0),
    ],
)
def test_a_group_with_members_takes_commits_of_members_only(
    member_id: str, generation: int, group: str, version: int, code: int
) -> None:
    driven = Driven()
    (leader,) = driven.stable_group()
    driven.send_commit(
        "commit", {("t", 0): 1}, member_id.format(leader=leader), generation, group=group, version=version
    )
    assert driven.commit_code("commit") == code


def test_members_commit_before_they_rejoin_but_not_before_they_have_their_share() -> None:
    driven = Driven()
    (leader,) = driven.stable_group()
    driven.send_join("new", driven.member())
    driven.send_commit("revoking", {("t", 0): 7}, leader, 1)
    assert driven.commit_code("revoking") == 0
    driven.send_join("leader", leader)
    driven.send_commit("too early", {("t", 0): 8}, leader, 2)
    assert driven.commit_code("too early") == errors.RebalanceInProgress.code


def test_metadata_has_a_limit() -> None:
    driven = Driven(offset_metadata_max_bytes=3)
    driven.send_commit("long", {("t", 0): 1}, metadata="1234")
    assert driven.commit_code("long") == errors.OffsetMetadataTooLarge.code
    assert not driven.log
    driven.send_commit("fits", {("t", 0): 1}, metadata="123")
    assert driven.commit_code("fits") == 0
    driven.send_commit("none", {("t", 0): 2}, metadata=None)
    assert driven.commit_code("none") == 0


def test_an_offset_of_an_earlier_topic_of_the_same_name_is_none() -> None:
    driven = Driven()
    driven.send_commit("commit", {("t", 0): 5}, topic_id=b"a" * 16)
    assert driven.fetch("t") == {("t", 0): 5}
    assert driven.fetch("t", topic_id=b"a" * 16) == {("t", 0): 5}
    assert driven.fetch("t", topic_id=b"b" * 16) == {("t", 0): -1}


def test_offsets_of_a_client_without_a_group_expire_a_week_after_its_last_commit() -> None:
    driven = Driven()
    driven.send_commit("one", {("t", 0): 5, ("t", 1): 5})
    driven.pass_ms(WEEK_MS - DAY_MS)
    driven.send_commit("two", {("t", 1): 6})
    driven.pass_ms(DAY_MS + CHECK_MS)
    assert driven.fetch() == {("t", 1): 6}
    driven.pass_ms(WEEK_MS)
    assert driven.fetch() == {}
    assert not driven.shard.groups, "with its last offset the group is gone"
    assert not Driven(log=driven.log).shard.groups


def test_offsets_of_a_group_expire_a_week_after_its_last_member() -> None:
    driven = Driven()
    (leader,) = driven.stable_group()
    driven.send_commit("commit", {("t", 0): 5}, leader, 1)
    driven.pass_ms(3_000)
    driven.send_leave("leave", (leader, None))
    driven.pass_ms(WEEK_MS - CHECK_MS)
    assert driven.fetch() == {("t", 0): 5}
    driven.pass_ms(2 * CHECK_MS)
    assert driven.fetch() == {}
    assert driven.kinds()[-1] == "GroupDeleted"


def test_while_a_group_lives_only_topics_that_it_no_longer_reads_expire() -> None:
    driven = Driven()
    member_id = driven.member()
    subscription = (("range", b"\x00\x00" + encoded_subscription("read")),)
    driven.send_join("join", member_id, protocols=subscription)
    driven.pass_ms(0)
    driven.send_sync("sync", member_id, 1, {member_id: b"p"})
    driven.send_commit("commit", {("read", 0): 5, ("left", 0): 6}, member_id, 1)
    while driven.now_ms < START_MS + WEEK_MS + CHECK_MS:
        assert driven.heartbeat(member_id, 1) == 0
        driven.pass_ms(9_999)
    assert driven.fetch() == {("read", 0): 5}


def encoded_subscription(*topics: str) -> bytes:
    return encode(ConsumerProtocolSubscription(topics=list(topics)), 0)


def test_a_group_whose_subscriptions_cannot_be_read_keeps_its_offsets() -> None:
    driven = Driven(offsets_retention_ms=CHECK_MS)
    (leader,) = driven.stable_group()
    driven.send_commit("commit", {("t", 0): 5}, leader, 1)
    for _ in range(3 * CHECK_MS // 9_000):
        driven.pass_ms(9_000)
        assert driven.heartbeat(leader, 1) == 0
    assert driven.fetch() == {("t", 0): 5}


def test_a_retention_that_the_client_asked_for_goes_before_the_brokers() -> None:
    driven = Driven()
    driven.send_commit("commit", {("t", 0): 5}, version=4, retention_ms=CHECK_MS)
    driven.pass_ms(2 * CHECK_MS)
    assert driven.fetch() == {}


def test_what_is_being_committed_again_does_not_expire() -> None:
    driven = Driven()
    driven.send_commit("one", {("t", 0): 5})
    driven.pass_ms(WEEK_MS - 1_000)
    driven.is_held = True
    driven.send_commit("two", {("t", 0): 6})
    driven.pass_ms(CHECK_MS)
    driven.commit()
    assert not driven.held
    assert driven.fetch() == {("t", 0): 6}


def test_offsets_of_deleted_topics_are_deleted_with_those_under_way() -> None:
    driven = Driven()
    driven.send_commit("one", {("gone", 0): 5, ("kept", 0): 5})
    driven.is_held = True
    driven.send_commit("two", {("gone", 1): 6})
    driven.topics_deleted("gone")
    driven.commit()
    driven.commit()
    assert driven.fetch() == {("kept", 0): 5}
    assert Driven(log=driven.log).fetch() == {("kept", 0): 5}


def test_only_empty_groups_are_deleted_and_their_offsets_go_too() -> None:
    driven = Driven()
    driven.stable_group()
    driven.send_commit("commit", {("t", 0): 5}, group="simple")
    codes = driven.delete("simple", "g", "none")
    assert codes == {"simple": 0, "g": errors.NonEmptyGroup.code, "none": errors.GroupIdNotFound.code}
    assert driven.fetch(group="simple") == {}
    assert list(Driven(log=driven.log).shard.groups) == ["g"]


def test_a_deletion_that_cannot_be_stored_leaves_the_group() -> None:
    driven = Driven()
    driven.send_commit("commit", {("t", 0): 5})
    driven.is_held = True
    driven.send_delete("delete", "g")
    driven.send_commit("meanwhile", {("t", 0): 6})
    assert driven.commit_code("meanwhile") == errors.CoordinatorNotAvailable.code
    assert driven.state() == "Empty", "readers see what is committed"
    driven.refuse(errors.NotEnoughReplicas())
    driven.is_held = False
    driven.send_commit("after", {("t", 0): 7})
    assert driven.fetch() == {("t", 0): 7}


def test_a_commit_that_takes_too_long_is_answered_and_counts_all_the_same_when_it_is_committed() -> None:
    driven = Driven()
    driven.is_held = True
    driven.send_commit("commit", {("t", 0): 5})
    driven.overdue()
    assert driven.commit_code("commit") == errors.CoordinatorNotAvailable.code
    driven.commit()
    assert driven.is_parked("commit"), "it was answered before"
    assert driven.fetch() == {("t", 0): 5}


def test_an_assignment_that_takes_too_long_to_store_has_failed() -> None:
    driven = Driven()
    member_id = driven.member()
    driven.send_join("join", member_id)
    driven.pass_ms(0)
    driven.is_held = True
    driven.send_sync("sync", member_id, 1, {member_id: b"p"})
    driven.overdue()
    assert driven.synced("sync").error_code == errors.CoordinatorNotAvailable.code
    driven.commit()
    assert driven.state() == "PreparingRebalance"


def test_a_deletion_that_takes_too_long_is_answered_and_ends_when_it_is_committed() -> None:
    driven = Driven()
    driven.send_commit("commit", {("t", 0): 5})
    driven.is_held = True
    driven.send_delete("delete", "g")
    driven.overdue()
    assert not driven.is_parked("delete")
    driven.commit()
    assert not driven.shard.groups
    assert driven.fetch() == {}


def test_of_a_partition_that_a_commit_names_twice_the_last_offset_counts() -> None:
    driven = Driven()
    driven.is_held = True
    driven.send_commit("commit", {("t", 0): 5}, repeats=3)
    driven.send_commit("refused", {("t", 0): 9}, repeats=2)
    driven.commit()
    driven.refuse(errors.NotEnoughReplicas())
    assert driven.fetch() == {("t", 0): 7} == Driven(log=driven.log).fetch()
    driven.send_commit("again", {("t", 0): 1})
    driven.commit()
    assert driven.fetch() == {("t", 0): 1}
