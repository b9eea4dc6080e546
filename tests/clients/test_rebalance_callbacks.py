"""What a listener is told in a group of the consumer protocol, beside what Apache Kafka's own consumer tells.

``golden/rebalance_callbacks.txt`` was printed by ``golden/RebalanceCallbacks.java``, which tells the same stories.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import pytest
from clients.consuming import OF_CONSUMER_PROTOCOL, leave_behind_its_back, poll_until
from clients.targets import Target
from waiting import wait_until

from kstore import ConsumerRebalanceListener, NewTopic, SubscriptionPattern, TopicPartition

GOLDEN = (Path(__file__).parent / "golden" / "rebalance_callbacks.txt").read_text()
TOLD = {head: lines.splitlines() for head, _, lines in (each.partition("\n") for each in GOLDEN.split("# ")[1:])}
A_BIT = 20  # polls, in which nothing more is to come


class Not(Exception):
    """What a listener fails with."""


class Story:
    """What is told in one of them: the topics, the members' group, and the lines that Java's program prints."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.user = threading.current_thread()
        self.run = target.fresh("callbacks") + "-"
        self.group = target.group()
        self.lines: list[str] = []
        with target.admin() as admin:
            topics = {"one": 1, "another": 1, "doomed": 1, "four": 4}
            admin.create_topics([NewTopic(self.run + name, count, 1) for name, count in topics.items()])

    def member(self, name: str, **keywords: Any) -> Member:
        return Member(self, name, keywords)

    def shown(self, partitions: Iterable[TopicPartition]) -> str:
        return " ".join(sorted(str(each).removeprefix(self.run) for each in partitions))


class Member(ConsumerRebalanceListener):
    """One consumer, which is its own listener."""

    def __init__(self, story: Story, name: str, keywords: dict[str, Any]) -> None:
        self.story = story
        self.name = name
        self.fails = False
        self.tellings = 0
        self.consumer = story.target.consumer(group_id=story.group, **OF_CONSUMER_PROTOCOL, **keywords)

    def reads(self, *topics: str) -> Member:
        self.consumer.subscribe([self.story.run + each for each in topics], listener=self)
        return self

    def until(self, count: int) -> Member:
        poll(lambda: self.count == count, self)
        return self

    @property
    def count(self) -> int:
        return len(self.consumer.assignment())

    def is_in(self, state: str) -> None:
        wait_until(lambda: self.consumer._actor.membership.state == state, what=state)

    def fail(self, *others: Member) -> None:
        self.fails = True
        with pytest.raises(Not):
            poll(lambda: False, *others, self)
        self.story.lines.append(f"poll() fails, holding {self.story.shown(self.consumer.assignment())}")
        poll(lambda: True, *others, self)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._tell("assigned", assigned)

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._tell("revoked", revoked)

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        self._tell("lost", lost)

    def _tell(self, what: str, which: Collection[TopicPartition]) -> None:
        if not which:
            return
        self.tellings += 1
        where = "" if threading.current_thread() is self.story.user else ", in another thread"
        shown = self.story.shown
        self.story.lines.append(
            f"{self.name}: {what} {shown(which)}, holding {shown(self.consumer.assignment())}{where}"
        )
        if self.fails:
            self.fails = False
            raise Not


def poll(so: Callable[[], object], *members: Member) -> None:
    consumers = [each.consumer for each in members]
    poll_until(so, *consumers)
    for _ in range(A_BIT):
        for each in consumers:
            each.poll(5)


def another_joins(story: Story) -> None:
    first = story.member("first").reads("four").until(4)
    second = story.member("second").reads("four")
    poll(lambda: first.count == second.count == 2, first, second)
    second.consumer.close()
    first.until(4).consumer.close()


def subscriptions_change(story: Story) -> None:
    member = story.member("member").reads("four").until(4)
    member.consumer.unsubscribe()
    story.lines.append(f"unsubscribed, holding {story.shown(member.consumer.assignment())}")
    member.reads("one").until(1).reads("one", "four").until(5)
    member.name = "another listener"
    member.reads("four").until(4).consumer.close()


def forgotten(story: Story) -> None:
    member = story.member("member").reads("four").until(4)
    forget(member)
    poll(lambda: member.tellings == 3, member)
    forget(member)
    member.consumer.close()


def forget(member: Member) -> None:
    member.is_in("stable")
    leave_behind_its_back(member.consumer)
    member.is_in("fenced")


def polls_too_seldom(story: Story) -> None:
    member = story.member("member", max_poll_interval_ms=1_000).reads("four").until(4)
    member.is_in("stale")
    poll(lambda: member.tellings == 3, member)
    member.is_in("stale")
    member.consumer.close()


def nothing_for_one(story: Story) -> None:
    first = story.member("first").reads("one").until(1)
    second = story.member("second").reads("one")
    poll(lambda: second.consumer._actor.membership.state == "stable", first, second)
    second.consumer.close()
    first.consumer.close()


def static_member(story: Story) -> None:
    for name in ("before", "after"):
        story.member(name, group_instance_id="i").reads("four").until(4).consumer.close()


def listener_fails(story: Story) -> None:
    member = story.member("member").reads("four")
    member.fail()
    another = story.member("another").reads("four")
    member.fail(another)
    poll(lambda: member.count == another.count == 2, member, another)
    member.fails = True
    with pytest.raises(Not):
        member.consumer.close()
    story.lines.append("close() fails")
    another.consumer.close()


def topic_is_deleted(story: Story) -> None:
    member = story.member("member", allow_auto_create_topics=False).reads("one", "doomed").until(2)
    with story.target.admin() as admin:
        admin.delete_topics([f"{story.run}doomed"])
    member.until(1).consumer.close()


def matched_by_the_broker(story: Story) -> None:
    member = story.member("member")
    member.consumer.subscribe(SubscriptionPattern(f"{story.run}(four|one)"), listener=member)
    member.until(5)
    story.lines.append(f"subscribed to {len(member.consumer.subscription())} topics by name")
    with pytest.raises(ValueError, match="exclude each other"):
        member.consumer.subscribe([f"{story.run}another"], listener=member)
    story.lines.append("subscribe() fails")
    member.consumer.close()


STORIES: dict[str, Callable[[Story], None]] = {
    "another member joins, and closes": another_joins,
    "a member reads other topics": subscriptions_change,
    "the group forgets a member, twice": forgotten,
    "a member polls too seldom, twice": polls_too_seldom,
    "one partition, two members": nothing_for_one,
    "a static member comes back": static_member,
    "a listener fails when it is assigned, when it is revoked, and when it is closed": listener_fails,
    "a topic is deleted": topic_is_deleted,
    "the broker matches a pattern": matched_by_the_broker,
}


@pytest.mark.parametrize("told", TOLD)
def test_a_listener_is_told_what_java_tells(target: Target, told: str) -> None:
    story = Story(target)
    STORIES[told](story)
    assert story.lines == TOLD[told]
