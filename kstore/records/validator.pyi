from typing import NamedTuple, final

from kstore.errors import KafkaError
from kstore.records.batch import RecordBatch

class ValidationResult(NamedTuple):
    max_timestamp: int
    offset_of_max_timestamp: int
    log_append_time: int | None
    decompressed_bytes: int

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
    from_client: bool = True,
) -> ValidationResult: ...
