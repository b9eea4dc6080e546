"""Static members: a place in the group that outlives the client's process."""

import pytest
from groups.driving import SESSION_MS, Driven
from present import present

from kstore import errors
from kstore.schema.messages.leave_group import LeaveGroupResponse


def static_group(driven: Driven, *instances: str, session_ms: int = SESSION_MS) -> list[str]:
    for instance in instances:
        driven.send_join(instance, instance=instance, session_ms=session_ms)
    driven.pass_ms(0)
    members = [driven.joined(instance).member_id for instance in instances]
    for member_id in reversed(members):
        shares = {each: f"share {index}".encode() for index, each in enumerate(members)}
        instance = instances[members.index(member_id)]
        driven.send_sync(f"sync {instance}", member_id, 1, shares, instance=instance)
    for instance in instances:
        assert driven.synced(f"sync {instance}").error_code == 0
    return members


def test_a_static_member_needs_no_second_join_and_is_named_for_its_instance() -> None:
    driven = Driven()
    assert static_group(driven, "a", "b") == ["a-id1", "b-id2"]


def test_a_restarted_follower_gets_its_share_back_without_a_rebalance() -> None:
    driven = Driven()
    old_leader, old = static_group(driven, "a", "b")
    driven.is_held = True
    driven.send_join("again", instance="b")
    assert driven.is_parked("again"), "its new id isn't in the log yet"
    driven.commit()
    answer = driven.joined("again")
    assert (answer.error_code, answer.generation_id, answer.leader, answer.members) == (0, 1, old_leader, [])
    assert answer.member_id not in ("", old)
    assert driven.state() == "Stable"
    driven.send_sync("sync", answer.member_id, 1, instance="b")
    assert driven.synced("sync").assignment == b"share 1"
    assert driven.heartbeat(old, 1, instance="b") == errors.FencedInstanceId.code
    assert answer.member_id in present(Driven(log=driven.log).group("g")).members


def test_a_restarted_leader_is_told_to_lead_but_not_to_assign() -> None:
    driven = Driven()
    static_group(driven, "a", "b")
    driven.send_join("again", instance="a", version=9)
    answer = driven.joined("again")
    assert answer.leader == answer.member_id
    assert answer.skip_assignment
    assert len(answer.members) == 2


def test_a_restarted_leader_that_knows_no_skipping_becomes_a_follower() -> None:
    driven = Driven()
    old_leader, _ = static_group(driven, "a", "b")
    driven.send_join("again", instance="a", version=8)
    answer = driven.joined("again")
    assert (answer.leader, answer.members, answer.skip_assignment) == (old_leader, [], False)
    driven.send_sync("sync", answer.member_id, 1, instance="a")
    assert driven.synced("sync").assignment == b"share 0"


def test_a_replacement_that_cannot_be_stored_is_undone() -> None:
    driven = Driven()
    _, old = static_group(driven, "a", "b")
    driven.is_held = True
    driven.send_join("again", instance="b", protocols=(("range", b"new"),))
    driven.refuse(errors.NotLeaderOrFollower())
    assert driven.joined("again").error_code == errors.NotCoordinator.code
    assert driven.heartbeat(old, 1, instance="b") == 0
    assert present(driven.group("g")).members[old].protocols == (("range", b"sub"),)


def test_a_replacement_that_changes_the_protocol_makes_the_group_rebalance() -> None:
    driven = Driven()
    both = (("range", b""), ("sticky", b""))
    driven.send_join("a", instance="a", protocols=both)
    driven.pass_ms(0)
    leader = driven.joined("a").member_id
    driven.send_sync("sync", leader, 1, {leader: b"all"}, instance="a")
    driven.send_join("again", instance="a", protocols=tuple(reversed(both)))
    answer = driven.joined("again")
    assert (answer.generation_id, answer.protocol_name) == (2, "sticky")


def test_a_replacement_while_shares_are_dealt_makes_the_group_rebalance() -> None:
    driven = Driven()
    driven.send_join("a", instance="a")
    driven.send_join("b", instance="b")
    driven.pass_ms(0)
    first, second = driven.joined("a").member_id, driven.joined("b").member_id
    driven.send_sync("sync b", second, 1, instance="b")
    driven.send_join("again", instance="b")
    assert driven.synced("sync b").error_code == errors.FencedInstanceId.code
    driven.send_join("a", first, instance="a")
    assert len(driven.joined("a").members) == 2
    assert driven.joined("again").generation_id == 2


def test_a_second_client_with_the_same_instance_fences_the_first_ones_parked_join() -> None:
    driven = Driven(group_initial_rebalance_delay_ms=3_000)
    driven.send_join("first", instance="a")
    driven.send_join("second", instance="a")
    refusal = driven.joined("first")
    assert refusal.error_code == errors.FencedInstanceId.code
    driven.pass_ms(3_000)
    assert len(driven.joined("second").members) == 1


@pytest.mark.parametrize("member_id", ["", "{known}"])
def test_a_static_member_may_be_removed_by_its_instance_alone(member_id: str) -> None:
    driven = Driven()
    _, known = static_group(driven, "a", "b")
    driven.send_leave("leave", (member_id.format(known=known), "b"))
    response = driven.answer("leave")
    assert isinstance(response, LeaveGroupResponse)
    assert [each.error_code for each in response.members] == [0]
    assert known not in present(driven.group("g")).members


def test_a_leave_under_an_old_id_is_fenced() -> None:
    driven = Driven()
    static_group(driven, "a", "b")
    driven.send_leave("leave", ("b-old", "b"), ("", "c"), ("", None))
    response = driven.answer("leave")
    assert isinstance(response, LeaveGroupResponse)
    unknown = errors.UnknownMemberId.code
    assert [each.error_code for each in response.members] == [errors.FencedInstanceId.code, unknown, unknown]


def test_a_commit_and_a_join_under_an_old_id_are_fenced() -> None:
    driven = Driven()
    _, old = static_group(driven, "a", "b")
    driven.send_join("again", instance="b")
    driven.send_commit("commit", {("t", 0): 1}, old, 1, instance="b")
    assert driven.commit_code("commit") == errors.FencedInstanceId.code
    driven.send_join("old", old, instance="b")
    assert driven.joined("old").error_code == errors.FencedInstanceId.code
    driven.send_join("unknown", "x", instance="nobody")
    assert driven.joined("unknown").error_code == errors.UnknownMemberId.code


def test_a_static_member_that_is_away_for_longer_than_its_session_is_removed() -> None:
    driven = Driven()
    leader, away = static_group(driven, "a", "b")
    driven.pass_ms(SESSION_MS - 1)
    assert driven.heartbeat(leader, 1, instance="a") == 0
    driven.pass_ms(1)
    assert away not in present(driven.group("g")).members
    assert driven.heartbeat(leader, 1, instance="a") == errors.RebalanceInProgress.code


def test_a_static_member_keeps_its_place_through_a_rebalance_that_it_misses() -> None:
    driven = Driven()
    leader, away = static_group(driven, "a", "b", session_ms=600_000)
    driven.send_join("leader", leader, instance="a", session_ms=600_000)
    driven.pass_ms(60_000)
    answer = driven.joined("leader")
    assert away in {each.member_id for each in answer.members}
