from collections.abc import Callable, Collection, Iterable
from typing import Any, final

import numpy as np

from actors.clients.consumer.deserializing import Deserialize
from actors.clients.structs import TopicPartition
from kstore.records.batch import RecordBatch

_Int64 = np.ndarray[Any, np.dtype[np.int64]]
_UInt8 = np.ndarray[Any, np.dtype[np.uint8]]

CREATE_TIME: int
DECOMPRESSED_BYTES_MAX: int

@final
class ConsumerRecord:
    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: Any
    value: Any
    headers: tuple[tuple[str, bytes | None], ...]
    leader_epoch: int
    serialized_key_size: int
    serialized_value_size: int
    def __init__(
        self,
        topic: str,
        partition: int,
        offset: int,
        *,
        timestamp: int = -1,
        timestamp_type: int = ...,
        key: Any = None,
        value: Any = None,
        headers: Iterable[tuple[str, bytes | None]] = (),
        leader_epoch: int = -1,
        serialized_key_size: int = -1,
        serialized_value_size: int = -1,
    ) -> None: ...
    def _fields(self) -> tuple[Any, ...]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class PartitionRecords:
    partition: TopicPartition
    next_offset: int
    leader_epoch: int
    stuck: bool
    def __init__(
        self,
        partition: TopicPartition,
        batches: list[RecordBatch],
        offset: int,
        *,
        check_crcs: bool = True,
        key_deserializer: Callable[[bytes], Any] | Deserialize | None = None,
        value_deserializer: Callable[[bytes], Any] | Deserialize | None = None,
        aborted: Collection[int] | None = None,
        limit_bytes: int = ...,
    ) -> None: ...
    def take(self, max_records: int) -> list[ConsumerRecord]: ...
    def corrupt(self, batch: RecordBatch, why: str) -> Exception: ...
    def room(self, max_records: int) -> tuple[int, int]: ...
    def fill(
        self,
        offsets: _Int64,
        timestamps: _Int64,
        key_data: _UInt8,
        key_ends: _Int64,
        key_nulls: _UInt8,
        value_data: _UInt8,
        value_ends: _Int64,
        value_nulls: _UInt8,
    ) -> int: ...
