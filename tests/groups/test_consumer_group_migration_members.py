"""Members of the classic protocol in a consumer group: what they ask, their sessions, and static ones."""

from __future__ import annotations

import pytest
from groups.driving import REBALANCE_MS, SESSION_MS
from groups.migrating import ORDERS, Migrating, numbers, started, subscription

from actors.groups.topics import TopicInfo
from kstore import errors

LONG_MS = 1_800_000
"""A session longer than any test."""


@pytest.fixture
def g() -> Migrating:
    return Migrating(started())


def mixed(g: Migrating, session_ms: int = SESSION_MS) -> tuple[str, int]:
    """A consumer group of C and a classic member, each with two partitions; the classic member's id and generation."""
    g.start("C")
    a = g.join(session_ms=session_ms).member_id
    g.beat("C", 2, (0, 1, 2, 3))
    kept = tuple(sorted(number for _, number in g.consumer_group.members["C"].assigned))
    assert g.beat("C", 2, kept).member_epoch == 3
    generation, got = g.rejoin(a, session_ms=session_ms)
    assert len(got) == 2
    assert g.consumer_group.shown_state == "Stable"
    return a, generation


def code(g: Migrating, member: str, epoch: int, number: int, version: int = 9) -> int:
    g.driven.send_commit("commit", {("orders", number): 5}, member, epoch, topic_id=ORDERS, version=version)
    return g.driven.commit_code("commit")


def test_a_classic_member_joins_a_consumer_group_and_is_one_of_its_members(g: Migrating) -> None:
    a, generation = mixed(g)
    assert generation == 3
    told = {member.member_id: member.member_type for member in g.described().members}
    assert told == {"C": 1, a: 0}
    assert g.driven.describe(version=6).error_code == errors.GroupIdNotFound.code


def test_a_client_without_a_member_id_gets_one_before_it_joins(g: Migrating) -> None:
    g.start("C")
    g.driven.send_join("j", protocols=(("range", subscription()),))
    answer = g.driven.joined("j")
    assert answer.error_code == errors.MemberIdRequired.code
    assert answer.member_id not in g.consumer_group.members
    assert g.join(answer.member_id).generation_id == 3


def test_partitions_that_are_anothers_are_waited_for_in_the_generation(g: Migrating) -> None:
    g.start("C")
    a = g.join().member_id
    assert g.sync(a, 3) == []
    assert g.heartbeat(a, 3) == 0, "C has not given up any"
    g.beat("C", 2, (0, 1, 2, 3))
    kept = tuple(sorted(number for _, number in g.consumer_group.members["C"].assigned))
    g.beat("C", 2, kept)
    assert g.heartbeat(a, 3) == errors.RebalanceInProgress.code, "now they are free"
    assert len(g.rejoin(a)[1]) == 2


def test_a_member_that_changes_its_subscription_begins_an_epoch(g: Migrating) -> None:
    a, _ = mixed(g)
    assert g.join(a, "orders", "users").generation_id == 4
    assert g.consumer_group.epoch == 4
    assert g.consumer_group.members[a].topics == ("orders", "users")


def test_a_member_that_only_shows_that_it_lives_finds_new_topics(g: Migrating) -> None:
    (a,) = g.classic_group((0, 1, 2, 3), session_ms=LONG_MS)
    g.start("C")
    g.rejoin(a, session_ms=LONG_MS)
    g.driven.topics.set({"orders": TopicInfo(ORDERS, 6)})
    assert g.heartbeat(a, 2) == 0
    assert g.consumer_group.epoch == 3
    assert g.heartbeat(a, 2) == errors.RebalanceInProgress.code


def test_commits_of_classic_members_carry_their_generation(g: Migrating) -> None:
    a, _ = mixed(g)
    mine = min(number for _, number in g.consumer_group.members[a].assigned)
    assert code(g, a, 3, mine) == 0
    assert code(g, a, 3, mine, version=8) == 0, "a classic client may be older"
    assert code(g, a, 2, mine) == errors.IllegalGeneration.code
    assert code(g, a, 4, mine) == errors.IllegalGeneration.code


def test_a_member_of_the_consumer_protocol_cant_commit_with_an_older_request(g: Migrating) -> None:
    mixed(g)
    assert code(g, "C", 3, 0, version=8) == errors.UnsupportedVersion.code
    assert code(g, "C", 3, 0, version=9) == 0


def test_a_classic_member_that_is_silent_for_its_own_session_is_removed(g: Migrating) -> None:
    a, _ = mixed(g)
    g.driven.pass_ms(SESSION_MS - 1)
    assert a in g.consumer_group.members
    g.driven.pass_ms(1)
    assert g.consumer_group.members.keys() == {"C"}


def test_a_member_that_is_told_to_join_again_has_its_rebalance_timeout_for_it(g: Migrating) -> None:
    a, _ = mixed(g, session_ms=LONG_MS)
    g.start("D")
    g.driven.pass_ms(1_000)
    assert g.heartbeat(a, 3) == errors.RebalanceInProgress.code
    g.driven.pass_ms(30_000)
    assert g.heartbeat(a, 3) == errors.RebalanceInProgress.code, "it isn't told anew"
    for member, epoch in (("C", 3), ("D", 4)):
        g.beat(member, epoch)
    g.driven.pass_ms(REBALANCE_MS - 30_000 - 1)
    assert a in g.consumer_group.members
    g.driven.pass_ms(1)
    assert a not in g.consumer_group.members


def test_a_member_that_joins_and_never_syncs_is_removed(g: Migrating) -> None:
    g.start("C")
    a = g.join(session_ms=LONG_MS).member_id
    g.driven.pass_ms(30_000)
    g.beat("C", 2)
    g.driven.pass_ms(30_000)
    assert a not in g.consumer_group.members


