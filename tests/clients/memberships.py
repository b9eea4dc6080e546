"""Members of a classic group in each state, without a group."""

from __future__ import annotations

from actors.clients.consumer.assignors import Assignor, RangeAssignor
from actors.clients.consumer.protocols.classic.membership import (
    Complete,
    Membership,
)
from actors.clients.consumer.subscription import Subscription
from actors.clients.structs import TopicPartition

FIRST, SECOND, OTHER = TopicPartition("orders", 0), TopicPartition("orders", 1), TopicPartition("audit", 0)


def member(assignor: type[Assignor] = RangeAssignor, instance: str | None = None) -> Membership:
    subscription = Subscription()
    subscription.subscribe_topics(["orders"], None)
    made = assignor()
    return Membership("shipping", instance, {made.name: made}, subscription)


def joining() -> Membership:
    found = member()
    found.gave_up([])
    found.asks_to_join()
    return found


def syncing() -> Membership:
    found = joining()
    found.welcomed("m-1", 3, "range")
    return found


def completing(*assigned: TopicPartition) -> Membership:
    found = syncing()
    found.was_assigned(assigned or (FIRST, SECOND))
    return found


def stable(assignor: type[Assignor] = RangeAssignor, instance: str | None = None) -> Membership:
    found = member(assignor, instance)
    found.gave_up([])
    found.asks_to_join()
    found.welcomed("m-1", 3, assignor.name)
    found.was_assigned((FIRST, SECOND))
    duty = found.duty()
    assert isinstance(duty, Complete)
    assert found.accept(duty)
    assert found.take(duty, False)
    return found


def prepared() -> Membership:
    found = syncing()
    found.reset("consumer poll timeout has expired.")
    return found
