"""The errors that clients of groups and transactions get for failed appends to the coordinator's log.

A client doesn't know that log's partition, so it can't act on its state: the error makes it retry, look up the
coordinator again, or says that the broker failed.
"""

from kstore import errors
from kstore.errors import KafkaError

_TRY_AGAIN = (errors.UnknownTopicOrPartition, errors.NotEnoughReplicas, errors.RequestTimedOut)
_MOVED = (errors.NotLeaderOrFollower, errors.FencedLeaderEpoch, errors.KafkaStorageError)
_TOO_LARGE = (errors.MessageTooLarge, errors.RecordListTooLarge, errors.InvalidFetchSize)


def as_coordinator_error(error: KafkaError) -> KafkaError:
    if isinstance(error, _TRY_AGAIN):
        return errors.CoordinatorNotAvailable()
    if isinstance(error, _MOVED):
        return errors.NotCoordinator()
    if isinstance(error, _TOO_LARGE):
        return errors.UnknownServerError()
    return error
