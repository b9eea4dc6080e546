"""Subscriptions by regular expression: RE2's syntax, matched with whole names of topics, as in Apache Kafka.

RE2 matches in a time that grows with the length of the name only, whatever the expression.
"""

from __future__ import annotations

from collections.abc import Iterable

from kstore.errors import InvalidRegularExpression

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


def matching(regex: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names that match, sorted.

    Raises:
        InvalidRegularExpression: RE2 doesn't take it.

    >>> matching("orders-.*", ["orders-eu", "my-orders-us", "orders-us"])
    ('orders-eu', 'orders-us')
    """
    import re2  # half a megabyte that few clients need

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True  # to find what groups match takes thousands of times as long
    try:
        if len(regex) > EXPRESSION_LENGTH_MAX:
            raise InvalidRegularExpression(f"A regular expression of {len(regex)} characters is too long.")
        compiled = re2.compile(regex, options)
    except re2.error as error:
        raise InvalidRegularExpression(
            f"SubscribedTopicRegex `{regex}` is not a valid regular expression: {_in_words(error)}."
        ) from None
    return tuple(sorted(name for name in names if compiled.fullmatch(name)))


def _in_words(error: Exception) -> str:
    """What is wrong, without the part of the expression that RE2 shows behind it."""
    (told,) = error.args
    words = (told.decode() if isinstance(told, bytes) else str(told)).rpartition(": ")
    what = words[0] or words[2]
    return IN_WORDS_OF_JAVA.get(what, what)