def test_a_member_that_synced_is_not_removed_for_it(g: Migrating) -> None:
    a, generation = mixed(g, session_ms=LONG_MS)
    for _ in range(10):
        g.driven.pass_ms(30_000)
        g.beat("C", 3)
        assert g.heartbeat(a, generation) == 0
    assert a in g.consumer_group.members


def test_a_member_that_becomes_one_of_the_consumer_protocol_has_no_classic_timers(g: Migrating) -> None:
    g.start("C")
    a = g.join(session_ms=LONG_MS).member_id
    g.start(a)
    for _ in range(10):
        g.driven.pass_ms(30_000)
        g.beat("C", g.consumer_group.members["C"].epoch, ())
        g.beat(a, g.consumer_group.members[a].epoch, ())
    assert g.consumer_group.members[a].classic is None


def test_a_classic_static_member_is_replaced_by_one_of_the_consumer_protocol(g: Migrating) -> None:
    (a,) = g.classic_group((0, 1, 2, 3), instances=("i",))
    answer = g.start("C", instance_id="i")
    assert (answer.member_epoch, numbers(answer)) == (1, [0, 1, 2, 3]), "it takes over what the instance had"
    assert g.heartbeat(a, 1, "i") == errors.FencedInstanceId.code
    assert g.leave((a, "i")) == [errors.FencedInstanceId.code]
    assert g.consumer_group.members.keys() == {"C"}


def test_the_last_static_member_that_comes_back_classic_makes_the_group_classic(g: Migrating) -> None:
    g.start("C", instance_id="i")
    answer = g.join(instance="i")
    assert (answer.error_code, answer.generation_id) == (0, 2)
    assert g.classic.shown_state == "Stable", "nothing has changed but the protocol"
    assert g.sync(answer.member_id, 2, instance="i") == [0, 1, 2, 3]
    with pytest.raises(errors.GroupIdNotFound):
        g.beat("C", 2)


def test_one_that_subscribes_to_something_else_as_well_begins_a_rebalance(g: Migrating) -> None:
    g.start("C", instance_id="i")
    answer = g.join("", "orders", "users", instance="i")
    assert g.classic.shown_state == "PreparingRebalance"
    assert g.join(answer.member_id, "orders", "users", instance="i").generation_id == 3


def test_a_static_member_comes_back_classic_beside_members_of_the_consumer_protocol(g: Migrating) -> None:
    g.start("C", instance_id="i")
    g.start("D")
    answer = g.join(instance="i")
    assert g.consumer_group.static_members == {"i": answer.member_id}
    with pytest.raises(errors.FencedInstanceId):
        g.beat("C", 2, instance_id="i")
    assert g.heartbeat(answer.member_id, answer.generation_id) in (0, errors.RebalanceInProgress.code)


def test_a_static_classic_member_is_replaced_by_another_classic_client(g: Migrating) -> None:
    g.start("C")
    old = g.join(instance="i").member_id
    new = g.join(instance="i").member_id
    assert new != old
    assert g.join(old, instance="i").error_code == errors.FencedInstanceId.code
    assert g.consumer_group.members.keys() == {"C", new}


def test_an_administrator_removes_members_by_instance_id_whatever_they_speak(g: Migrating) -> None:
    g.start("C", instance_id="i")
    g.start("D")
    assert g.leave(("", "i"), ("", "nobody"), ("strange", None)) == [
        0,
        errors.UnknownMemberId.code,
        errors.UnknownMemberId.code,
    ]
    assert g.consumer_group.members.keys() == {"D"}


def test_protocols_must_be_those_of_all_classic_members(g: Migrating) -> None:
    g.start("C")
    g.join(protocols=("range", "roundrobin"))
    assert g.join(protocols=("sticky",)).error_code == errors.InconsistentGroupProtocol.code
    assert g.join(protocol_type="connect").error_code == errors.InconsistentGroupProtocol.code
    assert g.join(protocols=("roundrobin",)).error_code == 0


def test_a_full_group_takes_no_classic_member() -> None:
    g = Migrating(started(group_consumer_max_size=1))
    g.start("C")
    assert g.join().error_code == errors.GroupMaxSizeReached.code


def test_rack_and_client_are_those_of_the_last_join(g: Migrating) -> None:
    g.start("C")
    a = g.join(rack="r1").member_id
    member = g.consumer_group.members[a]
    assert (member.client_id, member.client_host) == ("client", "/127.0.0.1")
    g.join(a, rack="r2")
    assert g.consumer_group.members[a].rack_id == "r2"


def test_a_join_that_cant_be_written_changes_nothing(g: Migrating) -> None:
    g.start("C")
    g.driven.is_held = True
    g.driven.send_join("j", instance="i", protocols=(("range", subscription()),))
    g.driven.refuse(errors.NotEnoughReplicas())
    assert g.driven.answer("j").code == errors.CoordinatorNotAvailable.code
    assert g.consumer_group.members.keys() == {"C"}


def test_what_classic_members_say_is_counted_in_memory(g: Migrating) -> None:
    g.start("C")
    before = g.driven.shard.groups.memory_use.nbytes
    g.driven.send_join("j", instance="i", protocols=(("range", subscription("t" * 20_000)),))
    assert g.driven.shard.groups.memory_use.nbytes > before + 20_000
    small = Migrating(started(log=g.driven.log, group_metadata_max_bytes=1_000))
    assert small.join(instance="j").error_code == errors.CoordinatorNotAvailable.code
