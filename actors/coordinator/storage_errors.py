"""What a failed append to a coordinator's log means to the client whose request needed it, for groups and transactions.

The client can't act on the state of a partition that it never heard of: it is told to try again, to look for the
coordinator again, or that the broker failed.
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
