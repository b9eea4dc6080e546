from typing import final

from kstore.log.cleaned_transactions import CleanedTransactions
from kstore.log.offset_map import OffsetMap
from kstore.records import RecordBatch

@final
class CopyPass:
    last_of_producers: dict[int, tuple[int, int]]
    high_watermark: int

    def __init__(
        self,
        offsets: OffsetMap,
        transactions: CleanedTransactions,
        *,
        now_ms: int,
        delete_retention_ms: int,
        limit_bytes: int,
    ) -> None: ...
    @property
    def records_read(self) -> int: ...
    @property
    def records_kept(self) -> int: ...
    @property
    def records_without_key(self) -> int: ...
    def retained(self, batches: list[RecordBatch], work_bytes: int) -> tuple[int, list[RecordBatch], int]: ...
