"""What a consumer's ``partition_assignment_strategy`` names, and how a member with these rebalances."""

from __future__ import annotations

from typing import Any

from actors.clients.consumer.assignors import BY_NAME, COOPERATIVE, EAGER, Assignor
from kstore.errors.arguments import shown
from kstore.errors.config import ConfigError


def check_assignor(assignor: object) -> None:
    """Raise ``ConfigError`` for what can't share partitions."""
    known = isinstance(getattr(assignor, "name", None), str) and isinstance(getattr(assignor, "protocols", None), tuple)
    lacking = [each for each in ("assign", "user_data", "on_assignment") if not callable(getattr(assignor, each, None))]
    if not known or lacking:
        raise ConfigError(
            f"partition_assignment_strategy takes names ({', '.join(BY_NAME)}) or assignors; got {shown(assignor)}"
        )


def assignors_of(strategies: tuple[Any, ...]) -> dict[str, Assignor]:
    """Assignors by their names, in the order of preference. Raises ``ConfigError`` for what is none."""
    found: dict[str, Assignor] = {}
    for each in strategies:
        if isinstance(each, str):
            if each not in BY_NAME:
                raise ConfigError(
                    f"partition_assignment_strategy: there is no assignor {shown(each)}; there are {', '.join(BY_NAME)}"
                )
            assignor = BY_NAME[each]()
        else:
            assignor = each() if isinstance(each, type) else each
            check_assignor(assignor)
        if not assignor.name or assignor.name in found:
            raise ConfigError(
                f"partition_assignment_strategy: every assignor needs a name of its own; got {shown(assignor.name)}"
            )
        found[assignor.name] = assignor
    return found


def kind_of(assignors: dict[str, Assignor]) -> str:
    """How a member with these rebalances: cooperatively if all of them can. Raises ``ConfigError`` if nothing suits
    all.
    """
    for kind in (COOPERATIVE, EAGER):
        if all(kind in assignor.protocols for assignor in assignors.values()):
            return kind
    raise ConfigError(f"the assignors {', '.join(assignors)} have no way to rebalance in common")
