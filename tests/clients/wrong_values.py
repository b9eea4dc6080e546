"""Values of wrong types, by what a parameter takes; and one of the right type, in the forms that are welcome."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kstore import (
    ConfigResource,
    GroupMetadata,
    MemberToRemove,
    NewPartitions,
    NewTopic,
    OffsetAndMetadata,
    TopicPartition,
)
from kstore.named import NamedTuple

TOPIC = "good"
PLACE = TopicPartition(TOPIC, 0)
NAN, INF = float("nan"), float("inf")
SURROGATE = "half a pair \ud83d"
LONG = "x" * 32_768
EURO = "€" * 11_000  # over 32,767 bytes of UTF-8, though fewer letters
HUGE = (2**63, -(2**63) - 1, 2**64, 10**5_000)


class Unhashable:
    """Neither a key nor equal to anything."""

    __hash__ = None  # type: ignore[assignment]


class Unspeakable:
    """What can't even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no words for it")


def things() -> list[Any]:
    """What is of no kind that any parameter takes, made anew each time: a generator is used up."""
    return [object(), Unhashable(), Unspeakable(), (each for each in [object()]), [[]], ({},), 1j, type, NotImplemented]


class Kind(NamedTuple):
    """Makes the wrong values of a kind of parameter, and the right ones."""

    wrong: Callable[[], list[Any]]
    right: tuple[Any, ...] = ()


NO_TEXT: tuple[Any, ...] = (None, b"t", bytearray(b"t"), 5, 5.5, True, [], ["t"], ("t",), {}, {"t"}, NAN)
NO_NUMBER: tuple[Any, ...] = (None, "3", "", b"3", [], [3], (3,), {}, {3}, "x" * 40_000)
NO_WHOLE = (*NO_NUMBER, 5.5, 5.0, True, False, NAN, INF, -INF, np.float64(5), np.bool_(True))
NO_LIST = (5, 5.5, True, NAN)


def text() -> list[Any]:
    return [*NO_TEXT, SURROGATE, LONG, EURO, *things()]


def text_or_none() -> list[Any]:
    return [each for each in text() if each is not None]


def whole(low: int, high: int) -> Callable[[], list[Any]]:
    return lambda: [*NO_WHOLE, low - 1, high + 1, *HUGE, *things()]


def or_none(wrong: Callable[[], list[Any]]) -> Callable[[], list[Any]]:
    return lambda: [each for each in wrong() if each is not None]


def duration() -> list[Any]:
    return [*NO_NUMBER, True, NAN, INF, -INF, -1, -0.5, 2**63, *HUGE, *things()]


def flag() -> list[Any]:
    return [None, "yes", "", b"", 0, 1, 5.5, [], {}, NAN, *things()]


def function() -> list[Any]:
    return [None, "f", b"f", 5, 5.5, True, [], {}, NAN, object(), Unhashable(), Unspeakable()]


def names() -> list[Any]:
    nested = [[each] for each in text() if not isinstance(each, (dict, set))]
    return [*NO_LIST, "good", b"good", None, *nested, [b"t"], ["t", 5], {5: 1}, object(), Unspeakable(), type]


def place() -> list[Any]:
    shapes: list[Any]
    shapes = [None, "t0", "good-0", b"t0", 5, 5.5, True, [], (), (TOPIC,), (TOPIC, 0, 0), {}, {TOPIC: 0}, NAN]
    topics = [(each, 0) for each in text()]
    partitions = [(TOPIC, each) for each in whole(0, 2**31 - 1)()]
    return [*shapes, *topics, *partitions, *things()]


def places() -> list[Any]:
    return [*NO_LIST, None, "good", b"good", PLACE, *([each] for each in place()), {"good": 0}, object(), Unspeakable()]


def some_places() -> list[Any]:
    """Of parameters that take partitions one by one."""
    return [(each,) for each in place()]


