"""Syncing, staying alive, leaving and expiring."""

from typing import Any

from groups.driving import REBALANCE_MS, SESSION_MS, Driven
from present import present

from kstore import errors
from kstore.schema.messages.leave_group import LeaveGroupResponse


def test_followers_wait_for_the_leaders_shares_and_all_get_theirs_once_committed() -> None:
    driven = Driven()
    first, second = (driven.member() for _ in range(2))
    driven.send_join("first", first)
    driven.send_join("second", second)
    driven.pass_ms(0)
    driven.is_held = True
    driven.send_sync("sync second", second, 1)
    driven.send_sync("sync first", first, 1, {first: b"p0", second: b"p1"})
    assert driven.is_parked("sync first"), "the shares aren't in the log yet"
    driven.commit()
    assert driven.synced("sync first").assignment == b"p0"
    answer = driven.synced("sync second")
    assert (answer.assignment, answer.protocol_type, answer.protocol_name) == (b"p1", "consumer", "range")
    assert driven.state() == "Stable"


def test_a_member_that_the_leader_forgot_gets_an_empty_share() -> None:
    driven = Driven()
    first, second = (driven.member() for _ in range(2))
    driven.send_join("first", first)
    driven.send_join("second", second)
    driven.pass_ms(0)
    driven.send_sync("sync first", first, 1, {first: b"all", "stranger": b"x"})
    driven.send_sync("sync second", second, 1)
    assert driven.synced("sync second").assignment == b""


def test_shares_that_cannot_be_stored_make_everybody_rejoin() -> None:
    driven = Driven()
    member_id = driven.member()
    driven.send_join("join", member_id)
    driven.pass_ms(0)
    driven.is_held = True
    driven.send_sync("sync", member_id, 1, {member_id: b"p0"})
    driven.refuse(errors.NotEnoughReplicas())
    assert driven.synced("sync").error_code == errors.CoordinatorNotAvailable.code
    assert driven.state() == "PreparingRebalance"


def test_shares_of_a_generation_that_is_over_are_not_handed_out() -> None:
    driven = Driven()
    leader = driven.member()
    driven.send_join("join", leader)
    driven.pass_ms(0)
    driven.is_held = True
    driven.send_sync("sync", leader, 1, {leader: b"old"})
    driven.send_join("new", driven.member())
    assert driven.synced("sync").error_code == errors.RebalanceInProgress.code
    driven.commit()
    assert driven.state() == "PreparingRebalance"
    assert present(driven.group("g")).members[leader].assignment == b""


def test_a_sync_is_refused_for_what_is_wrong_with_it() -> None:
    driven = Driven()
    (leader,) = driven.stable_group()
    wrong: list[tuple[str, dict[str, Any], int]] = [
        ("group", {"group": "other"}, errors.UnknownMemberId.code),
        ("member", {"member_id": "stranger"}, errors.UnknownMemberId.code),
        ("generation", {"generation": 7}, errors.IllegalGeneration.code),
        ("protocol", {"protocol_name": "sticky"}, errors.InconsistentGroupProtocol.code),
    ]
    for reply, sync, code in wrong:
        driven.send_sync(reply, **{"member_id": leader, "generation": 1, **sync})
        assert driven.synced(reply).error_code == code, reply
    driven.send_join("rejoin", leader, protocols=(("range", b"new"), ("sticky", b"")))
    driven.send_sync("old client", leader, 2, protocol_name=None)
    assert driven.synced("old client").error_code == 0 or driven.is_parked("old client")


def test_a_sync_in_a_stable_group_is_answered_at_once() -> None:
    driven = Driven()
    _, follower = driven.stable_group(2)
    driven.send_sync("again", follower, 1)
    assert driven.synced("again").assignment == f"share of {follower}".encode()


def test_a_sync_during_the_next_rebalance_is_told_so() -> None:
    driven = Driven()
    _, follower = driven.stable_group(2)
    driven.send_join("new", driven.member())
    driven.send_sync("late", follower, 1)
    assert driven.synced("late").error_code == errors.RebalanceInProgress.code


