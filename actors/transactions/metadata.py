"""What is known of one transactional id, as its last record in the log has it: ``TransactionMetadata`` of Kafka.

It is a value: a transition makes another one (``transitions.py``), which counts once its record is committed.
"""

from actors.transactions.states import EMPTY, TransactionState
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple

NO_PRODUCER_ID = -1
NO_EPOCH = -1
NOT_STARTED = -1

EPOCH_MAX = 2**15 - 1
"""Never given to a producer, so that the last one that was can be fenced."""

WITHOUT_TIMEOUT = 2**31 - 1
"""The timeout of a transaction in two phases, which never times out. Only logs of Kafka's have such transactions."""

NO_PARTITIONS: frozenset[TopicAndPartition] = frozenset()


class TransactionMetadata(NamedTuple):
    """``last_epoch`` is the one before the present one, so that a repeated InitProducerId is known; it isn't in the
    log.

    ``next_producer_id`` takes the place of ``producer_id`` as the transaction completes, when the epochs of that are
    used up. ``client_version`` is the transaction protocol that the last request came by: 2 for KIP-890's, else 0.
    ``started_at_ms`` is -1 until a transaction has begun.
    """

    producer_id: int
    previous_producer_id: int
    next_producer_id: int
    epoch: int
    last_epoch: int
    timeout_ms: int
    state: TransactionState
    partitions: frozenset[TopicAndPartition]
    started_at_ms: int
    updated_at_ms: int
    client_version: int

    @property
    def is_exhausted(self) -> bool:
        """Whether no epoch of the producer's id is left for a producer."""
        return is_exhausted(self.epoch)


def is_exhausted(epoch: int) -> bool:
    return epoch >= EPOCH_MAX - 1


def new(producer_id: int, timeout_ms: int, now_ms: int) -> TransactionMetadata:
    """Of an id that was never used: what InitProducerId begins from."""
    return TransactionMetadata(
        producer_id=producer_id,
        previous_producer_id=NO_PRODUCER_ID,
        next_producer_id=NO_PRODUCER_ID,
        epoch=NO_EPOCH,
        last_epoch=NO_EPOCH,
        timeout_ms=timeout_ms,
        state=EMPTY,
        partitions=NO_PARTITIONS,
        started_at_ms=NOT_STARTED,
        updated_at_ms=now_ms,
        client_version=0,
    )
