from collections.abc import Iterable
from typing import final

from typing_extensions import Buffer

@final
class BatchBuilder:
    def __init__(
        self,
        *,
        compression: int = 0,
        level: int | None = None,
        base_timestamp: int | None = None,
        producer_id: int = -1,
        producer_epoch: int = -1,
        base_sequence: int = -1,
        transactional: bool = False,
        control: bool = False,
        base_offset: int = 0,
        leader_epoch: int = -1,
        log_append_time: int | None = None,
    ) -> None: ...
    def append(
        self,
        timestamp: int,
        key: Buffer | None,
        value: Buffer | None,
        headers: Iterable[tuple[str, Buffer | None]] = (),
    ) -> None: ...
    @property
    def count(self) -> int: ...
    def build(self) -> bytes: ...
