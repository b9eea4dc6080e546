"""What a transactional producer asks of coordinators, one step after the other, and what an answer's error means.

The meanings are those of the handlers in Java's ``TransactionManager``, sorted as KIP-1050 sorts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.clients.producer.idempotence import Identity
from actors.clients.structs import GroupMetadata, OffsetAndMetadata, TopicPartition
from kstore.errors import (
    ClusterAuthorizationFailed,
    CoordinatorNotAvailable,
    FencedInstanceId,
    GroupAuthorizationFailed,
    GroupIdNotFound,
    IllegalGeneration,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    NetworkException,
    NotCoordinator,
    ProducerFenced,
    RequestTimedOut,
    StaleMemberEpoch,
    TransactionAbortable,
    TransactionalIdAuthorizationFailed,
    UnknownMemberId,
    UnknownProducerId,
    UnsupportedVersion,
)
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from kstore.log.names import TopicAndPartition

Offsets = Mapping[TopicPartition, OffsetAndMetadata]


class Initialize(NamedTuple):
    """InitProducerId: for the producer's first id and epoch, or with those it has, for the next epoch."""

    identity: Identity


class AddPartitions(NamedTuple):
    """AddPartitionsToTxn, by the classic protocol: before a first record goes to these."""

    partitions: tuple[TopicAndPartition, ...]


class CommitOffsets:
    """TxnOffsetCommit of what one call gave; by the classic protocol, AddOffsetsToTxn before it (``is_added`` then)."""

    def __init__(self, offsets: Offsets, group: GroupMetadata) -> None:
        self.offsets = offsets
        self.group = group
        self.is_added = False


class AddOffsets(NamedTuple):
    """AddOffsetsToTxn, by the classic protocol."""

    commit: CommitOffsets


class End(NamedTuple):
    """EndTxn."""

    committed: bool


Step = Initialize | AddPartitions | AddOffsets | CommitOffsets | End

# What an error means for the step it is the answer to.
AGAIN = "ask again after a backoff"
ELSEWHERE = "find the coordinator anew, then ask again"
ABORT = "the transaction can only be aborted"
LOST = "the producer is of no more use"

MOVED = (NotCoordinator, CoordinatorNotAvailable, NetworkException)
FENCES = (InvalidProducerEpoch, ProducerFenced)
ABORTS: Mapping[type, tuple[type[KafkaError], ...]] = {
    Initialize: (TransactionAbortable,),
    AddOffsets: (TransactionAbortable, GroupAuthorizationFailed, UnknownProducerId),
    CommitOffsets: (
        TransactionAbortable,
        GroupAuthorizationFailed,
        FencedInstanceId,
        UnknownMemberId,
        IllegalGeneration,
        GroupIdNotFound,
        StaleMemberEpoch,
    ),
    End: (TransactionAbortable, UnknownProducerId),
}
"""By step, what leaves the transaction to be aborted; what is neither here nor transient is fatal."""

LOST_BY_ADDING = (
    *FENCES,
    ClusterAuthorizationFailed,
    InvalidProducerIdMapping,
    InvalidTxnState,
    TransactionalIdAuthorizationFailed,
    UnsupportedVersion,
)
"""What is fatal of AddPartitionsToTxn: what else is wrong, is wrong with a partition."""


def meaning(step: Step, error: KafkaError) -> str:
    """What is to be done about an error that answers a step."""
    if isinstance(error, MOVED) or (isinstance(step, CommitOffsets) and isinstance(error, RequestTimedOut)):
        return ELSEWHERE
    if error.retriable:
        return AGAIN
    if isinstance(step, AddPartitions):
        return LOST if isinstance(error, LOST_BY_ADDING) else ABORT
    return ABORT if isinstance(error, ABORTS[type(step)]) else LOST


def is_fence(error: KafkaError) -> bool:
    """Whether a coordinator says by it that another producer has the transactional id: either code (KIP-588)."""
    return isinstance(error, FENCES)
