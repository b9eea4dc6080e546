"""Long requests in slices: a handler works on so many of a request's items, then lets others have their turns.

A slice is a number of items, not a time: what a run does in which turn is the same every time. ``PART`` items of the
cheap kind, such as a look-up and a line of the answer, take a millisecond or two. What they leave behind dies young, so
that the garbage collector has no cause to look at all that the process has, which takes longer than any slice. Handlers
whose items are dear say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from actors.broker.call import PAUSE
from actors.runtime import Ask
from actors.runtime.conversation import Eventually

PART = 250

Item = TypeVar("Item")
Part = TypeVar("Part")
Made = TypeVar("Made")


def sliced(items: Sequence[Item], work: Callable[[Item], Made], part: int = PART) -> Eventually[list[Made]]:
    """Part of a conversation: what ``work`` makes of each of the items, ``part`` of them in a turn."""
    made: list[Made] = []
    for start in range(0, len(items), part):
        if start:
            yield PAUSE
        made += map(work, items[start : start + part])
    return made


def portions(
    topics: Iterable[Item], partitions_of: Callable[[Item], list[Part]], part: int = PART
) -> Iterator[list[tuple[Item, list[Part]]]]:
    """Topics with their partitions, in portions of at most ``part`` partitions; a topic of more stands in several.

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
    topics: Sequence[Item],
    partitions_of: Callable[[Item], list[Part]],
    ask: Callable[[Item, Part], Any],
    answer: Callable[[Item, Part, Any], None],
    prepare: Callable[[list[tuple[Item, Part]], list[Any]], Eventually[list[Any]]] | None = None,
) -> Eventually[None]:
    """Part of a conversation: asks about each partition, and gives what comes of it to ``answer(topic, partition, …)``.

    ``ask(topic, partition)`` gives an ``Ask``, or the outcome itself; ``prepare`` what is asked instead of what a
    portion would be. Nothing of a portion but its answers outlives it:
    the garbage collector would look at hundreds of thousands of questions and errors, in one turn of some actor.
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
