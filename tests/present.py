"""What must be there, for readers and type checkers alike: where it isn't, the test fails."""

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """The value, which isn't None.

    >>> present(0)
    0
    """
    assert value is not None, "what the test needs isn't there"
    return value
