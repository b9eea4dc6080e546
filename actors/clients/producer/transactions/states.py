"""The states of a transactional producer, and what moves it from one to the next: Java's ``TransactionManager``'s.

UNINITIALIZED    made, not more: ``init_transactions()`` comes first
INITIALIZING     InitProducerId is under way: for the first id and epoch, or, by the classic protocol, for the epoch
                 after an abort that had to be bumped (KIP-360)
READY            between transactions
IN_TRANSACTION   records and offsets are taken
COMMITTING       what was sent is being acknowledged; then EndTxn
ABORTING         what is under way is waited for, the rest dropped; then EndTxn
ABORTABLE_ERROR  the transaction can't be committed any more, only aborted
FATAL_ERROR      the producer can't be used any more, only closed
"""

from __future__ import annotations

UNINITIALIZED = "uninitialized"
INITIALIZING = "initializing"
READY = "ready"
IN_TRANSACTION = "in a transaction"
COMMITTING = "committing"
ABORTING = "aborting"
ABORTABLE_ERROR = "abortable error"
FATAL_ERROR = "fatal error"
STATES = (
    UNINITIALIZED,
    INITIALIZING,
    READY,
    IN_TRANSACTION,
    COMMITTING,
    ABORTING,
    ABORTABLE_ERROR,
    FATAL_ERROR,
)
UNDER_WAY = (INITIALIZING, COMMITTING, ABORTING)
"""While coordinators are asked, and the user's call waits."""

TRANSITIONS: dict[str, dict[str, str]] = {
    "initializes": {UNINITIALIZED: INITIALIZING},
    "is initialized": {INITIALIZING: READY},
    "begins": {READY: IN_TRANSACTION},
    "commits": {IN_TRANSACTION: COMMITTING},
    "aborts": {IN_TRANSACTION: ABORTING, ABORTABLE_ERROR: ABORTING},
    "has ended": {COMMITTING: READY, ABORTING: READY},
    "bumps its epoch": {ABORTING: INITIALIZING},
    "must abort": {
        INITIALIZING: ABORTABLE_ERROR,
        IN_TRANSACTION: ABORTABLE_ERROR,
        COMMITTING: ABORTABLE_ERROR,
        ABORTABLE_ERROR: ABORTABLE_ERROR,
    },
    "is lost": dict.fromkeys(STATES, FATAL_ERROR),
}
"""By what happens: the states in which it may, and which one follows."""
