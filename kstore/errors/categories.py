"""The categories of errors by what a program does about them (KIP-1050), as the classes of Kafka 4.4's exceptions have
them.
"""

from enum import StrEnum


class ErrorCategory(StrEnum):
    """What a program does about an error; its text is the category's name.

    >>> from kstore.errors import NotLeaderOrFollower
    >>> NotLeaderOrFollower().category == "refresh-retriable"
    True
    """

    RETRIABLE = "retriable"
    """Try again; kstore's clients do so by themselves until their time is over."""

    REFRESH_RETRIABLE = "refresh-retriable"
    """As retriable, once metadata or a coordinator was looked up anew; kstore's clients do so, too."""

    ABORTABLE = "abortable"
    """Abort the transaction, and do its work again."""

    APPLICATION_RECOVERABLE = "application-recoverable"
    """Close this producer or consumer; another one can go on from what is committed."""

    INVALID_CONFIGURATION = "invalid-configuration"
    """Change the configuration, the request or what is allowed; until then it fails each time."""


RETRIABLE = ErrorCategory.RETRIABLE
REFRESH_RETRIABLE = ErrorCategory.REFRESH_RETRIABLE
ABORTABLE = ErrorCategory.ABORTABLE
APPLICATION_RECOVERABLE = ErrorCategory.APPLICATION_RECOVERABLE
INVALID_CONFIGURATION = ErrorCategory.INVALID_CONFIGURATION
