"""The assignors of the coordinator: everything is assigned once, evenly, with few moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.groups.consumer.assignors import ASSIGNORS
from actors.groups.consumer.assignors.assignor import Subscriber, Targets
from actors.groups.consumer.slices import Effort, whole

A, B, C = b"a" * 16, b"b" * 16, b"c" * 16


def of(*topic_ids: bytes, previous: frozenset = frozenset(), instance: str | None = None) -> Subscriber:
    return Subscriber(frozenset(topic_ids), instance, previous)


def assigned(name: str, members: dict[str, Subscriber], partitions: dict[bytes, int]) -> Targets:
    return whole(ASSIGNORS[name](members, partitions, Effort()))


def again(members: dict[str, Subscriber], targets: Targets) -> dict[str, Subscriber]:
    return {each: members[each]._replace(previous=targets.get(each, frozenset())) for each in members}


@given(
    st.sampled_from(sorted(ASSIGNORS)),
    st.dictionaries(st.text("mnopq", min_size=1, max_size=3), st.sets(st.sampled_from([A, B, C])), max_size=6),
    st.dictionaries(st.sampled_from([A, B, C]), st.integers(0, 9)),
)
def test_each_partition_of_a_topic_that_is_read_goes_to_one_of_its_subscribers(name, subscribed, partitions) -> None:
    members = {member: of(*topic_ids) for member, topic_ids in subscribed.items()}
    targets = assigned(name, members, partitions)
    assert targets.keys() == members.keys()
    given_out = [each for target in targets.values() for each in target]
    read = {topic_id for topic_ids in subscribed.values() for topic_id in topic_ids}
    assert sorted(given_out) == sorted(
        (each, n) for each, count in partitions.items() if each in read for n in range(count)
    )
    assert all(each[0] in members[member].topic_ids for member, target in targets.items() for each in target)
    if name == "uniform":
        assert assigned(name, again(members, targets), partitions) == targets, "nothing moves without a reason"


@given(st.integers(1, 9), st.integers(0, 40))
def test_members_that_subscribe_alike_differ_by_one_partition_at_most(count: int, partitions: int) -> None:
    members = {f"m{number}": of(A) for number in range(count)}
    sizes = [len(target) for target in assigned("uniform", members, {A: partitions}).values()]
    assert max(sizes) - min(sizes) <= 1


def test_a_new_member_takes_only_what_it_needs() -> None:
    members = {"m1": of(A), "m2": of(A)}
    before = assigned("uniform", members, {A: 6})
    after = assigned("uniform", {**again(members, before), "m3": of(A)}, {A: 6})
    assert [len(after[each]) for each in ("m1", "m2", "m3")] == [2, 2, 2]
    assert [each for each in members if not after[each] < before[each]] == []


def test_with_different_subscriptions_those_with_less_choice_are_served_first() -> None:
    members = {"m1": of(A, B), "m2": of(B)}
    targets = assigned("uniform", members, {A: 2, B: 2})
    assert targets == {"m1": {(A, 0), (A, 1)}, "m2": {(B, 0), (B, 1)}}


def test_range_gives_a_member_the_same_numbers_of_each_topic_in_the_order_of_instance_ids() -> None:
    members = {"m1": of(A, B), "m2": of(A, B, instance="i1"), "m3": of(A, B, instance="i0")}
    targets = assigned("range", members, {A: 4, B: 4})
    assert targets["m3"] == {(A, 0), (A, 1), (B, 0), (B, 1)}
    assert targets["m2"] == {(A, 2), (B, 2)}
    assert targets["m1"] == {(A, 3), (B, 3)}
