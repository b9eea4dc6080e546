"""The transactions that compaction meets in a log: which were aborted, and whose markers have done their work.

Apache Kafka's ``CleanedTransactionMetadata``. Batches are looked at in the order of the log. A transaction of which a
batch was met, if only its header, needs its marker: readers wait for a commit, and leave out up to an abort. Where none
was met, an earlier cleaning has removed them all, and the marker may go once its delete horizon has passed.
"""

from collections.abc import Iterable
from heapq import heappop, heappush

from kstore.log.answers import AbortedTransaction
from kstore.records import ControlType, RecordBatch, control_type


class CleanedTransactions:
    """Those of one pass over a log. ``retained`` are the aborted transactions whose markers stay, in order: the new
    segment's transaction index. Who writes that takes them from there.
    """

    __slots__ = ("_aborted", "_coming", "_committed", "retained")

    def __init__(self) -> None:
        self._committed: set[int] = set()
        self._aborted: dict[int, tuple[AbortedTransaction, bool]] = {}
        self._coming: list[tuple[int, AbortedTransaction]] = []
        self.retained: list[AbortedTransaction] = []

    def found(self, aborted: Iterable[AbortedTransaction]) -> None:
        """The aborted transactions of the part of the log that comes next; some may have been told before."""
        for each in aborted:
            heappush(self._coming, (each.first_offset, each))

    def _begun(self, up_to: int) -> None:
        while self._coming and self._coming[0][0] <= up_to:
            _, aborted = heappop(self._coming)
            self._aborted.setdefault(aborted.producer_id, (aborted, False))

    def is_aborted(self, batch: RecordBatch) -> bool:
        """Whether a batch in a transaction, which comes next, belongs to one that was aborted."""
        self._begun(batch.last_offset)
        found = self._aborted.get(batch.producer_id)
        if found is None:
            self._committed.add(batch.producer_id)
            return False
        self._aborted[batch.producer_id] = (found[0], True)
        return True

    def ended(self, batch: RecordBatch) -> bool:
        """Whether a control batch, which comes next, is a marker that no record needs any more."""
        self._begun(batch.last_offset)
        records = batch.records()
        if not records:
            return True  # as an earlier cleaning left it
        match control_type(records[0]):
            case ControlType.ABORT:
                aborted, was_met = self._aborted.pop(batch.producer_id, (None, False))
                if aborted is not None and was_met:
                    self.retained.append(aborted)
                return not was_met
            case ControlType.COMMIT:
                was_met = batch.producer_id in self._committed
                self._committed.discard(batch.producer_id)
                return not was_met
        return False
