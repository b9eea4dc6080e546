"""One transactional id: its metadata, and what is under way with it."""

from actors.transactions.metadata import TransactionMetadata
from actors.transactions.states import AT_REST, TransactionState
from kstore.errors import ConcurrentTransactions
from kstore.log.names import TopicAndPartition


class Transaction:
    """``metadata`` is what the log has, once ``is_written``. One thing at a time is under way: while ``pending`` is
    set, to the state that it leads to, a request that would change something is told to come again, or waits
    (``adding.py``).

    ``unmarked`` are the partitions whose markers aren't written yet; None unless a transaction is being completed.
    ``has_failed_fence``: the epoch here is ahead of the log's, as an append that was to fence the producer failed.
    """

    __slots__ = ("has_failed_fence", "is_written", "metadata", "pending", "transactional_id", "unmarked")

    def __init__(self, transactional_id: str, metadata: TransactionMetadata) -> None:
        self.transactional_id = transactional_id
        self.metadata = metadata
        self.pending: TransactionState | None = None
        self.unmarked: set[TopicAndPartition] | None = None
        self.has_failed_fence = False
        self.is_written = False

    @property
    def partitions(self) -> frozenset[TopicAndPartition] | set[TopicAndPartition]:
        """The partitions of the transaction; while it is being completed, those that wait for their markers."""
        return self.metadata.partitions if self.unmarked is None else self.unmarked

    def check_free(self) -> None:
        """Raise ConcurrentTransactions while something is under way."""
        if self.pending is not None:
            raise ConcurrentTransactions()

    def check(self) -> None:
        """Assert what the class promises."""
        assert self.is_written or self.pending is not None, "what isn't in the log is on its way there"
        assert self.unmarked is None or self.unmarked <= self.metadata.partitions
        assert not (self.metadata.partitions and self.metadata.state in AT_REST), "nothing is in a transaction at rest"
