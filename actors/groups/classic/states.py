"""The five states of a classic group, and the moves between them.

    Empty --join--> PreparingRebalance --all joined or time up--> CompletingRebalance --leader's sync--> Stable
      ^                 |     ^                                         |                                   |
      +---nobody left---+     +------- join, leave, expiry, leader's rejoin ---------------------------------+

Dead is entered from any state: the group is being deleted, or its coordinator moved away.
"""

from enum import Enum


class GroupState(Enum):
    """The states of a classic group, by Apache Kafka's names."""

    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


PREVIOUS_STATES: dict[GroupState, frozenset[GroupState]] = {
    GroupState.EMPTY: frozenset({GroupState.PREPARING_REBALANCE}),
    GroupState.PREPARING_REBALANCE: frozenset({GroupState.EMPTY, GroupState.COMPLETING_REBALANCE, GroupState.STABLE}),
    GroupState.COMPLETING_REBALANCE: frozenset({GroupState.PREPARING_REBALANCE}),
    GroupState.STABLE: frozenset({GroupState.COMPLETING_REBALANCE}),
    GroupState.DEAD: frozenset(GroupState),
}
