"""Slices of long requests: a handler works on some items of a request, then lets other actors have their turns.

A slice is a number of items, not a time, so that every run does the same in the same turn. ``PART`` cheap items, such
as a look-up and a line of the response, take a millisecond or two. Their objects are short-lived, so the garbage
collector needn't scan the whole process, which takes longer than any slice. Handlers with more expensive items give a
smaller number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from actors.broker.call import PAUSE
from actors.runtime import Ask
from actors.runtime.coroutine import Eventually

PART = 250

Item = TypeVar("Item")
Part = TypeVar("Part")
Made = TypeVar("Made")


def sliced(items: Sequence[Item], work: Callable[[Item], Made], part: int = PART) -> Eventually[list[Made]]:
    """The results of ``work`` for each of the items, ``part`` of them in a turn; part of a coroutine."""
    made: list[Made] = []
    for start in range(0, len(items), part):
        if start:
            yield PAUSE
        made += map(work, items[start : start + part])
    return made


def portions(
    topics: Iterable[Item], partitions_of: Callable[[Item], list[Part]], part: int = PART
) -> Iterator[list[tuple[Item, list[Part]]]]:
    """Topics with their partitions, in portions of at most ``part`` partitions; a topic with more is in several.

    >>> list(portions(["ab", "c", "", "defg"], list, 3))
    [[('ab', ['a', 'b']), ('c', ['c'])], [('', []), ('defg', ['d', 'e'])], [('defg', ['f', 'g'])]]
    """
    portion: list[tuple[Item, list[Part]]] = []
    room = part
    for topic in topics:
        partitions, at = partitions_of(topic), 0
        while True:
            taken = partitions[at : at + room]
            portion.append((topic, taken))
            at += len(taken)
            room -= len(taken) or 1
            if room == 0:
                yield portion
                portion, room = [], part
            if at >= len(partitions):
                break
    if portion:
        yield portion


def each_asked(
    topics: Iterable[Item],
    partitions_of: Callable[[Item], list[Part]],
    ask: Callable[[Item, Part], Any],
    answer: Callable[[Item, Part, Any], None],
    prepare: Callable[[list[tuple[Item, Part]], list[Any]], Eventually[list[Any]]] | None = None,
) -> Eventually[None]:
    """Ask about each partition, and pass the outcome to ``answer(topic, partition, …)``; part of a coroutine.

    ``ask(topic, partition)`` returns an ``Ask``, or the outcome itself; ``prepare`` returns what to ask about in place
    of a portion. Only the answers of a portion are kept; otherwise the garbage collector would scan hundreds of
    thousands of questions and errors in one turn.
    """
    for number, portion in enumerate(portions(topics, partitions_of)):
        if number:
            yield PAUSE
        parts = [(topic, each) for topic, partitions in portion for each in partitions]
        asked = [ask(topic, each) for topic, each in parts]
        if prepare is not None:
            asked = yield from prepare(parts, asked)
        answers = iter((yield [each for each in asked if isinstance(each, Ask)]))
        for (topic, each), found in zip(parts, asked, strict=True):
            answer(topic, each, next(answers) if isinstance(found, Ask) else found)
