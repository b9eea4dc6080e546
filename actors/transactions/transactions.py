"""The transactional ids of a shard, and which of them have a transaction that may time out."""

from collections.abc import Callable, Iterator

from actors.transactions.records import TransactionRecord
from actors.transactions.states import ONGOING
from actors.transactions.transaction import Transaction


class Transactions:
    """By id, in the order in which they came. ``ongoing`` are those in state Ongoing, the longest first."""

    def __init__(self) -> None:
        self._transactions: dict[str, Transaction] = {}
        self.ongoing: dict[str, None] = {}
        self.get: Callable[[str], Transaction | None] = self._transactions.get

    def __len__(self) -> int:
        return len(self._transactions)

    def __iter__(self) -> Iterator[str]:
        return iter(self._transactions)

    def __getitem__(self, transactional_id: str) -> Transaction:
        return self._transactions[transactional_id]

    def values(self) -> list[Transaction]:
        """All transactional ids with their transactions."""
        return list(self._transactions.values())

    def admit(self, transaction: Transaction) -> None:
        """One that isn't in the log yet."""
        assert transaction.transactional_id not in self._transactions, "it is there already"
        self._transactions[transaction.transactional_id] = transaction

    def forget(self, transactional_id: str) -> None:
        """Remove a transactional id."""
        self._transactions.pop(transactional_id, None)
        self.ongoing.pop(transactional_id, None)

    def apply(self, record: TransactionRecord) -> None:
        """Take a record that is committed in the log: nothing is under way with its id after that."""
        name, metadata = record
        if metadata is None:
            self.forget(name)
            return
        transaction = self._transactions.get(name)
        if transaction is None:
            transaction = self._transactions[name] = Transaction(name, metadata)
        transaction.metadata = metadata
        transaction.pending = transaction.unmarked = None
        transaction.is_written = True
        if metadata.state is ONGOING:
            self.ongoing.setdefault(name)
        else:
            self.ongoing.pop(name, None)

    def check(self) -> None:
        """Assert what the file promises."""
        for transaction in self._transactions.values():
            transaction.check()
        ongoing = {name for name, each in self._transactions.items() if each.metadata.state is ONGOING}
        assert self.ongoing.keys() == ongoing
