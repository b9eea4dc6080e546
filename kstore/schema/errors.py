"""What is wrong with bytes that should be a message."""

from kstore.errors import InvalidRequest


class SchemaError(InvalidRequest):
    """The bytes aren't the message that they were said to be."""
