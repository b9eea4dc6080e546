from collections.abc import Sequence
from typing import final

from kstore.errors import KafkaError
from kstore.log.answers import AppendInfo
from kstore.log.log import Log
from kstore.log.preparing import Prepared
from kstore.log.verification import AppendOptions
from kstore.records import RecordBatch

@final
class Write:
    def __init__(self, log: Log, now_ms: int, *, keep_hot: bool) -> None: ...
    @property
    def now_ms(self) -> int: ...

@final
class LeaderAppend:
    def __init__(self, log: Log, leader_epoch: int, now_ms: int, from_client: bool) -> None: ...
    def run(
        self,
        groups: Sequence[Sequence[RecordBatch] | Sequence[Prepared]],
        options: Sequence[AppendOptions | None] | None,
    ) -> list[AppendInfo | KafkaError]: ...

@final
class FollowerAppend:
    def __init__(self, log: Log, now_ms: int) -> None: ...
    def run(self, batches: Sequence[RecordBatch], verify: bool) -> None: ...
