"""The judge of group coordinators: it passes what may be, and sees what a coordinator must not do."""

import pytest

from actors.coordinator.coordinator import Coordinator
from actors.coordinator.timeline import READ
from actors.groups.classic.group import ClassicGroup
from actors.groups.consumer.group import ConsumerGroup
from actors.groups.records import OffsetRecord
from actors.groups.shard import GroupShard
from actors.simulation.coordinator_judge import CoordinatorJudge
from actors.simulation.ledger import Violation
from actors.simulation.members import CLASSIC as GROUP
from actors.simulation.members import CONSUMER
from actors.simulation.run import Run

SEED = 25
"""With groups of both kinds."""


@pytest.fixture(scope="module")
def played() -> Run:
    run = Run(SEED)
    run.play()
    return run


def shard_of_the_group(run: Run) -> GroupShard:
    return next(shard for _, shard, _ in run.judge.coordinators.loaded() if GROUP in shard.groups)


def test_a_run_that_went_well_has_coordinators_that_know_what_their_logs_say(played: Run) -> None:
    shard = shard_of_the_group(played)
    assert shard.offsets.count_of(GROUP)
    assert played.judge.coordinators.answering
    played.judge.coordinators.judge_all(played.history)


def test_an_offset_that_the_log_has_otherwise_is_seen(played: Run) -> None:
    shard = shard_of_the_group(played)
    key = next(iter(shard.offsets))
    before = shard.offsets.get(key)
    assert before is not None
    for other in (before._replace(offset=before.offset + 1), None):
        shard.offsets.apply(OffsetRecord(*key, other), READ)
        with pytest.raises(Violation, match=r"a coordinator knows what its log says: .*its offsets are"):
            played.judge.coordinators.judge_all(played.history)
        shard.offsets.apply(OffsetRecord(*key, before), READ)
    played.judge.coordinators.judge_all(played.history)


def test_a_group_that_the_log_has_otherwise_is_seen(played: Run) -> None:
    shard = shard_of_the_group(played)
    group = shard.groups[GROUP]
    assert isinstance(group, ClassicGroup)
    group.generation_id += 1
    with pytest.raises(Violation, match="a coordinator knows what its log says"):
        played.judge.coordinators.judge_all(played.history)
    group.generation_id -= 1
    shard.groups.forget(GROUP)
    with pytest.raises(Violation, match="it has the groups"):
        played.judge.coordinators.judge_all(played.history)
    shard.groups.admit(group)
    played.judge.coordinators.judge_all(played.history)


def test_a_consumer_group_that_the_log_has_otherwise_is_seen(played: Run) -> None:
    shard = next(shard for _, shard, _ in played.judge.coordinators.loaded() if CONSUMER in shard.groups)
    group = shard.groups[CONSUMER]
    assert isinstance(group, ConsumerGroup)
    member_id, member = next(iter(group.members.items()))
    group.members[member_id] = member.at_epoch(member.epoch + 1)
    with pytest.raises(Violation, match=f"a coordinator knows what its log says: .*{CONSUMER} has members"):
        played.judge.coordinators.judge_all(played.history)
    group.members[member_id] = member
    played.judge.coordinators.judge_all(played.history)


def test_an_epoch_that_falls_is_seen_unless_the_group_was_deleted(played: Run) -> None:
    judge = CoordinatorJudge(played.cluster)
    ended: list[str] = []
    judge.ended = ended.append
    shard = next(shard for _, shard, _ in played.judge.coordinators.loaded() if CONSUMER in shard.groups)
    group = shard.groups[CONSUMER]
    assert isinstance(group, ConsumerGroup)
    judge.follow_groups("groups/0", shard)
    group.epoch -= 1
    with pytest.raises(Violation, match=f"a member epoch never falls: that of {CONSUMER} is {group.epoch} after"):
        judge.follow_groups("groups/0", shard)
    assert ended == []
    shard.groups.forget(CONSUMER)
    judge.follow_groups("groups/0", shard)
    assert ended == [CONSUMER]
    shard.groups.admit(group)
    judge.follow_groups("groups/0", shard)
    group.epoch += 1


@pytest.mark.parametrize("has_members", [True, False])
def test_an_epoch_may_fall_where_a_group_without_members_is_replaced_by_one_of_the_other_kind(
    played: Run, has_members: bool
) -> None:
    judge = CoordinatorJudge(played.cluster)
    ended: list[str] = []
    judge.ended = ended.append
    shard = next(shard for _, shard, _ in played.judge.coordinators.loaded() if CONSUMER in shard.groups)
    group = shard.groups[CONSUMER]
    assert isinstance(group, ConsumerGroup)
    members = dict(group.members)
    if not has_members:
        group.members.clear()
    judge.follow_groups("groups/0", shard)
    classic = ClassicGroup(CONSUMER, now_ms=0)
    classic.is_committed = True
    shard.groups.admit(classic)
    if has_members:
        with pytest.raises(Violation, match=f"a member epoch never falls: that of {CONSUMER} is 0 after {group.epoch}"):
            judge.follow_groups("groups/0", shard)
        classic.generation_id = group.epoch
    judge.follow_groups("groups/0", shard)
    assert ended == ([] if has_members else [CONSUMER])
    group.members.update(members)
    shard.groups.admit(group)


def test_an_acknowledged_offset_that_no_coordinator_has_is_seen(played: Run) -> None:
    order = played.history.next_commit(GROUP, 1_000)
    played.history.commit_begun(GROUP, 77, order, 5)
    played.history.commit_acknowledged(GROUP, 77, order, 5)
    with pytest.raises(Violation, match="committed offset lost"):
        played.judge.coordinators.judge_all(played.history)
    played.history.findings.clear()
    del played.history.commits[GROUP, 77]


def test_turns_of_a_coordinator_that_was_replaced_are_noted(played: Run) -> None:
    judge = CoordinatorJudge(played.cluster)
    node = next(node for node in played.cluster.nodes.values() if node.alive and node.view.coordinators)
    coordinator = next(iter(node.view.coordinators.values())).actor_as(Coordinator)
    partition = coordinator.actor_urn.removeprefix(f"{node.name}/").rsplit("@", 1)[0]
    judge.look(coordinator)
    assert judge.outdated_us == {}
    judge.newest[partition] += 1
    judge.look(coordinator)
    assert judge.outdated_us == {partition: played.cluster.world.clock.now_us()}


def test_two_nodes_that_answer_for_a_partition_in_one_epoch_are_seen(played: Run) -> None:
    judge = played.judge.coordinators
    node = next(node for node in played.cluster.nodes.values() if node.alive and node.view.coordinators)
    coordinator = next(iter(node.view.coordinators.values())).actor_as(Coordinator)
    judge.look(coordinator)
    place = coordinator.actor_urn.removeprefix(f"{node.name}/")
    judge.answering[place] = "broker-9#1"
    with pytest.raises(Violation, match="one coordinator a partition and epoch"):
        judge.look(coordinator)
    judge.answering[place] = node.name