def at_places(value: Callable[[], list[Any]]) -> Callable[[], list[Any]]:
    """Of parameters that take something by partition."""

    def wrong() -> list[Any]:
        values = [{PLACE: each} for each in value()]
        keys = [{each: 1} for each in place() if isinstance(each, tuple) and is_hashable(each)]
        shapes = [
            5,
            5.5,
            True,
            "t",
            b"t",
            [],
            [PLACE],
            [(PLACE, 5)],
            {PLACE},
            PLACE,
            {TOPIC: 1},
            {5: 5},
            {None: 1},
            NAN,
        ]
        return [*shapes, *values, *keys, object(), Unspeakable()]

    return wrong


def is_hashable(each: Any) -> bool:
    try:
        hash(each)
    except (TypeError, ValueError):
        return False
    return True


def bare(cls: Any, *fields: Any) -> Any:
    """A tuple of a class that its constructor wouldn't make."""
    return tuple.__new__(cls, fields)


def offset() -> list[Any]:
    numbers = whole(0, 2**63 - 1)()
    at = [bare(OffsetAndMetadata, each, "", -1) for each in numbers]
    metadata = [bare(OffsetAndMetadata, 5, each, -1) for each in text() if each is not None]
    epochs = [bare(OffsetAndMetadata, 5, "", each) for each in whole(-1, 2**31 - 1)()]
    return [*numbers, *at, *metadata, *epochs]


def group_metadata() -> list[Any]:
    texts = [fields for each in text() if each is not None for fields in ((each, 1, "m", None), ("g", 1, each, None))]
    generations = [("g", each, "m", None) for each in whole(-1, 2**31 - 1)()]
    wrong = [bare(GroupMetadata, *fields) for fields in (*texts, *generations)]
    return [*things(), None, "g", ("g", 1, "m", None), *wrong]


def path() -> list[Any]:
    return [None, b"/tmp/x", 5, 5.5, True, [], {}, "", "/tmp/a\0b", NAN, *things()]


def addresses() -> list[Any]:
    """One, or several in a list, which may have none."""
    return [each for each in text_or_none() if each != []]


def node_ids() -> list[Any]:
    shapes: list[Any] = [*NO_LIST, "1", b"1", [], [1, 1], [1, 2], object(), Unspeakable()]
    return [*shapes, *([each] for each in (None, "1", 5.5, True, -1, 2**31, [], object(), Unspeakable()))]


def config() -> list[Any]:
    values: list[Any] = [None, b"1", [], {}, [1], object(), Unspeakable(), SURROGATE, LONG, 1j]
    keys = [5, None, b"num.partitions", 5.5, True, ("a",), SURROGATE, LONG]
    shapes: list[Any] = [5, "num.partitions=3", b"x", ["num.partitions=3"], True, 5.5, NAN, object(), Unspeakable()]
    return [*shapes, *({"segment.ms": each} for each in values), *(dict.fromkeys([each], "1") for each in keys)]


def new_topics() -> list[Any]:
    shapes: list[Any]
    shapes = [None, 5, 5.5, True, "good", b"good", NewTopic("one"), [None], [5], [b"t"], [[]], [("t", 1)], [TOPIC, 5]]
    named = [[bare(NewTopic, each, -1, -1, None, None)] for each in text()]
    counts = [[bare(NewTopic, "a", each, -1, None, None)] for each in whole(-(2**31), 2**31 - 1)()]
    factors = [[bare(NewTopic, "a", -1, each, None, None)] for each in whole(-(2**15), 2**15 - 1)()]
    assigned = [
        5,
        "1",
        [1],
        {0: 5},
        {0: "1"},
        {0: [5.5]},
        {0: ["1"]},
        {"0": [1]},
        {-1: [1]},
        {2**31: [1]},
        {0: [2**31]},
    ]
    by_hand = [[bare(NewTopic, "a", -1, -1, each, None)] for each in assigned]
    configs = [[bare(NewTopic, "a", -1, -1, None, each)] for each in config()]
    options = [{"a": 5}, {"a": {"partitions": 5}}, {"a": {"num_partitions": "3"}}, {5: {}}, {"a": None}, {b"a": {}}]
    return [*shapes, *named, *counts, *factors, *by_hand, *configs, *options, object(), Unspeakable()]


