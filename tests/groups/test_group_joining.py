"""How groups form: ids, protocols, the initial delay, the rebalance timeout, limits."""

import pytest
from groups.driving import REBALANCE_MS, SESSION_MS, Driven

from actors.groups.settings import NEW_MEMBER_JOIN_TIMEOUT_MS
from kstore import errors


def test_a_dynamic_client_gets_an_id_first_and_joins_with_it() -> None:
    driven = Driven()
    driven.send_join("first")
    refusal = driven.joined("first")
    assert refusal.error_code == errors.MemberIdRequired.code
    assert refusal.member_id == "client-id1"
    driven.send_join("second", refusal.member_id)
    driven.pass_ms(0)
    answer = driven.joined("second")
    assert (answer.error_code, answer.generation_id, answer.leader) == (0, 1, "client-id1")
    assert [each.member_id for each in answer.members] == ["client-id1"]
    assert driven.state() == "CompletingRebalance"


def test_before_version_4_a_client_joins_without_an_id() -> None:
    driven = Driven()
    driven.send_join("join", version=3)
    driven.pass_ms(0)
    assert driven.joined("join").error_code == 0


def test_an_id_that_was_never_used_is_forgotten_after_a_session() -> None:
    driven = Driven()
    members = driven.stable_group()
    pending = driven.member()
    driven.send_join("leader", members[0])
    assert driven.is_parked("leader"), "a rebalance waits for clients that were given ids"
    driven.pass_ms(SESSION_MS)
    assert driven.joined("leader").generation_id == 2
    driven.send_join("late", pending)
    assert driven.joined("late").error_code == errors.UnknownMemberId.code


def test_a_member_of_a_group_that_is_not_there_is_unknown() -> None:
    driven = Driven()
    driven.send_join("join", "client-of-old")
    assert driven.joined("join").error_code == errors.UnknownMemberId.code
    assert not driven.shard.groups


@pytest.mark.parametrize(
    ("session_ms", "code"),
    [
        (5_999, errors.InvalidSessionTimeout.code),
        (6_000, errors.MemberIdRequired.code),
        (1_800_001, errors.InvalidSessionTimeout.code),
    ],
)
def test_session_timeouts_have_bounds(session_ms: int, code: int) -> None:
    driven = Driven()
    driven.send_join("join", session_ms=session_ms)
    assert driven.joined("join").error_code == code


def test_a_group_without_a_name_is_refused() -> None:
    driven = Driven()
    driven.send_join("join", group="")
    assert driven.joined("join").error_code == errors.InvalidGroupId.code


@pytest.mark.parametrize(
    ("protocol_type", "protocols"),
    [("connect", (("range", b""),)), ("consumer", (("sticky", b""),)), ("consumer", ())],
)
def test_a_member_must_speak_a_protocol_that_all_others_speak(
    protocol_type: str, protocols: tuple[tuple[str, bytes], ...]
) -> None:
    driven = Driven()
    driven.stable_group()
    driven.send_join("other", protocol_type=protocol_type, protocols=protocols)
    assert driven.joined("other").error_code == errors.InconsistentGroupProtocol.code


def test_the_protocol_with_most_votes_among_those_that_all_speak_wins() -> None:
    driven = Driven()
    offers = [
        (("a", b"1"), ("b", b"1"), ("c", b"1")),
        (("b", b"2"), ("c", b"2"), ("a", b"2")),
        (("x", b"3"), ("c", b"3"), ("b", b"3")),
        (("b", b"4"), ("c", b"4")),
    ]
    members = [driven.member(protocols=offer) for offer in offers]
    for member_id, offer in zip(members, offers, strict=True):
        driven.send_join(member_id, member_id, protocols=offer)
    driven.pass_ms(0)
    leader = driven.joined(members[0])
    assert leader.protocol_name == "b"
    assert [each.metadata for each in leader.members] == [b"1", b"2", b"3", b"4"]
    assert all(driven.joined(member_id).members == [] for member_id in members[1:])


def test_the_first_rebalance_waits_its_delay_and_longer_while_members_come() -> None:
    driven = Driven(group_initial_rebalance_delay_ms=3_000)
    first = driven.member()
    driven.send_join("first", first)
    driven.pass_ms(2_000)
    second = driven.member()
    driven.send_join("second", second)
    driven.pass_ms(1_000)
    assert driven.is_parked("first"), "a member came, so another delay passes"
    driven.pass_ms(2_999)
    assert driven.is_parked("first")
    driven.pass_ms(1)
    assert len(driven.joined("first").members) == 2
    assert driven.joined("second").members == []


def test_the_first_rebalance_never_waits_beyond_the_rebalance_timeout() -> None:
    driven = Driven(group_initial_rebalance_delay_ms=3_000)
    driven.send_join("join 0", driven.member(rebalance_ms=7_000), rebalance_ms=7_000)
    for second in range(1, 8):
        driven.pass_ms(999)
        assert driven.is_parked("join 0")
        driven.send_join(f"join {second}", driven.member(rebalance_ms=7_000), rebalance_ms=7_000)
        driven.pass_ms(1)
    assert len(driven.joined("join 0").members) == 8


