"""Errors of decoding and encoding messages."""

from kstore.errors import InvalidRequest


class SchemaError(InvalidRequest):
    """The bytes aren't the message that they were said to be."""


class TooLong(ValueError):
    """A value of the message is longer than the protocol can say: it repeats what a peer chose."""
