"""Online migration: groups with members become groups of the other protocol, and go on."""

from __future__ import annotations

import pytest
from groups.driving import SESSION_MS
from groups.migrating import Migrating, assignment, numbers, started, subscription

from actors.groups.migration_policy import MigrationPolicy
from kstore import errors


@pytest.fixture
def g() -> Migrating:
    return Migrating(started())


def under(policy: MigrationPolicy, **more: int) -> Migrating:
    return Migrating(started(group_consumer_migration_policy=policy, **more))


def test_a_classic_group_becomes_a_consumer_group_when_a_member_of_that_protocol_joins(g: Migrating) -> None:
    a, b = g.classic_group((0, 1), (2, 3))
    answer = g.start("C")
    assert (answer.member_epoch, numbers(answer)) == (2, []), "the partitions are still theirs"
    group = g.consumer_group
    assert (group.epoch, group.assignment_epoch, group.shown_state) == (2, 2, "Reconciling")
    assert {each.member_id: (each.epoch, sorted(n for _, n in each.assigned)) for each in group.members.values()} == {
        a: (1, [0, 1]),
        b: (1, [2, 3]),
        "C": (2, []),
    }
    assert g.driven.listed(types=["consumer"]) == ["g"]
    assert g.driven.shard.groups.get("g") is group
    assert "GroupUpgraded" in g.driven.kinds()


def test_classic_members_are_told_to_join_again_until_all_have_followed(g: Migrating) -> None:
    a, b = g.classic_group((0, 1), (2, 3))
    g.start("C")
    told = [g.heartbeat(member, 1) for member in (a, b)]
    assert told == [errors.RebalanceInProgress.code] * 2
    # They own all that they had: those that are to be given up are left out of what they get.
    shares = {member: g.rejoin(member, owned) for member, owned in ((a, (0, 1)), (b, (2, 3)))}
    given_up = [member for member, (generation, _) in shares.items() if generation == 1]
    assert len(given_up) == 1, "one of them has a partition to give up, and stays in its generation until it has"
    giver, (_, kept) = given_up[0], shares[given_up[0]]
    assert len(kept) == 1
    assert g.heartbeat(giver, 1) == errors.RebalanceInProgress.code
    assert g.rejoin(giver, tuple(kept)) == (2, kept)
    assert g.heartbeat(giver, 2) == 0
    got = g.beat("C", 2, ())
    assert len(numbers(got)) == 1
    assert g.consumer_group.shown_state == "Stable"


def test_members_that_gave_up_all_before_they_join_again_are_done_in_one_round(g: Migrating) -> None:
    (a,) = g.classic_group((0, 1, 2, 3))
    g.start("C")
    assert g.heartbeat(a, 1) == errors.RebalanceInProgress.code
    generation, kept = g.rejoin(a)
    assert (generation, len(kept)) == (2, 2)
    assert len(numbers(g.beat("C", 2, ()))) == 2


@pytest.mark.parametrize(
    ("share", "metadata"),
    [(b"share", subscription()), (b"", b"\xff\xff"), (b"\x00", subscription()), (assignment(0), b"")],
)
def test_a_group_whose_bytes_arent_those_of_consumers_stays_classic(
    g: Migrating, share: bytes, metadata: bytes
) -> None:
    driven = g.driven
    member = driven.member(protocols=(("range", metadata),))
    driven.send_join("j", member, protocols=(("range", metadata),))
    driven.pass_ms(0)
    driven.send_sync("s", member, 1, {member: share})
    with pytest.raises(errors.GroupIdNotFound, match="embedded consumer protocol is malformed"):
        g.start("C")
    assert g.heartbeat(member, 1) == 0
    assert g.classic.shown_state == "Stable"


def test_an_assignment_with_bytes_of_the_users_own_would_be_lost(g: Migrating) -> None:
    driven = g.driven
    protocols = (("mine", subscription()),)
    member = driven.member(protocols=protocols)
    driven.send_join("j", member, protocols=protocols)
    driven.pass_ms(0)
    driven.send_sync("s", member, 1, {member: assignment(0, user_data=b"mine")}, protocol_name="mine")
    with pytest.raises(errors.GroupIdNotFound, match="unsupported custom assignor"):
        g.start("C")


def test_a_partition_that_was_assigned_twice_keeps_a_group_classic(g: Migrating) -> None:
    g.classic_group((0, 1), (1, 2))
    with pytest.raises(errors.UnknownServerError, match="assigned to two members"):
        g.start("C")
    assert g.classic.shown_state == "Stable"


