"""One exception for each of Kafka's error codes, and the way from a code to its exception and back.

>>> from kstore import errors
>>> errors.for_code(6)
NotLeaderOrFollower('This broker is not the leader, or not a replica at all, of the partition.')
>>> errors.code_of(errors.OffsetOutOfRange())
1
"""

from kstore.errors import table
from kstore.errors.arguments import SHORT_MAX, whole
from kstore.errors.base import NONE as NONE
from kstore.errors.base import KafkaError as KafkaError
from kstore.errors.categories import ErrorCategory as ErrorCategory
from kstore.errors.table import *  # noqa: F403  (the table is the list of names)

BY_CODE: dict[int, type[KafkaError]] = {
    found.code: found
    for found in vars(table).values()
    if isinstance(found, type) and issubclass(found, KafkaError) and found is not KafkaError
}


def for_code(code: int, message: str | None = None) -> KafkaError:
    """The error of a code; a code that Kafka 4.4 doesn't have becomes ``UnknownServerError``, which says so."""
    found = BY_CODE.get(code) if type(code) is int else None
    if found is not None:
        return found(message)
    code = whole("code", code, -SHORT_MAX - 1, SHORT_MAX)
    if code in BY_CODE:
        return BY_CODE[code](message)
    if code == NONE:
        raise ValueError("code 0 means that there is no error")
    return table.UnknownServerError(f"error code {code}: {message}" if message else f"error code {code}")


def code_of(error: BaseException | None) -> int:
    """The code of an error: 0 of None, -1 of anything that isn't one of Kafka's."""
    if error is None:
        return NONE
    return error.code if isinstance(error, KafkaError) else table.UnknownServerError.code
