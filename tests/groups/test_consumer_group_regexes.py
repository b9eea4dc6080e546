"""Regular expressions of consumer groups: RE2's, with the words of Apache Kafka for what is wrong with one."""

from __future__ import annotations

import time

import pytest

from actors.groups.consumer.regexes import matching
from actors.groups.consumer.slices import Effort, whole
from kstore.errors import InvalidRegularExpression

WRONG = {
    "(": "missing closing )",
    "[": "missing closing ]",
    "*": "missing argument to repetition operator",
    "a{1001}": "invalid repeat count",
    "a**": "invalid nested repetition operator",
    "(?=x)": "invalid or unsupported Perl syntax",
    "(?P<n": "invalid named capture",
    r"\8": "invalid escape sequence",
    r"\pX": "invalid character class range",
    "[z-a]": "invalid character class range",
    "x\\": "trailing backslash at end of expression",
}


@pytest.mark.parametrize("regex", WRONG)
def test_what_is_wrong_is_said_as_by_kafka(regex: str) -> None:
    with pytest.raises(InvalidRegularExpression) as refused:
        whole(matching(regex, ["orders"], Effort()))
    assert refused.value.message == f"SubscribedTopicRegex `{regex}` is not a valid regular expression: {WRONG[regex]}."


def test_an_expression_with_groups_takes_no_longer_than_one_without() -> None:
    names = [f"{'a' * 240}{number}" for number in range(100)]
    began = time.process_time()
    assert whole(matching("(((a?){10}){10}){10}.*", names, Effort())) == tuple(sorted(names))
    assert time.process_time() - began < 0.5, "it takes 5 s if what the groups match is found as well"
