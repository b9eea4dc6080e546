"""What a shard knows is what is in the log: fed live, with appends that are held, late, refused or lost, it is at every
moment what another one makes of the log alone.
"""

import pytest
from groups.driving import REBALANCE_MS, SESSION_MS, Driven
from groups.lives import Life, Step, picture, steps
from groups.requests_of_groups import delete_offsets
from hypothesis import given
from hypothesis import strategies as st

from kstore import errors

GROUPS = ("g", "h", "offsets only")
TOPICS = ("t", "u")
DAY_MS = 24 * 3_600_000

STEPS = steps(
    "id join static sync beat leave commit commit delete-offsets delete-groups topic-deleted week",
    GROUPS,
    [0, 1, 500, SESSION_MS, REBALANCE_MS, DAY_MS],
)


class ClassicLife(Life):
    """Clients that do anything, each with the last id it was given."""

    def __init__(self) -> None:
        super().__init__(group_initial_rebalance_delay_ms=500, group_max_size=4, offsets_retention_ms=3 * DAY_MS)

    def act(self, what: str, name: str, index: int, duration_ms: int) -> None:
        driven, group, reply = self.driven, self.driven.group(name), self.reply
        ids = [] if group is None else [*group.members, *group.pending_joins]
        member_id = ids[index % len(ids)] if ids else "stranger"
        member = None if group is None else group.members.get(member_id)
        instance = None if member is None else member.group_instance_id
        generation = 0 if group is None else group.generation_id
        match what:
            case "id":
                driven.send_join(reply, group=name, version=9 if index % 2 else 3)
            case "join":
                protocols = (("range", b"sub" if index < 4 else b"other"),)
                driven.send_join(reply, member_id, group=name, instance=instance, protocols=protocols)
            case "static":
                instance, session_ms = f"instance-{index % 3}", SESSION_MS + index
                driven.send_join(reply, group=name, instance=instance, version=8 + index % 2, session_ms=session_ms)
            case "sync":
                leads = group is not None and group.is_leader(member_id)
                shares = {each: f"{self.asked}".encode() for each in ids} if leads else None
                driven.send_sync(
                    reply, member_id, generation, shares, group=name, instance=instance, protocol_name=None
                )
            case "beat":
                driven.heartbeat(member_id, generation, group=name, instance=instance)
            case "leave":
                driven.send_leave(reply, (member_id, instance), group=name)
            case "commit":
                who = (member_id, generation) if ids else ("", -1)
                offsets = {(TOPICS[index % 2], index // 2): self.asked, ("t", 0): self.asked}
                repeats = 1 + (index == 5)  # a request may name a partition twice: its last offset counts
                driven.send_commit(reply, offsets, *who, group=name, instance=instance, repeats=repeats)
            case "delete-offsets":
                driven.ask(delete_offsets(name, index // 2, topics=TOPICS), reply, 0)
            case "delete-groups":
                driven.send_delete(reply, *GROUPS[: 1 + index % 3])
            case "topic-deleted":
                driven.topics_deleted(TOPICS[index % 2])
            case "week":
                driven.pass_ms(4 * DAY_MS)


@given(st.lists(STEPS, min_size=20, max_size=80))
def test_a_shard_is_at_every_moment_what_another_makes_of_its_log(life: list[Step]) -> None:
    ClassicLife().live(life)


@given(st.lists(STEPS, min_size=20, max_size=60))
def test_appends_that_are_all_refused_leave_nothing_behind(life: list[Step]) -> None:
    lived = ClassicLife()
    lived.live_in_vain(life)
    lived.driven.pass_ms(REBALANCE_MS)
    lived.driven.shard.check()


def test_an_assignment_that_comes_late_is_in_the_log_and_the_group_is_ahead_of_it() -> None:
    driven = Driven()
    member_id = driven.member()
    driven.send_join("join", member_id)
    driven.pass_ms(0)
    driven.is_held = True
    driven.send_sync("sync", member_id, 1, {member_id: b"first"})
    driven.overdue()
    driven.send_join("again", member_id)
    assert driven.joined("again").generation_id == 2
    driven.commit()
    assert driven.state() == "CompletingRebalance"
    assert Driven(log=driven.log).state() == "Stable"


def test_a_leader_that_sends_its_assignment_again_waits_for_the_first_one() -> None:
    driven = Driven()
    member_id = driven.member()
    driven.send_join("join", member_id)
    driven.pass_ms(0)
    driven.is_held = True
    driven.send_sync("first", member_id, 1, {member_id: b"first"})
    driven.send_sync("second", member_id, 1, {member_id: b"second"})
    assert driven.synced("first").error_code == errors.RebalanceInProgress.code
    assert len(driven.held) == 1
    driven.commit()
    assert driven.synced("second").assignment == b"first"
    assert driven.group() is not None
    assert picture(driven.group()) == picture(Driven(log=driven.log).group())


def test_a_new_group_whose_record_comes_late_is_there_and_empty() -> None:
    driven = Driven()
    driven.is_held = True
    driven.send_join("join", version=3)
    driven.overdue()
    assert driven.joined("join").error_code == errors.CoordinatorNotAvailable.code
    assert not driven.shard.groups
    driven.commit()
    assert driven.state() == "Empty"


def test_an_assignment_that_comes_late_is_not_that_of_a_new_group_with_the_same_id() -> None:
    driven = Driven()
    driven.is_held = True
    old = driven.member()
    driven.send_join("join", old)
    driven.pass_ms(0)
    driven.send_sync("sync", old, 1, {old: b"old"})
    driven.overdue()
    assert not driven.shard.groups, "a group that can't be written never was"
    new = driven.member()
    driven.send_join("join of the new", new)
    driven.pass_ms(0)
    driven.send_sync("sync of the new", new, 1, {new: b"new"})
    while driven.held:
        driven.commit()
    assert driven.synced("sync").error_code == errors.CoordinatorNotAvailable.code
    assert driven.synced("sync of the new").assignment == b"new"
    assert picture(driven.group()) == picture(Driven(log=driven.log).group())


def static_group(driven: Driven) -> str:
    driven.send_join("join", instance="a")
    driven.pass_ms(0)
    member_id = driven.joined("join").member_id
    driven.send_sync("sync", member_id, 1, {member_id: b"share"}, instance="a")
    return member_id


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_replacement_that_takes_too_long_is_answered_and_its_outcome_still_taken(is_stored: bool) -> None:
    driven = Driven()
    old = static_group(driven)
    driven.is_held = True
    driven.send_join("again", instance="a")
    driven.overdue()
    assert driven.joined("again").error_code == errors.CoordinatorNotAvailable.code
    if is_stored:
        driven.commit()
        assert driven.heartbeat(old, 1, instance="a") == errors.FencedInstanceId.code
    else:
        driven.refuse(errors.NotEnoughReplicas())
        assert driven.heartbeat(old, 1, instance="a") == errors.NONE
    assert picture(driven.group()) == picture(Driven(log=driven.log).group())


@pytest.mark.parametrize("first_is_stored", [True, False])
@pytest.mark.parametrize("second_is_stored", [True, False])
def test_of_two_replacements_those_that_are_in_the_log_count(first_is_stored: bool, second_is_stored: bool) -> None:
    driven = Driven()
    static_group(driven)
    driven.is_held = True
    driven.send_join("first", instance="a")
    driven.send_join("second", instance="a")
    for is_stored in (first_is_stored, second_is_stored):
        if is_stored:
            driven.commit()
        else:
            driven.refuse(errors.NotEnoughReplicas())
    assert picture(driven.group()) == picture(Driven(log=driven.log).group())


def test_a_group_whose_only_commit_was_refused_is_not_there() -> None:
    driven = Driven()
    driven.is_held = True
    driven.send_commit("commit", {("t", 0): 5})
    driven.refuse(errors.NotEnoughReplicas())
    assert not driven.shard.groups
    assert driven.shard.groups.memory_use.nbytes == 0


def test_offsets_whose_deletion_was_refused_expire_at_the_next_look() -> None:
    driven = Driven(offsets_retention_ms=DAY_MS, offsets_retention_check_interval_ms=1_000)
    (leader,) = driven.stable_group()
    driven.send_commit("commit", {("t", 0): 5}, leader, 1)
    driven.send_leave("leave", (leader, None))
    driven.is_held = True
    driven.pass_ms(DAY_MS + 1_000)
    driven.refuse(errors.NotEnoughReplicas())
    driven.is_held = False
    driven.pass_ms(1_000)
    assert not driven.shard.groups