def growths() -> list[Any]:
    shapes: list[Any]
    shapes = [None, 5, "good", b"good", [TOPIC], {5: 3}, {b"good": 3}, {SURROGATE: 3}, {LONG: 3}, {None: 3}, NAN, True]
    counts = whole(-(2**31), 2**31 - 1)()
    assigned = [5, "1", [5], ["12"], [[5.5]], [["1"]], [[2**31]], [[None]]]
    return [
        *shapes,
        *({TOPIC: each} for each in counts if not isinstance(each, dict)),
        *({TOPIC: bare(NewPartitions, each, None)} for each in counts),
        *({TOPIC: {"count": each}} for each in whole(-(2**31), 2**31 - 1)()),
        *({TOPIC: bare(NewPartitions, 3, each)} for each in assigned),
        object(),
    ]


def levels() -> list[Any]:
    shapes = [
        None,
        5,
        "good",
        b"good",
        ["metadata.version"],
        {5: 3},
        {b"good": 3},
        {SURROGATE: 3},
        {None: 3},
        NAN,
        True,
    ]
    numbers = [each for each in whole(0, 2**15 - 1)() if not isinstance(each, dict)]
    kinds: list[Any] = [None, 1, "DOWNGRADE", b"UPGRADE", ["UPGRADE"], {}]
    return [
        *shapes,
        *({"metadata.version": each} for each in numbers),
        *({"metadata.version": ("UPGRADE", each)} for each in numbers),
        *({"metadata.version": (each, 33)} for each in kinds),
        {"metadata.version": ("UPGRADE",)},
        object(),
    ]


def resources(*, values: bool) -> Callable[[], list[Any]]:
    def wrong() -> list[Any]:
        good = {"segment.ms": "1"} if values else None
        shapes = [
            None,
            5,
            "topic",
            b"t",
            True,
            ConfigResource("topic", TOPIC),
            [None],
            [5],
            ["topic"],
            [("topic",)],
            NAN,
        ]
        kinds = [
            [bare(ConfigResource, each, TOPIC, good)] for each in (*NO_TEXT, "nothing", SURROGATE, LONG, *things())
        ]
        named = [[bare(ConfigResource, "topic", each, good)] for each in text()]
        of_values = [each for each in config() if each != "num.partitions=3"] if values else [5, 5.5, "a", [5], [None]]
        configs = [[bare(ConfigResource, "topic", TOPIC, each)] for each in of_values if each is not None]
        return [*shapes, *kinds, *named, *configs, object(), Unspeakable()]

    return wrong


def members() -> list[Any]:
    shapes: list[Any]
    shapes = [None, 5, 5.5, "m", b"m", [5], [None], [b"m"], [[]], [("m",)], True, NAN, object(), Unspeakable()]
    ids = [[bare(MemberToRemove, each, None, None)] for each in text() if each is not None]
    instances = [[bare(MemberToRemove, "", each, None)] for each in text_or_none()]
    reasons = [[bare(MemberToRemove, "m", None, each)] for each in text_or_none()]
    return [*shapes, *ids, *instances, *reasons]


def groups() -> list[Any]:
    nested = [{"g": each} for each in places() if each is not None and not isinstance(each, Mapping)]
    lists = [each for each in names() if each != "good"]
    return [*lists, SURROGATE, LONG, *nested, {5: None}, {b"g": None}, {LONG: None}]


def elections() -> list[Any]:
    mapped = [{TOPIC: each} for each in (5, "0", None, ["0"], [5.5], [-1], [2**31], [None], [True])]
    return [
        *(each for each in places() if each is not None and not isinstance(each, dict)),
        *mapped,
        {5: [0]},
        {b"t": [0]},
    ]


