"""The states of a member of a classic group as a table: what happens in each of them, and where it leads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from clients.memberships import FIRST, SECOND, completing, joining, member, prepared, stable, syncing

from actors.clients.consumer.protocols.classic.membership import (
    COMPLETING,
    JOINING,
    PREPARED,
    STABLE,
    STATES,
    SYNCING,
    UNJOINED,
    Complete,
    Membership,
)
from kstore import checked
from kstore.errors import (
    InconsistentGroupProtocol,
    NotCoordinator,
    UnknownMemberId,
)

IN = {
    UNJOINED: member,
    PREPARED: prepared,
    JOINING: joining,
    SYNCING: syncing,
    COMPLETING: completing,
    STABLE: stable,
}

DEFECT = "a defect"

HAPPENS: dict[str, Callable[[Membership], object]] = {
    "the listener has given up": lambda it: it.gave_up(list(it.subscription.partitions)),
    "the id to join under is told": lambda it: it.was_named("m-2"),
    "JoinGroup is answered": lambda it: it.welcomed("m-1", 4, "range"),
    "SyncGroup is answered": lambda it: it.was_assigned((FIRST,)),
    "joining fails for now": lambda it: it.failed_to_join(NotCoordinator()),
    "joining fails for good": lambda it: it.failed_to_join(InconsistentGroupProtocol()),
    "the user takes the assignment": lambda it: it.accept(Complete((FIRST, SECOND), 3)),
    "the commit before a rebalance begins": lambda it: it.commit_begins(),
    "the membership is lost": lambda it: it.lost("HEARTBEAT", UnknownMemberId()),
    "the user leaves": lambda it: it.left("the consumer is being closed"),
}
LEADS: dict[str, tuple[str, str, str, str, str, str]] = {
    "in": (UNJOINED, PREPARED, JOINING, SYNCING, COMPLETING, STABLE),
    "the listener has given up": (JOINING, JOINING, JOINING, SYNCING, COMPLETING, JOINING),
    "the id to join under is told": (DEFECT, DEFECT, JOINING, DEFECT, DEFECT, DEFECT),
    "JoinGroup is answered": (DEFECT, DEFECT, SYNCING, DEFECT, DEFECT, DEFECT),
    "SyncGroup is answered": (DEFECT, DEFECT, DEFECT, COMPLETING, DEFECT, DEFECT),
    "joining fails for now": (DEFECT, DEFECT, JOINING, JOINING, DEFECT, DEFECT),
    "joining fails for good": (DEFECT, DEFECT, PREPARED, PREPARED, DEFECT, DEFECT),
    "the user takes the assignment": (UNJOINED, PREPARED, JOINING, SYNCING, STABLE, STABLE),
    "the commit before a rebalance begins": (UNJOINED, PREPARED, DEFECT, DEFECT, DEFECT, STABLE),
    "the membership is lost": (UNJOINED, UNJOINED, PREPARED, PREPARED, PREPARED, UNJOINED),
    "the user leaves": (UNJOINED, UNJOINED, UNJOINED, UNJOINED, UNJOINED, UNJOINED),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", HAPPENS)
def test_what_happens_leads_from_each_state_to_another_or_is_a_defect(state: str, event: str) -> None:
    found = IN[state]()
    assert found.state == state
    (leads_to,) = (to for begin, to in zip(LEADS["in"], LEADS[event], strict=True) if begin == state)
    with checked.turned_on():
        if leads_to == DEFECT:
            with pytest.raises(AssertionError, match=f"a member that is {state} "):
                HAPPENS[event](found)
        else:
            HAPPENS[event](found)
            assert found.state == leads_to


def joins_no_more(found: Membership) -> None:
    found.rejoins = False
    found.check()


def joined_early(found: Membership) -> None:
    found.commit_begins()
    found._move("begins to join")


def joined_with_partitions(found: Membership) -> None:
    found._move("begins to join")


@pytest.mark.parametrize(
    ("begin", "bug", "promise"),
    [
        (member, joins_no_more, "a consumer that is no member is to join"),
        (member, joined_early, "it joins while the commit before that is under way"),
        (stable, joined_with_partitions, "an eager member joins, and holds partitions"),
    ],
)
def test_a_membership_that_breaks_a_promise_is_caught(
    begin: Callable[[], Membership], bug: Callable[[Membership], None], promise: str
) -> None:
    found = begin()
    with checked.turned_on(), pytest.raises(AssertionError, match=promise):
        bug(found)
