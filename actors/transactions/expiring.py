"""Expiry: transactional ids that weren't used for long are deleted.

An id is looked at every ``transaction.remove.expired.transaction.cleanup.interval.ms``, and goes when it is at rest and
its last record is older than ``transactional.id.expiration.ms``.
"""

from collections import deque

from actors.coordinator.event import Event
from actors.transactions.appends import TransactionAppends
from actors.transactions.settings import TransactionSettings
from actors.transactions.states import AT_REST, DEAD
from actors.transactions.timers import EXPIRY, EXPIRY_GOES_ON
from actors.transactions.transaction import Transaction
from actors.transactions.transactions import Transactions

IDS_A_LOOK = 1_000
"""That are looked at before others have their turns, and so the most that one append deletes."""


class Expiring:
    """Deletes the ids of a shard that nobody uses."""

    def __init__(self, transactions: Transactions, appends: TransactionAppends, settings: TransactionSettings) -> None:
        self._transactions = transactions
        self._appends = appends
        self._settings = settings
        self._to_look_at: deque[str] = deque()
        self._is_watching = False

    def watch(self, event: Event) -> None:
        """There are ids: look at them from time to time."""
        if not self._is_watching:
            self._is_watching = True
            interval_ms = self._settings.transaction_remove_expired_transaction_cleanup_interval_ms
            event.set_timer(EXPIRY, interval_ms)

    def look(self, event: Event) -> None:
        """The time has come."""
        self._to_look_at.extend(self._transactions)
        self.go_on(event)

    def go_on(self, event: Event) -> None:
        """Look at some more of them."""
        names = [self._to_look_at.popleft() for _ in range(min(IDS_A_LOOK, len(self._to_look_at)))]
        found = [self._transactions.get(name) for name in names]
        expired = tuple([each for each in found if each is not None and self._is_expired(each, event.now_ms)])
        for transaction in expired:
            transaction.pending = DEAD
        if expired:
            self._appends.begin_tombstones(expired, event)
        if self._to_look_at:
            event.set_timer(EXPIRY_GOES_ON, 0)
            return
        self._is_watching = False
        if len(self._transactions):
            self.watch(event)

    def _is_expired(self, transaction: Transaction, now_ms: int) -> bool:
        now = transaction.metadata
        since_ms = now_ms - self._settings.transactional_id_expiration_ms
        return transaction.pending is None and now.state in AT_REST and now.updated_at_ms <= since_ms
