from typing import final

from kstore.errors import KafkaError
from kstore.log.config import LogConfig
from kstore.records import RecordBatch

LARGE_BYTES: int

@final
class Prepared:
    @property
    def batch(self) -> RecordBatch: ...
    @property
    def max_timestamp(self) -> int: ...
    @property
    def log_append_time(self) -> int | None: ...

def needs_preparing(batches: list[RecordBatch], config: LogConfig) -> bool: ...
def prepared(
    batches: list[RecordBatch], config: LogConfig, now_ms: int, from_client: bool
) -> list[Prepared] | KafkaError: ...
