"""Splits requests with many items for the controller, so that it decides about a portion of them at a time.

Each item of such a request succeeds or fails on its own, so several decisions have the same result as one; and no other
request waits for all of them. Items that are named twice stay together, as the controller refuses both. Most requests
are one portion, and pass unchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

from actors.broker.call import Call
from actors.broker.forwarding import failed, to_controller
from actors.broker.slices import sliced
from actors.runtime import Coroutine
from actors.runtime.coroutine import Eventually
from kstore.errors import KafkaError
from kstore.schema.struct import Message

Item = TypeVar("Item")
R = TypeVar("R", bound=Message)

ITEMS_A_DECISION = 200


def decided(
    call: Call,
    request: Message,
    field: str,
    key: Callable[[Item], Hashable],
    results: str,
    refused: Callable[[Item, KafkaError], object],
    *,
    version: int | None = None,
    weight: Callable[[Item], int] | None = None,
    repeats_apart: bool = False,
) -> Coroutine:
    """The controller's response to ``request``, whose ``field`` lists the items.

    ``results`` is the response's list, and ``refused`` makes an element of it if the controller can't be asked. If it
    can't be asked about the first portion, the error of ``to_controller`` is that of the whole request. With
    ``repeats_apart``, items that are named twice needn't stay together, because each is refused, and answered, by
    itself.
    """
    items = getattr(request, field)
    whole: Message | None = None
    for portion in (yield from portioned(items, key, weight, repeats_apart=repeats_apart)):
        asked = request if portion is items else with_items(request, field, portion)
        outcome = yield from to_controller(call, asked, version)
        error = failed(outcome)
        if whole is None:
            if error is not None:
                return error
            whole = outcome
        elif error is not None:
            getattr(whole, results).extend(refused(item, error) for item in portion)
        else:
            getattr(whole, results).extend(getattr(outcome, results))
    return whole


def allowed_of(
    call: Call, field: str, key: Callable[[Item], Hashable], is_allowed: Callable[[Item], bool]
) -> Eventually[tuple[Any, list[Item], list[Item]]]:
    """The request with only the items that the client is allowed, those items, and the others.

    Items that are named twice aren't checked: the controller refuses them, which discloses nothing.
    """
    items: list[Item] = getattr(call.request, field)
    times: Counter[Hashable] = Counter()

    def count(item: Item) -> None:
        times[key(item)] += 1

    yield from sliced(items, count)
    verdicts = yield from sliced(items, lambda item: times[key(item)] > 1 or is_allowed(item))
    if all(verdicts):
        return call.request, items, []
    allowed = [item for item, verdict in zip(items, verdicts, strict=True) if verdict]
    refused = [item for item, verdict in zip(items, verdicts, strict=True) if not verdict]
    return with_items(call.request, field, allowed), allowed, refused


def portioned(
    items: list[Item],
    key: Callable[[Item], Hashable],
    weight: Callable[[Item], int] | None = None,
    *,
    repeats_apart: bool = False,
) -> Coroutine:
    """The items in lists of ``ITEMS_A_DECISION``, fewer if they weigh more; items with the same key are in one list."""
    if len(items) <= ITEMS_A_DECISION and (weight is None or sum(map(weight, items)) <= ITEMS_A_DECISION):
        return [items]
    seen: set[Hashable] = set()
    repeated: dict[Hashable, list[Item]] = {}
    found: list[list[Item]] = [[]]
    weighs = 0

    def look_at(item: Item) -> None:
        if key(item) in seen:
            repeated[key(item)] = []
        seen.add(key(item))

    def put(group: list[Item]) -> None:
        nonlocal weighs
        more = len(group) if weight is None else sum(map(weight, group))
        if found[-1] and weighs + more > ITEMS_A_DECISION:
            found.append([])
            weighs = 0
        found[-1] += group
        weighs += more

    def put_one(item: Item) -> None:
        if key(item) in repeated:
            repeated[key(item)].append(item)
        else:
            put([item])

    yield from sliced(items, look_at)
    yield from sliced(items, put_one)
    together = list(repeated.values())
    yield from sliced([part for group in together for part in in_parts(group)] if repeats_apart else together, put)
    return found


def in_parts(group: list[Item]) -> Iterator[list[Item]]:
    """Items of one name in lists of ``ITEMS_A_DECISION``, at least two in each, so that each shows the repetition."""
    for start in range(0, len(group), ITEMS_A_DECISION):
        end = start + ITEMS_A_DECISION
        yield group[start - 1 if start == len(group) - 1 else start : end - 1 if end == len(group) - 1 else end]


def with_items(request: R, field: str, items: list[Item]) -> R:
    """The same request with only these items."""
    fields = {name: getattr(request, name) for name in type(request).fields()}
    return type(request)(**{**fields, field: items})