def test_a_group_of_another_protocol_type_stays_classic(g: Migrating) -> None:
    member = g.driven.member(protocol_type="connect")
    g.driven.send_join("j", member, protocol_type="connect")
    g.driven.pass_ms(0)
    with pytest.raises(errors.GroupIdNotFound, match="does not use the consumer embedded protocol"):
        g.start("C")


@pytest.mark.parametrize("policy", [MigrationPolicy.DISABLED, MigrationPolicy.DOWNGRADE])
def test_the_policy_may_forbid_the_upgrade(policy: MigrationPolicy) -> None:
    g = under(policy)
    (a,) = g.classic_group((0, 1, 2, 3))
    with pytest.raises(errors.GroupIdNotFound, match="online upgrade is disabled"):
        g.start("C")
    assert g.heartbeat(a, 1) == 0


def test_a_group_that_is_too_large_stays_classic() -> None:
    g = Migrating(started(group_consumer_max_size=1))
    g.classic_group((0, 1), (2, 3))
    with pytest.raises(errors.GroupIdNotFound, match="exceeds the consumer group maximum size"):
        g.start("C")


def test_a_group_that_would_be_full_refuses_the_new_member_and_stays_classic() -> None:
    g = Migrating(started(group_consumer_max_size=1))
    g.classic_group((0, 1, 2, 3))
    with pytest.raises(errors.GroupMaxSizeReached):
        g.start("C")
    assert g.classic.shown_state == "Stable"


def test_members_in_the_middle_of_a_rebalance_are_told_to_join_again(g: Migrating) -> None:
    a, b = g.classic_group((0, 1), (2, 3))
    g.driven.send_join("parked", a, protocols=(("range", subscription("orders", "users")),))
    g.start("C")
    assert g.driven.joined("parked").error_code == errors.RebalanceInProgress.code
    assert g.consumer_group.members.keys() == {a, b, "C"}


def test_a_group_whose_first_rebalance_is_under_way_becomes_a_consumer_group() -> None:
    g = Migrating(started(group_initial_rebalance_delay_ms=3_000))
    member = g.driven.member(protocols=(("range", subscription()),))
    g.driven.send_join("parked", member, protocols=(("range", subscription()),))
    assert len(numbers(g.start("C"))) == 2, "nobody has any"
    assert g.driven.joined("parked").error_code == errors.RebalanceInProgress.code
    assert g.rejoin(member)[1] != []


def test_a_static_member_that_moves_on_in_the_middle_of_a_rebalance_leaves_no_partition_alone(g: Migrating) -> None:
    g.driven.send_join("parked", instance="i", protocols=(("range", subscription()),))
    g.driven.pass_ms(0)
    old = g.driven.joined("parked").member_id
    answer = g.start("C", instance_id="i")
    assert numbers(answer) == [0, 1, 2, 3], "nothing was assigned yet"
    assert g.heartbeat(old, 1, "i") == errors.FencedInstanceId.code


def test_a_consumer_group_is_not_made_while_the_record_of_a_classic_one_may_come(g: Migrating) -> None:
    driven = g.driven
    driven.is_held = True
    driven.send_join("j", instance="i", protocols=(("range", subscription()),))
    driven.overdue()
    with pytest.raises(errors.CoordinatorNotAvailable):
        g.start("C")
    driven.is_held = False
    driven.commit()
    assert g.start("C").member_epoch == 2


def test_an_assignment_that_is_being_written_is_waited_for(g: Migrating) -> None:
    driven = g.driven
    member = driven.member(protocols=(("range", subscription()),))
    driven.send_join("j", member, protocols=(("range", subscription()),))
    driven.pass_ms(0)
    driven.joined("j")
    driven.is_held = True
    driven.send_sync("s", member, 1, {member: assignment(0, 1, 2, 3)})
    g.send_beat("C", 0, subscribed_topic_names=["orders"], rebalance_timeout_ms=1, topic_partitions=[])
    assert driven.is_parked("beat")
    driven.commit()
    assert assignment(0, 1, 2, 3) == driven.synced("s").assignment
    driven.commit()
    assert numbers(driven.answer("beat")) == [], "all are the classic member's"
    assert g.consumer_group.members[member].assigned


def test_what_comes_while_a_group_is_converted_waits_for_it(g: Migrating) -> None:
    driven = g.driven
    (a,) = g.classic_group((0, 1, 2, 3))
    driven.is_held = True
    g.send_beat("C", 0, subscribed_topic_names=["orders"], rebalance_timeout_ms=1, topic_partitions=[])
    driven.send_join("j", a, protocols=(("range", subscription()),))
    driven.send_commit("c", {("orders", 0): 7}, a, 1)
    assert driven.is_parked("beat")
    assert driven.is_parked("j")
    assert driven.describe().group_state == "Stable", "it is classic until the log says otherwise"
    driven.is_held = False
    driven.commit()
    driven.commit()
    assert driven.commit_code("c") == 0
    assert driven.joined("j").generation_id == 2