def test_members_that_never_sync_are_dropped_after_the_rebalance_timeout() -> None:
    driven = Driven()
    leader, silent = (driven.member() for _ in range(2))
    driven.send_join("leader", leader)
    driven.send_join("silent", silent)
    driven.pass_ms(0)
    driven.send_sync("sync", leader, 1, {leader: b"p0"})
    for _ in range(10):
        driven.pass_ms(REBALANCE_MS // 10 - 1)
        driven.heartbeat(leader, 1)
        driven.heartbeat(silent, 1)
    driven.pass_ms(10)
    assert driven.heartbeat(silent, 1) == errors.UnknownMemberId.code
    assert driven.heartbeat(leader, 1) == errors.RebalanceInProgress.code


def test_heartbeats_keep_a_session_alive_and_silence_ends_it() -> None:
    driven = Driven()
    leader, follower = driven.stable_group(2)
    for _ in range(5):
        driven.pass_ms(SESSION_MS - 1)
        assert driven.heartbeat(leader, 1) == 0
        assert driven.heartbeat(follower, 1) == 0
    driven.pass_ms(SESSION_MS - 1)
    assert driven.heartbeat(leader, 1) == 0
    driven.pass_ms(1)
    assert driven.heartbeat(follower, 1) == errors.UnknownMemberId.code
    assert driven.heartbeat(leader, 1) == errors.RebalanceInProgress.code


def test_a_heartbeat_is_refused_for_what_is_wrong_with_it() -> None:
    driven = Driven()
    (leader,) = driven.stable_group()
    assert driven.heartbeat(leader, 1, group="other") == errors.UnknownMemberId.code
    assert driven.heartbeat("stranger", 1) == errors.UnknownMemberId.code
    assert driven.heartbeat(leader, 0) == errors.IllegalGeneration.code


def test_commits_keep_a_session_alive_too() -> None:
    driven = Driven()
    (leader,) = driven.stable_group()
    for _ in range(3):
        driven.pass_ms(SESSION_MS - 1)
        driven.send_commit("commit", {("t", 0): 5}, leader, 1)
        assert driven.commit_code("commit") == 0
    assert driven.state() == "Stable"


def test_a_member_that_waits_in_a_join_does_not_expire() -> None:
    driven = Driven()
    leader, follower = driven.stable_group(2)
    driven.send_join("leader", leader)
    for _ in range(3):
        driven.pass_ms(SESSION_MS - 1)
        driven.heartbeat(follower, 1)
    assert driven.is_parked("leader")
    driven.send_join("follower", follower)
    assert len(driven.joined("leader").members) == 2


def test_the_last_leave_empties_the_group_and_is_answered_once_that_is_committed() -> None:
    driven = Driven()
    (leader,) = driven.stable_group()
    driven.is_held = True
    driven.send_leave("leave", (leader, None))
    assert driven.is_parked("leave")
    driven.commit()
    response = driven.answer("leave")
    assert isinstance(response, LeaveGroupResponse)
    assert [each.error_code for each in response.members] == [0]
    assert driven.state() == "Empty"
    assert present(Driven(log=driven.log).group("g")).generation_id == 2


def test_a_batch_of_leaves_is_answered_one_by_one_and_makes_one_rebalance() -> None:
    driven = Driven()
    members = driven.stable_group(3)
    pending = driven.member()
    driven.notes.clear()
    driven.send_leave("leave", (members[1], None), ("stranger", None), (pending, None), (members[2], None))
    response = driven.answer("leave")
    assert isinstance(response, LeaveGroupResponse)
    assert [each.error_code for each in response.members] == [0, errors.UnknownMemberId.code, 0, 0]
    assert driven.kinds().count("RebalanceBegun") == 1
    driven.send_join("leader", members[0])
    assert len(driven.joined("leader").members) == 1


def test_a_leave_of_the_last_one_awaited_completes_the_rebalance() -> None:
    driven = Driven()
    leader, follower = driven.stable_group(2)
    driven.send_join("leader", leader)
    driven.send_leave("leave", (follower, None))
    assert driven.joined("leader").generation_id == 2


def test_a_leave_from_a_group_that_is_not_there_names_its_members_unknown() -> None:
    driven = Driven()
    driven.send_leave("leave", ("m", None))
    response = driven.answer("leave")
    assert isinstance(response, LeaveGroupResponse)
    assert (response.error_code, [each.error_code for each in response.members]) == (0, [errors.UnknownMemberId.code])


def test_a_member_that_leaves_while_it_waits_is_told_to_start_over() -> None:
    driven = Driven(group_initial_rebalance_delay_ms=3_000)
    member_id = driven.member()
    driven.send_join("join", member_id)
    driven.send_leave("leave", (member_id, None))
    assert driven.joined("join").error_code == errors.UnknownMemberId.code
    driven.pass_ms(3_000)
    assert driven.state() == "Empty"
