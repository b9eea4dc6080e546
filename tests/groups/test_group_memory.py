"""How much memory groups may take: what members bring is counted, bounded, and given back when they go."""

from __future__ import annotations

import pytest
from groups.driving import SESSION_MS, Driven
from groups.test_consumer_group_heartbeats import beat, join

from actors.cluster import Cluster
from actors.coordinator.coordinator import Coordinator
from actors.coordinator.messages import TopicsDeleted
from actors.groups.memory_use import MemoryUse
from actors.groups.shard import GroupShard
from actors.groups.topics import TopicInfo
from actors.runtime.failures import Failures
from kstore import errors

BOUND = 2_000_000
LARGE = (("range", b"m" * 900_000),)


def test_a_join_that_brings_more_than_there_is_room_for_is_told_to_come_again() -> None:
    driven = Driven(group_metadata_max_bytes=BOUND)
    for group in ("a", "b"):
        driven.send_join(group, group=group, version=3, protocols=LARGE)
        driven.pass_ms(0)
        assert driven.joined(group).error_code == errors.NONE
    driven.send_join("c", group="c", version=3, protocols=LARGE)
    assert driven.joined("c").error_code == errors.CoordinatorNotAvailable.code
    assert "c" not in driven.shard.groups
    driven.send_join("small", group="c", version=3)
    driven.pass_ms(0)
    assert driven.joined("small").error_code == errors.NONE


def test_what_many_protocols_take_counts_together() -> None:
    driven = Driven(group_metadata_max_bytes=BOUND)
    driven.send_join("many", version=3, protocols=tuple((f"p{number}", b"m" * 1000) for number in range(3000)))
    assert driven.joined("many").error_code == errors.CoordinatorNotAvailable.code


def test_a_member_that_brings_no_more_than_before_may_rejoin_however_full_it_is() -> None:
    driven = Driven(group_metadata_max_bytes=BOUND)
    driven.send_join("large", version=3, protocols=LARGE)
    driven.pass_ms(0)
    member_id = driven.joined("large").member_id
    driven.send_join("other", group="o", version=3, protocols=LARGE)
    driven.pass_ms(0)
    driven.send_join("again", member_id, version=3, protocols=LARGE)
    driven.pass_ms(0)
    assert driven.joined("again").error_code == errors.NONE
    driven.send_join("more", member_id, version=3, protocols=(("range", b"m" * 1_500_000),))
    assert driven.joined("more").error_code == errors.CoordinatorNotAvailable.code


def test_members_that_are_gone_leave_their_room_to_others() -> None:
    driven = Driven(group_metadata_max_bytes=BOUND)
    for group in ("a", "b"):
        driven.send_join(group, group=group, version=3, protocols=LARGE)
    driven.pass_ms(0)
    driven.pass_ms(SESSION_MS)
    driven.send_join("c", group="c", version=3, protocols=LARGE)
    driven.pass_ms(0)
    assert driven.joined("c").error_code == errors.NONE


def test_clients_that_get_an_id_and_never_come_back_count_until_their_time_is_over() -> None:
    driven = Driven(group_metadata_max_bytes=BOUND)
    ids = 0
    while ids < 5_000:
        driven.send_join(f"{ids}", version=4)
        if driven.joined(f"{ids}").error_code == errors.CoordinatorNotAvailable.code:
            break
        ids += 1
    assert 1_000 < ids < 3_000
    driven.pass_ms(SESSION_MS)
    driven.send_join("later", version=4)
    assert driven.joined("later").error_code == errors.MemberIdRequired.code


def test_the_coordinators_of_a_node_have_one_room_and_leave_it_when_they_go() -> None:
    node = MemoryUse()
    first, second = (Driven(memory_use=MemoryUse(node), group_metadata_max_bytes=BOUND) for _ in range(2))
    for group in ("a", "b"):
        first.send_join(group, group=group, version=3, protocols=LARGE)
    first.pass_ms(0)
    second.send_join("c", group="c", version=3, protocols=LARGE)
    assert second.joined("c").error_code == errors.CoordinatorNotAvailable.code
    first.shard.unloaded(first.now_ms)
    assert node.nbytes == 0
    second.send_join("d", group="c", version=3, protocols=LARGE)
    second.pass_ms(0)
    assert second.joined("d").error_code == errors.NONE


def test_an_assignment_that_there_is_no_room_for_is_refused_and_one_as_large_as_its_members_is_not() -> None:
    driven = Driven(group_metadata_max_bytes=BOUND)
    for group in ("a", "b"):
        driven.send_join(group, group=group, version=3, protocols=LARGE)
        driven.pass_ms(0)
    member_id = driven.joined("a").member_id
    for name, size, code in (
        ("large", 1_500_000, errors.CoordinatorNotAvailable.code),
        ("fits", 900_000, errors.NONE),
    ):
        driven.send_sync(name, member_id, 1, {member_id: b"s" * size}, group="a")
        assert driven.synced(name).error_code == code


def test_a_coordinator_that_fails_is_counted_once_when_it_is_loaded_again(seed: int) -> None:
    with Cluster(1, seed=seed) as cluster:
        cluster.world.strict = False
        cluster.create_topic("t")
        with cluster.consumer(group_id="g") as consumer:
            consumer.subscribe(["t"])
            consumer.poll(5)
            node = cluster.nodes[1]

            def leading() -> list[Coordinator]:
                all_of_them = [each for each in node.actors.values() if isinstance(each, Coordinator)]
                return [each for each in all_of_them if each.loaded_shard]

            def taken() -> int:
                """By all of the node's groups."""
                shard = leading()[0].loaded_shard
                assert isinstance(shard, GroupShard)
                whole = shard.groups.memory_use.whole
                assert whole is not None
                return whole.nbytes

            before = taken()
            assert before > 0
            (failing,) = leading()
            failing.actor_ref.tell(TopicsDeleted(None))  # type: ignore[arg-type]
            cluster.wait_for(lambda: leading() not in ([], [failing]))
            assert 0 < taken() <= before  # of what members offered, the log has what was chosen
        Failures.recent.clear()


def many_topics(count: int) -> dict[str, TopicInfo]:
    return {f"t{number}": TopicInfo(number.to_bytes(16), 1) for number in range(count)}


def test_the_topics_that_an_expression_matches_are_counted_and_given_back() -> None:
    driven = Driven()
    driven.topics.set(many_topics(300))
    use = driven.shard.groups.memory_use
    join(driven, "A", subscribed_topic_names=["t1"])
    before = use.nbytes
    beat(driven, "A", 2, subscribed_topic_names=[], subscribed_topic_regex="t.*")
    with_matches = use.nbytes
    assert with_matches - before > 10 * 300
    driven.topics.set(many_topics(700))
    beat(driven, "A", 3)
    assert use.nbytes - with_matches >= 10 * 400
    again = Driven(log=driven.log)
    assert again.shard.groups.memory_use.nbytes == use.nbytes
    beat(driven, "A", 4, subscribed_topic_names=["t1"], subscribed_topic_regex="", topic_partitions=[])
    driven.shard.check()
    assert use.nbytes < with_matches


def test_an_expression_that_matches_more_than_there_is_room_for_is_refused() -> None:
    driven = Driven(group_metadata_max_bytes=9_000)
    driven.topics.set(many_topics(900))
    with pytest.raises(errors.CoordinatorNotAvailable):
        join(driven, "A", subscribed_topic_names=[], subscribed_topic_regex="t.*")
    assert not driven.shard.groups
    join(driven, "A", subscribed_topic_names=[], subscribed_topic_regex="t1.*")
