from typing import final

from kstore.log.cleaned_transactions import CleanedTransactions
from kstore.log.offset_map import OffsetMap
from kstore.records import RecordBatch

@final
class KeyPass:
    def __init__(
        self, offsets: OffsetMap, transactions: CleanedTransactions, start_offset: int, limit_bytes: int
    ) -> None: ...
    @property
    def records_read(self) -> int: ...
    @property
    def is_full(self) -> bool: ...
    def note(self, batches: list[RecordBatch], work_bytes: int) -> int: ...