def test_a_conversion_that_cant_be_written_leaves_the_group_as_it_was(g: Migrating) -> None:
    driven = g.driven
    (a,) = g.classic_group((0, 1, 2, 3))
    driven.send_join("parked", a, protocols=(("range", subscription("orders", "users")),))
    driven.joined("parked")
    generation = g.classic.generation_id
    driven.send_sync("s", a, generation, {a: assignment(0)})
    driven.synced("s")
    driven.is_held = True
    g.send_beat("C", 0, subscribed_topic_names=["orders"], rebalance_timeout_ms=1, topic_partitions=[])
    driven.refuse(errors.NotEnoughReplicas())
    assert driven.answer("beat").code == errors.CoordinatorNotAvailable.code
    assert g.classic.shown_state == "Stable"
    assert g.heartbeat(a, generation) == 0
    driven.pass_ms(SESSION_MS)
    assert a not in g.classic.members, "its session goes on"


def test_a_conversion_that_takes_too_long_tells_members_to_try_again(g: Migrating) -> None:
    driven = g.driven
    (a,) = g.classic_group((0, 1, 2, 3))
    driven.is_held = True
    g.send_beat("C", 0, subscribed_topic_names=["orders"], rebalance_timeout_ms=1, topic_partitions=[])
    driven.send_join("j", a, protocols=(("range", subscription()),))
    driven.overdue()
    assert driven.answer("beat").code == driven.answer("j").code == errors.CoordinatorNotAvailable.code
    assert g.heartbeat(a, 1) == errors.CoordinatorNotAvailable.code
    driven.is_held = False
    driven.commit()
    assert g.heartbeat(a, 1) == errors.RebalanceInProgress.code


def test_a_group_becomes_classic_when_its_last_consumer_member_leaves(g: Migrating) -> None:
    (a,) = g.classic_group((0, 1, 2, 3))
    g.start("C")
    generation, kept = g.rejoin(a)
    g.beat("C", -1)
    classic = g.classic
    assert (classic.shown_state, classic.generation_id) == ("PreparingRebalance", generation)
    assert g.driven.listed(types=["classic"]) == ["g"]
    assert g.heartbeat(a, generation) == errors.RebalanceInProgress.code
    again = g.join(a, protocols=("range",))
    assert (again.generation_id, again.leader) == (generation + 1, a)
    g.driven.send_sync("s", a, generation + 1, {a: assignment(0, 1, 2, 3)})
    assert g.driven.synced("s").error_code == 0
    assert classic.shown_state == "Stable"
    assert len(kept) == 2
    assert "GroupDowngraded" in g.driven.kinds()


def test_classic_members_get_what_was_their_target_in_the_classic_group(g: Migrating) -> None:
    (a,) = g.classic_group((0, 1, 2, 3))
    g.start("C")
    target = sorted(number for _, number in g.consumer_group.target(a))
    g.beat("C", -1)
    assert g.classic.members[a].assignment == assignment(*target)
    assert (g.classic.protocol_name, g.classic.leader_id) == ("range", a)


def test_a_group_becomes_classic_when_its_last_consumer_member_expires(g: Migrating) -> None:
    (a,) = g.classic_group((0, 1, 2, 3), session_ms=1_800_000)
    g.start("C")
    g.rejoin(a, session_ms=1_800_000)
    g.driven.pass_ms(45_000)
    assert g.classic.members.keys() == {a}
    assert g.heartbeat(a, 2) == errors.RebalanceInProgress.code


@pytest.mark.parametrize("policy", [MigrationPolicy.UPGRADE, MigrationPolicy.DISABLED])
def test_the_policy_may_forbid_the_downgrade(policy: MigrationPolicy) -> None:
    driven = started()
    (a,) = Migrating(driven).classic_group((0, 1, 2, 3))
    Migrating(driven).start("C")
    g = Migrating(started(log=driven.log, group_consumer_migration_policy=policy))
    g.beat("C", -1)
    assert g.consumer_group.members.keys() == {a}
    if policy is MigrationPolicy.DISABLED:
        assert g.join(a).error_code == errors.InconsistentGroupProtocol.code
    else:
        assert g.heartbeat(a, 1) == errors.RebalanceInProgress.code, "the group has a new target for it"
        assert g.rejoin(a) == (3, [0, 1, 2, 3])


