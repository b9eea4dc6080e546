"""What each move between states does to the metadata: the ``prepare...`` methods of Kafka's ``TransactionMetadata``.

Each gives what the next record in the log says. That a move is one of the table (``states.py``) is asserted.
"""

from actors.transactions.metadata import (
    EPOCH_MAX,
    NO_EPOCH,
    NO_PARTITIONS,
    NO_PRODUCER_ID,
    NOT_STARTED,
    TransactionMetadata,
)
from actors.transactions.states import (
    COMPLETED,
    EMPTY,
    ONGOING,
    PREPARE_ABORT,
    PREPARE_COMMIT,
    PREVIOUS_STATES,
)
from kstore.errors import ProducerFenced
from kstore.log.names import TopicAndPartition

SECOND_PROTOCOL = 2
"""The transaction version from which on each transaction has an epoch of its own (KIP-890)."""


def _moved(now: TransactionMetadata, then: TransactionMetadata) -> TransactionMetadata:
    assert now.state in PREVIOUS_STATES[then.state], f"{now.state} doesn't lead to {then.state}"
    assert then.epoch >= 0, "a record has an epoch"
    return then._replace(previous_producer_id=now.producer_id)


def initialized(
    now: TransactionMetadata, expected_epoch: int | None, timeout_ms: int, now_ms: int
) -> TransactionMetadata:
    """A producer begins, or goes on after an error with the epoch that it had (KIP-360): in a new epoch.

    The epoch before the present one is that of a request that is repeated: then nothing changes.

    Raises:
        ProducerFenced: another producer has had an epoch since.
    """
    then = now
    if expected_epoch is None:
        then = now._replace(epoch=now.epoch + 1, last_epoch=NO_EPOCH)
    elif now.epoch == NO_EPOCH or expected_epoch == now.epoch:
        then = now._replace(epoch=now.epoch + 1, last_epoch=now.epoch)
    elif expected_epoch != now.last_epoch:
        raise ProducerFenced()
    assert then is now or then.epoch < EPOCH_MAX, "a producer never gets the last epoch"
    return _at_rest(now, then, timeout_ms, now_ms)


def rotated(
    now: TransactionMetadata, producer_id: int, expects_epoch: bool, timeout_ms: int, now_ms: int
) -> TransactionMetadata:
    """As ``initialized``, when the epochs are used up: a new producer id, and its first epoch."""
    last_epoch = now.epoch if expects_epoch else NO_EPOCH
    return _at_rest(now, now._replace(producer_id=producer_id, epoch=0, last_epoch=last_epoch), timeout_ms, now_ms)


def _at_rest(now: TransactionMetadata, then: TransactionMetadata, timeout_ms: int, now_ms: int) -> TransactionMetadata:
    return _moved(
        now,
        then._replace(
            state=EMPTY,
            timeout_ms=timeout_ms,
            partitions=NO_PARTITIONS,
            started_at_ms=NOT_STARTED,
            updated_at_ms=now_ms,
        ),
    )


def added(
    now: TransactionMetadata, partitions: frozenset[TopicAndPartition], client_version: int, now_ms: int
) -> TransactionMetadata:
    """Partitions join the transaction, which begins with the first of them."""
    return _moved(
        now,
        now._replace(
            state=ONGOING,
            partitions=now.partitions | partitions,
            started_at_ms=now.started_at_ms if now.state is ONGOING else now_ms,
            updated_at_ms=now_ms,
            client_version=client_version,
        ),
    )


def decided(
    now: TransactionMetadata, is_commit: bool, client_version: int, now_ms: int, next_producer_id: int = NO_PRODUCER_ID
) -> TransactionMetadata:
    """The transaction is to be committed or aborted. By the second protocol its producer gets a new epoch for the next
    one, and with the last epoch a new id when it is complete; it alone may abort before a partition is added.
    """
    assert now.state is ONGOING or client_version >= SECOND_PROTOCOL, "there is no transaction to end"
    state = PREPARE_COMMIT if is_commit else PREPARE_ABORT
    then = now._replace(
        state=state,
        started_at_ms=now.started_at_ms if now.state is ONGOING else now_ms,
        updated_at_ms=now_ms,
        client_version=client_version,
        next_producer_id=next_producer_id,
    )
    if client_version >= SECOND_PROTOCOL:
        then = then._replace(epoch=min(now.epoch + 1, EPOCH_MAX), last_epoch=now.epoch)
    return _moved(now, then)


def completed(now: TransactionMetadata, now_ms: int) -> TransactionMetadata:
    """All partitions have their markers."""
    then = now._replace(
        state=COMPLETED[now.state], next_producer_id=NO_PRODUCER_ID, partitions=NO_PARTITIONS, updated_at_ms=now_ms
    )
    if now.client_version >= SECOND_PROTOCOL and now.next_producer_id != NO_PRODUCER_ID:
        then = then._replace(producer_id=now.next_producer_id, epoch=0)
    return _moved(now, then)
