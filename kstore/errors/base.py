"""What every error with a Kafka code has in common."""

from typing import Any, ClassVar

from kstore.errors.categories import REFRESH_RETRIABLE, RETRIABLE, ErrorCategory

NONE = 0
"""The code that stands for no error at all; it has no class."""

MESSAGE_LENGTH_MAX = 8_000
"""Characters of a message. Messages repeat names that clients chose, and an answer has room for 32,767 bytes: beyond
this a message is cut, and says so."""


def bounded(message: str) -> str:
    """The message, cut if it is longer than an answer can carry.

    >>> bounded("no such topic: " + "a" * 9_000)[-30:]
    'aaaaa... (1015 characters more)'
    """
    if len(message) <= MESSAGE_LENGTH_MAX:
        return message
    return f"{message[:MESSAGE_LENGTH_MAX]}... ({len(message) - MESSAGE_LENGTH_MAX} characters more)"


class KafkaError(Exception):
    """An error that has a number in Kafka's protocol.

    ``message`` is what this one is about; without one it is what the class says of itself. ``record_errors`` is
    filled by the validation of produced batches: pairs of the record's index in its batch and what is wrong with it.
    ``category`` says what a program does about it; None where Kafka has no category for it. An error of a transactional
    producer has one that fits what its message tells to do. ``retriable``: its class is in one of the first two.

    >>> from kstore.errors import OffsetOutOfRange
    >>> error = OffsetOutOfRange("no offset 7")
    >>> error.code, error.name, error.retriable, error.message
    (1, 'OFFSET_OUT_OF_RANGE', False, 'no offset 7')
    """

    code: ClassVar[int] = -1
    name: ClassVar[str] = "UNKNOWN_SERVER_ERROR"
    category: ErrorCategory | None = None
    retriable: ClassVar[bool] = False
    record_errors: tuple[tuple[int, str], ...] = ()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.retriable = cls.category in (RETRIABLE, REFRESH_RETRIABLE)

    def __init__(self, message: str | None = None) -> None:
        super().__init__(self.description if message is None else bounded(message))

    @property
    def message(self) -> str:
        """What happened this time; without words of its own, what the class says of itself."""
        return str(self.args[0])

    @property
    def description(self) -> str:
        """What the class says of itself: one sentence."""
        return (type(self).__doc__ or "").strip()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"
