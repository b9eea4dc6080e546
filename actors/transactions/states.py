"""The states of a transactional id, and the moves between them: ``TransactionState`` of Apache Kafka 4.4.

    Empty --a partition is added--> Ongoing --EndTxn--> PrepareCommit --all markers are written--> CompleteCommit
      ^                              ^   |                                                             |
      |                              |   +--EndTxn, timeout, fence--> PrepareAbort --markers--> CompleteAbort
      +-----InitProducerId-----------+---------------------------------------------------------------- +

A producer of the second protocol (KIP-890) may abort without having added anything: Empty, CompleteCommit and
CompleteAbort lead to PrepareAbort as well. PrepareEpochFence stands between Ongoing and PrepareAbort while a producer
is being fenced, and is in no record. An id that nobody has used for long goes from a state of rest to Dead, which is in
no record either: a tombstone is.
"""

from enum import Enum


class TransactionState(Enum):
    """Named as Kafka's answers name it."""

    EMPTY = "Empty"
    ONGOING = "Ongoing"
    PREPARE_COMMIT = "PrepareCommit"
    PREPARE_ABORT = "PrepareAbort"
    COMPLETE_COMMIT = "CompleteCommit"
    COMPLETE_ABORT = "CompleteAbort"
    DEAD = "Dead"
    PREPARE_EPOCH_FENCE = "PrepareEpochFence"


EMPTY = TransactionState.EMPTY
ONGOING = TransactionState.ONGOING
PREPARE_COMMIT = TransactionState.PREPARE_COMMIT
PREPARE_ABORT = TransactionState.PREPARE_ABORT
COMPLETE_COMMIT = TransactionState.COMPLETE_COMMIT
COMPLETE_ABORT = TransactionState.COMPLETE_ABORT
DEAD = TransactionState.DEAD
PREPARE_EPOCH_FENCE = TransactionState.PREPARE_EPOCH_FENCE

AT_REST = frozenset({EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT})
"""Without a transaction under way: InitProducerId is answered, and the id may expire."""

PREVIOUS_STATES: dict[TransactionState, frozenset[TransactionState]] = {
    EMPTY: AT_REST,
    ONGOING: AT_REST | {ONGOING},
    PREPARE_COMMIT: frozenset({ONGOING}),
    PREPARE_ABORT: AT_REST | {ONGOING, PREPARE_EPOCH_FENCE},
    COMPLETE_COMMIT: frozenset({PREPARE_COMMIT}),
    COMPLETE_ABORT: frozenset({PREPARE_ABORT}),
    DEAD: AT_REST,
    PREPARE_EPOCH_FENCE: frozenset({ONGOING}),
}
"""From which states each is entered."""

COMPLETED = {PREPARE_COMMIT: COMPLETE_COMMIT, PREPARE_ABORT: COMPLETE_ABORT}
"""What a decision becomes once its markers are written."""

CODES = {state: code for code, state in enumerate(TransactionState)}
"""Their numbers in records."""

BY_CODE = {code: state for state, code in CODES.items()}
BY_NAME = {state.value: state for state in TransactionState}
