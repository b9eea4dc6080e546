"""Descriptions of groups: what DescribeGroups and ConsumerGroupDescribe do alike.

Each coordinator is asked about its groups, and about none that the client may not describe. The client's allowed
operations are included if asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from actors.broker.call import PAUSE, Call
from actors.broker.coordinator_requests import coordinator_here, settled, submitted
from actors.image.topic_names import OFFSETS_TOPIC
from actors.node.authorizer import DESCRIBE, group
from actors.runtime import Ask, Coroutine
from actors.runtime.limits import REQUEST_ELEMENTS_MAX
from kstore.errors import GroupAuthorizationFailed, KafkaError, PolicyViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Sized

    from actors.runtime.coroutine import Eventually
    from kstore.schema.struct import Message

GROUPS_AT_ONCE = 250
MEMBERS_MAX = REQUEST_ELEMENTS_MAX
"""Of one response: a request may name one group many times, each for a few bytes."""


class Description(Protocol):
    """What an answer has of a group."""

    authorized_operations: int

    @property
    def error_code(self) -> int:
        """Why nothing else is told of it."""

    @property
    def members(self) -> Sized:
        """Its members."""


Described = TypeVar("Described", bound=Description)


def descriptions(
    call: Call,
    names: Sequence[str],
    ask_about: Callable[[str], Message],
    refused: Callable[[str, KafkaError], Described],
) -> Eventually[list[Described]]:
    """The groups of a request, in its order; part of a coroutine. ``ask_about`` makes the request to a group's
    coordinator, ``refused`` the description of a group about which nothing is told.
    """
    found: dict[str, Described] = {}
    described: list[Described] = []
    members = 0
    for start in range(0, len(names), GROUPS_AT_ONCE):
        if start:
            yield PAUSE
        portion = names[start : start + GROUPS_AT_ONCE]
        new = [name for name in dict.fromkeys(portion) if name not in found]
        yield from _describe(call, new, found, ask_about, refused)
        for name in portion:
            members += len(found[name].members)
            described.append(found[name] if members <= MEMBERS_MAX else refused(name, PolicyViolation()))
    return described


def _describe(
    call: Call,
    names: list[str],
    found: dict[str, Described],
    ask_about: Callable[[str], Message],
    refused: Callable[[str, KafkaError], Described],
) -> Coroutine:
    """Ask the coordinators of these groups, and keep their answers."""
    asks: dict[str, Ask] = {}
    for name in names:
        if not call.authorize(DESCRIBE, group(name)):
            found[name] = refused(name, GroupAuthorizationFailed())
            continue
        try:
            asks[name] = Ask(coordinator_here(call.view, OFFSETS_TOPIC, name), submitted(call, ask_about(name)))
        except KafkaError as error:
            found[name] = refused(name, error)
    outcomes = yield list(asks.values())
    for name, outcome in zip(asks, outcomes, strict=True):
        answer = settled(outcome)
        found[name] = refused(name, answer) if isinstance(answer, KafkaError) else answer.groups[0]
        if call.request.include_authorized_operations and not found[name].error_code:
            found[name].authorized_operations = call.operations_allowed(group(name))
