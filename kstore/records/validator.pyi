from typing import final

from kstore.records.batch import RecordBatch

RECORD_ERRORS_MAX: int

@final
class ValidationResult:
    @property
    def max_timestamp(self) -> int: ...
    @property
    def offset_of_max_timestamp(self) -> int: ...
    @property
    def log_append_time(self) -> int | None: ...
    @property
    def record_bytes(self) -> int: ...
    @property
    def decompressed(self) -> bytes | None: ...

def validate_for_append(
    batch: RecordBatch,
    *,
    topic_compacted: bool = False,
    timestamp_type: int = 0,
    now_ms: int = 0,
    before_max_ms: int = ...,
    after_max_ms: int = ...,
    max_batch_bytes: int | None = None,
    max_decompressed_bytes: int = ...,
    max_record_bytes: int = ...,
    from_client: bool = True,
) -> ValidationResult: ...
