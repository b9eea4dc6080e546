"""Subscriptions by regular expression: RE2's syntax, matched with whole names of topics, as in Apache Kafka.

RE2 matches in a time that grows with the length of the name only. How fast it grows is the expression's doing, so the
names of many topics are matched in slices (``slices.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from actors.groups.consumer.slices import Effort, Work
from kstore.errors import InvalidRegularExpression

if TYPE_CHECKING:
    import re2

EXPRESSION_LENGTH_MAX = 10_000

IN_WORDS_OF_JAVA = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "trailing \\": "trailing backslash at end of expression",
}
"""What RE2 says is wrong with an expression, and what RE2/J says, which brokers of Apache Kafka match with."""


class Expression:
    """A regular expression that is ready to match.

    >>> Expression("orders-.*").matches("orders-eu"), Expression("orders-.*").matches("my-orders-us")
    (True, False)
    """

    __slots__ = ("_matched", "_nanoseconds_a_byte")

    def __init__(self, regex: str) -> None:
        """Raise InvalidRegularExpression if RE2 doesn't take it."""
        import re2  # half a megabyte that few clients need

        options = re2.Options()
        options.log_errors = False
        options.never_capture = True  # to find what groups match takes thousands of times as long
        if len(regex) > EXPRESSION_LENGTH_MAX:
            raise InvalidRegularExpression(f"A regular expression of {len(regex)} characters is too long.")
        try:
            self._matched, size = _compiled(regex, options)
        except re2.error as error:
            raise InvalidRegularExpression(
                f"SubscribedTopicRegex `{regex}` is not a valid regular expression: {_in_words(error)}."
            ) from None
        # As measured: most names take RE2 no time at all, but the worst expressions take this much.
        self._nanoseconds_a_byte = 10 * min(size, 200) + size // 2

    def matches(self, name: str) -> bool:
        """Whether it matches the whole name of a topic."""
        return self._matched(name.encode()) is not None

    def cost_of(self, name: str) -> int:
        """The microseconds that it may take to match a name."""
        return 2 + len(name) * self._nanoseconds_a_byte // 1_000


def matching(regex: str, names: Iterable[str], effort: Effort) -> Work[tuple[str, ...]]:
    """Find the names that match, sorted.

    Raises:
        InvalidRegularExpression: RE2 doesn't take it.

    >>> from actors.groups.consumer.slices import whole
    >>> whole(matching("orders-.*", ["orders-eu", "my-orders-us", "orders-us"], Effort()))
    ('orders-eu', 'orders-us')
    """
    expression = Expression(regex)
    found: list[str] = []
    if effort.is_spent(len(regex)):  # about what it took to compile it
        yield
    for name in names:
        if effort.is_spent(expression.cost_of(name)):
            yield
        if expression.matches(name):
            found.append(name)
    return tuple(sorted(found))


def _compiled(regex: str, options: re2.Options) -> tuple[Callable[[bytes], object], int]:
    """What matches a whole name, and how large RE2's program is.

    Names of topics are ASCII, so that each of their characters is a byte. RE2 takes half the time for bytes, and much
    less memory, but doesn't know all of Unicode's characters then.
    """
    import re2

    options.encoding = re2.Options.Encoding.LATIN1
    try:
        compiled = re2.compile(regex.encode(), options)
    except re2.error:
        options.encoding = re2.Options.Encoding.UTF8
        compiled = re2.compile(regex, options)
    return compiled.fullmatch, compiled.programsize


def _in_words(error: Exception) -> str:
    """What is wrong, without the part of the expression that RE2 shows behind it."""
    (told,) = error.args
    words = (told.decode() if isinstance(told, bytes) else str(told)).rpartition(": ")
    what = words[0] or words[2]
    return IN_WORDS_OF_JAVA.get(what, what)