def test_a_group_too_large_for_a_classic_one_stays_a_consumer_group() -> None:
    g = Migrating(started())
    g.classic_group((0, 1), (2, 3))
    g.start("C")
    small = Migrating(started(log=g.driven.log, group_max_size=1))
    small.beat("C", -1)
    assert len(small.consumer_group.members) == 2


def test_a_group_that_everybody_leaves_at_once_is_an_empty_consumer_group(g: Migrating) -> None:
    (a,) = g.classic_group((0, 1, 2, 3))
    g.start("C")
    assert g.leave((a, None), ("C", None)) == [0, 0]
    assert g.consumer_group.shown_state == "Empty"


def test_a_downgrade_that_cant_be_written_leaves_the_group_as_it_was(g: Migrating) -> None:
    driven = g.driven
    (a,) = g.classic_group((0, 1, 2, 3))
    g.start("C")
    driven.is_held = True
    g.send_beat("C", -1)
    driven.refuse(errors.NotEnoughReplicas())
    assert driven.answer("beat").code == errors.CoordinatorNotAvailable.code
    assert g.consumer_group.members.keys() == {a, "C"}
    driven.is_held = False
    driven.pass_ms(45_000)
    assert driven.shard.groups["g"].member_count == 0, "sessions run on: everybody expires"


def test_a_group_goes_on_at_another_broker_in_the_middle_of_a_migration(g: Migrating) -> None:
    a, b = g.classic_group((0, 1), (2, 3))
    g.start("C")
    g.rejoin(a, (0, 1))
    log = g.driven.log
    moved = Migrating(started(log=log))
    assert moved.consumer_group.members == g.consumer_group.members
    assert moved.consumer_group.members[a].classic is not None
    assert moved.heartbeat(b, 1) == errors.RebalanceInProgress.code
    moved.rejoin(b)
    for member in (a, b):
        epoch = moved.consumer_group.members[member].epoch
        if moved.heartbeat(member, epoch) == errors.RebalanceInProgress.code:
            moved.rejoin(member)
    moved.beat("C", 2, ())
    assert moved.consumer_group.shown_state == "Stable"
    moved.beat("C", -1)
    again = Migrating(started(log=moved.driven.log))
    assert again.classic.members.keys() == {a, b}
    assert again.classic.shown_state == "PreparingRebalance", "what C had is nobody's before they have joined again"


def test_an_empty_consumer_group_becomes_classic_for_a_classic_member(g: Migrating) -> None:
    g.start("C")
    g.driven.send_commit("c", {("orders", 0): 5}, "C", 2)
    g.beat("C", -1)
    a = g.join().member_id
    assert g.classic.members.keys() == {a}
    assert g.driven.fetch("orders") == {("orders", 0): 5}
    assert Migrating(started(log=g.driven.log)).classic.shown_state == "Empty"


def test_a_member_that_nobody_knows_doesnt_make_an_empty_consumer_group_classic(g: Migrating) -> None:
    g.start("C")
    g.beat("C", -1)
    assert g.join("A").error_code == errors.UnknownMemberId.code
    assert g.consumer_group.shown_state == "Empty"


def test_an_empty_consumer_group_whose_end_cant_be_written_stays(g: Migrating) -> None:
    g.start("C")
    g.beat("C", -1)
    g.driven.is_held = True
    g.driven.send_join("j", instance="i", protocols=(("range", subscription()),))
    g.driven.refuse(errors.NotEnoughReplicas())
    assert g.driven.answer("j").code == errors.CoordinatorNotAvailable.code
    assert g.consumer_group.shown_state == "Empty"


def test_both_ways_empty_under_any_policy() -> None:
    g = under(MigrationPolicy.DISABLED)
    g.start("C")
    g.beat("C", -1)
    a = g.join().member_id
    assert g.leave((a, None)) == [0]
    g.start("D")
    assert g.consumer_group.members.keys() == {"D"}


def test_a_simple_groups_offsets_outlive_both_ways(g: Migrating) -> None:
    g.driven.send_commit("c", {("orders", 0): 5})
    (a,) = g.classic_group((0, 1, 2, 3))
    g.start("C")
    g.beat("C", -1)
    assert a in g.classic.members
    assert g.driven.fetch("orders") == {("orders", 0): 5}


def test_a_member_that_vanishes_at_once_is_told_of_with_its_session(g: Migrating) -> None:
    g.driven.send_commit("c", {("orders", 0): 5})
    g.start("C")
    g.driven.pass_ms(45_000)
    assert any("C sent no heartbeat in 45000 ms" in each.because for each in g.driven.notes)