def log_dirs() -> list[Any]:
    mapped = [{TOPIC: each} for each in (5, "0", None, ["0"], [5.5], [-1], [2**31], [None], [True])]
    return [*NO_LIST, "t", [5], [b"t"], [None], [[]], {5: [0]}, {b"t": [0]}, *mapped]


def pattern() -> list[Any]:
    return [b"g.*", re.compile(b"g.*"), 5, 5.5, True, [], ["g.*"], {}, NAN, "(", "*", *things()]


def listener() -> list[Any]:
    return ["l", b"l", 5, 5.5, True, [], {}, NAN, print, *things()]


def ends() -> list[Any]:
    return [
        None,
        "1",
        b"1",
        5.5,
        0,
        4,
        -1,
        True,
        [None],
        ["1"],
        [0],
        [5.5],
        [[1]],
        {"a": 1},
        NAN,
        *HUGE,
        object(),
        type,
    ]


def broker() -> list[Any]:
    return [None, "1", b"1", 5.5, 1.0, 0, 4, -1, True, [], [1], {}, {1}, NAN, INF, 2**31, *HUGE, *things()]


def api() -> list[Any]:
    return [None, b"Produce", 5.5, 0.0, True, -1, 999, "", "Nothing", [], {}, NAN, SURROGATE, LONG, *HUGE, *things()]


def code() -> list[Any]:
    return [
        None,
        b"X",
        5.5,
        6.0,
        True,
        999,
        -99,
        "NOTHING",
        "",
        [],
        {},
        NAN,
        SURROGATE,
        LONG,
        ValueError,
        *HUGE,
        *things(),
    ]


def headers() -> list[Any]:
    pairs = [(each, b"v") for each in text()] + [("n", each) for each in ("text", 5, 5.5, True, [], {}, object())]
    shapes = [5, 5.5, True, "ab", b"ab", {"a": b"b"}, ["ab"], [b"ab"], [()], [("a",)], [("a", b"b", b"c")], [None], NAN]
    return [*shapes, *([each] for each in pairs if each[0] not in (LONG, EURO)), object(), Unspeakable()]


def data() -> list[Any]:
    return ["text", 5, 5.5, True, [], [b"v"], (b"v",), {}, NAN, memoryview(b"abcdef")[::2], *things()]


def many() -> list[Any]:
    lists = [[each] for each in data()]
    arrays = [np.array([1, 2]), np.array([[1.5]]), np.array(["a"]), np.array(b"a"), (np.zeros(3, np.uint8), [0, 3])]
    wrong = (np.zeros(3, np.uint8), np.array([0, 9]))
    return [None, 5, 5.5, True, "text", b"text", {}, {"a": b"b"}, NAN, object(), *lists, *arrays, wrong, type]


TEXT = Kind(text, (TOPIC, np.str_(TOPIC)))
TEXT_OR_NONE = Kind(text_or_none, (None, "text"))
FLAG = Kind(flag, (True, False, np.bool_(False)))
SECONDS = Kind(duration, (5, 5.5, np.int64(5), np.float32(5.5)))
SECONDS_OR_NONE = Kind(or_none(duration), (5, 5.5, np.int64(5), np.float32(5.5)))
FUNCTION = Kind(function)
PLACE_KIND = Kind(place, (PLACE, (TOPIC, 0), (TOPIC, np.int32(0))))
PLACES = Kind(places, ([PLACE], {PLACE}, ((TOPIC, np.int64(0)),)))
SOME_PLACES = Kind(some_places, ((PLACE,), ((TOPIC, np.int16(0)),)))
AT_ZERO = OffsetAndMetadata(0, None)  # type: ignore[arg-type]
OFFSETS = Kind(at_places(offset), ({PLACE: 0}, {PLACE: np.int64(0)}, {PLACE: AT_ZERO}))
PARTITION = Kind(whole(0, 2**31 - 1), (0, np.int64(0), np.uint8(0)))