def test_a_new_member_makes_the_others_rejoin() -> None:
    driven = Driven()
    leader, follower = driven.stable_group(2)
    newcomer = driven.member()
    assert driven.heartbeat(leader, 1) == 0, "an id alone moves nothing"
    driven.send_join("new", newcomer)
    assert driven.heartbeat(leader, 1) == errors.RebalanceInProgress.code
    driven.send_join("leader", leader)
    assert driven.is_parked("leader")
    driven.send_join("follower", follower)
    assert driven.joined("leader").generation_id == 2
    assert driven.joined("new").leader == leader
    assert driven.joined("follower").error_code == 0


def test_members_that_do_not_rejoin_in_time_are_dropped() -> None:
    driven = Driven()
    leader, follower = driven.stable_group(2)
    driven.send_join("new", driven.member())
    for _ in range(6):
        driven.pass_ms(REBALANCE_MS // 6 - 1)
        driven.heartbeat(leader, 1)
        assert driven.heartbeat(follower, 1) == errors.RebalanceInProgress.code
    driven.send_join("follower", follower)
    assert driven.is_parked("new")
    driven.pass_ms(6)
    answer = driven.joined("follower")
    assert answer.leader == follower, "the leader was dropped, and the next in line leads"
    assert leader not in {each.member_id for each in answer.members}
    assert driven.heartbeat(leader, 2) == errors.UnknownMemberId.code


def test_a_rebalance_that_nobody_joins_waits_for_sessions_to_end() -> None:
    driven = Driven()
    driven.send_join("static", instance="i", session_ms=120_000, rebalance_ms=30_000)
    driven.pass_ms(0)
    member_id = driven.joined("static").member_id
    driven.send_join("new", driven.member(rebalance_ms=30_000), rebalance_ms=30_000)
    driven.send_leave("leave", ("client-id2", None))
    driven.pass_ms(30_000)
    assert driven.state() == "PreparingRebalance"
    assert driven.heartbeat(member_id, 1, instance="i") == errors.RebalanceInProgress.code
    driven.pass_ms(120_001)
    assert driven.state() == "Empty"


def test_the_leaders_rejoin_moves_a_stable_group_a_followers_does_not() -> None:
    driven = Driven()
    leader, follower = driven.stable_group(2)
    driven.send_join("follower", follower)
    answer = driven.joined("follower")
    assert (answer.generation_id, answer.leader, answer.members) == (1, leader, [])
    assert driven.state() == "Stable"
    driven.send_join("leader", leader)
    assert driven.state() == "PreparingRebalance"
    driven.send_join("follower", follower)
    assert driven.joined("leader").generation_id == 2


def test_a_follower_with_new_metadata_moves_a_stable_group() -> None:
    driven = Driven()
    _, follower = driven.stable_group(2)
    driven.send_join("follower", follower, protocols=(("range", b"other topics"),))
    assert driven.state() == "PreparingRebalance"


def test_a_join_sent_again_before_the_sync_is_answered_again() -> None:
    driven = Driven()
    member_id = driven.member()
    driven.send_join("join", member_id)
    driven.pass_ms(0)
    first = driven.joined("join")
    driven.send_join("again", member_id)
    again = driven.joined("again")
    assert (again.generation_id, len(again.members)) == (first.generation_id, 1)


def test_a_parked_join_sent_again_leaves_one_member() -> None:
    driven = Driven(group_initial_rebalance_delay_ms=1_000)
    member_id = driven.member()
    driven.send_join("first", member_id)
    driven.send_join("again", member_id)
    assert driven.joined("first").error_code == errors.RebalanceInProgress.code
    driven.pass_ms(1_000)
    assert len(driven.joined("again").members) == 1


def test_a_full_group_takes_nobody_else_in() -> None:
    driven = Driven(group_max_size=2)
    leader, _ = driven.stable_group(2)
    driven.send_join("third")
    assert driven.joined("third").error_code == errors.GroupMaxSizeReached.code
    driven.send_join("leader", leader)
    assert driven.is_parked("leader"), "its members may always rejoin"


def test_of_a_group_that_is_too_large_the_last_to_rejoin_stay_out() -> None:
    driven = Driven()
    members = driven.stable_group(3)
    smaller = Driven(log=driven.log, group_max_size=2)
    assert smaller.state() == "PreparingRebalance"
    for member_id in members:
        smaller.send_join(member_id, member_id)
    assert smaller.joined(members[2]).error_code == errors.GroupMaxSizeReached.code
    assert len(smaller.joined(members[0]).members) == 2


def test_a_newcomer_whose_join_is_never_answered_expires() -> None:
    driven = Driven()
    driven.send_join("static", instance="i", session_ms=1_800_000, rebalance_ms=1_800_000)
    driven.pass_ms(0)
    driven.send_join("new", driven.member())
    driven.pass_ms(NEW_MEMBER_JOIN_TIMEOUT_MS)
    assert driven.joined("new").error_code == errors.UnknownMemberId.code


def test_every_change_says_because_of_what() -> None:
    driven = Driven()
    (leader,) = driven.stable_group()
    driven.pass_ms(SESSION_MS)
    told = [(note.kind, note.because) for note in driven.notes]
    assert told == [
        ("MemberJoined", f"join of {leader}"),
        ("RebalanceBegun", f"join of {leader}"),
        ("GenerationBegun", "its initial delay is over"),
        ("GroupStable", f"{leader} assigned {leader}: {len(f'share of {leader}')} bytes"),
        ("MemberExpired", f"session of {leader} expired"),
        ("RebalanceBegun", f"session of {leader} expired"),
        ("GroupEmptied", f"session of {leader} expired"),
    ]
