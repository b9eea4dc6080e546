"""Assignors against Apache Kafka's: ``golden/MakeAssignments.java`` wrote down what its own decide."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.clients.consumer.assignors import BY_NAME, MemberSubscription
from actors.clients.consumer.assignors.interface import NO_GENERATION
from actors.clients.consumer.assignors.wire import decode_subscription, encode_subscription
from actors.clients.structs import TopicPartition

CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("golden").joinpath("kafka-4.4.0-assignments.json").read_text()
)


def placed(pairs: list[list[Any]]) -> tuple[TopicPartition, ...]:
    return tuple(TopicPartition(*pair) for pair in pairs)


def members_of(case: dict[str, Any]) -> dict[str, MemberSubscription]:
    return {
        member: decode_subscription(bytes.fromhex(said["subscription"]))._replace(instance=said["instance"])
        for member, said in case["members"].items()
    }


@pytest.mark.parametrize("name", BY_NAME)
def test_a_leader_here_decides_as_a_leader_in_java(name: str) -> None:
    for number, case in enumerate(CASES):
        if case["assignor"] != name:
            continue
        found = BY_NAME[name]().assign({t: n for t, n in case["topics"].items() if n}, members_of(case))
        expected = {member: placed(pairs) for member, pairs in case["assigned"].items()}
        assert {m: sorted(p) for m, p in found.items()} == {m: sorted(p) for m, p in expected.items()}, number


@pytest.mark.parametrize("name", BY_NAME)
def test_a_member_here_says_of_itself_what_a_member_in_java_says(name: str) -> None:
    for case in CASES:
        for said in case["members"].values():
            if case["assignor"] != name:
                continue
            assignor = BY_NAME[name]()
            if said["generation"] != NO_GENERATION:
                assignor.on_assignment(placed(said["owned"]), said["generation"])
            wire = bytes.fromhex(said["subscription"])
            known = decode_subscription(wire)
            # the order of topics in Java's maps is its own: what is said is compared, not its bytes
            data = assignor.user_data(said["topics"])
            assert len(data or b"") == len(known.user_data or b"")
            again = decode_subscription(encode_subscription(known._replace(user_data=data)))
            claim = getattr(assignor, "claim", None)
            if claim is not None:
                assert sorted(claim(again).partitions) == sorted(claim(known).partitions)
                assert claim(again).generation == claim(known).generation


names = st.sampled_from(["orders", "payments", "returns", "stock"])
groups = st.dictionaries(
    st.from_regex(r"consumer-[0-9a-f]{4}", fullmatch=True),
    st.sets(names, min_size=1).map(lambda topics: MemberSubscription(tuple(sorted(topics)))),
    min_size=1,
    max_size=9,
)


@pytest.mark.parametrize("name", BY_NAME)
@given(st.dictionaries(names, st.integers(1, 20), min_size=1), groups)
def test_every_partition_that_somebody_reads_is_given_once_and_to_a_reader(
    name: str, topics: dict[str, int], members: dict[str, MemberSubscription]
) -> None:
    given_away = BY_NAME[name]().assign(topics, members)
    assert set(given_away) == set(members)
    assert all(each.topic in members[member].topics for member, got in given_away.items() for each in got)
    everything = sorted(each for got in given_away.values() for each in got)
    read = {topic for member in members.values() for topic in member.topics}
    assert everything == sorted(TopicPartition(t, n) for t, count in topics.items() if t in read for n in range(count))


@given(st.dictionaries(names, st.integers(1, 20), min_size=1), groups)
def test_cooperative_rebalances_end_after_a_few_steps_and_nobody_is_given_what_another_still_has(
    topics: dict[str, int], members: dict[str, MemberSubscription]
) -> None:
    assignor = BY_NAME["cooperative-sticky"]()
    first = next(iter(members))
    one = {first: members[first]}
    for generation, group in enumerate((one, *[members] * 6), 1):  # two steps, and more if subscriptions differ
        said = {m: group[m]._replace(owned=members[m].owned, generation=members[m].generation) for m in group}
        got = assignor.assign(topics, said)
        owned_elsewhere = {p: m for m, each in said.items() for p in each.owned}
        for member, partitions in got.items():
            assert all(owned_elsewhere.get(p, member) == member for p in partitions)
            members[member] = members[member]._replace(owned=tuple(partitions), generation=generation)
    assert all(sorted(got[m]) == sorted(said[m].owned) for m in got)
