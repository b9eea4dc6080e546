"""One reader of the product, as the fuzzer sees it: what it reads, sound bytes to spoil, and what it may cost.

``read`` raises one of ``REFUSALS`` or reads something. What it raises otherwise is a fault, and so is memory beyond
``memory_bytes_max``, or time beyond what the campaign allows.
"""

from __future__ import annotations

from collections.abc import Callable

from kstore.errors import KafkaError
from kstore.log.checkpoints import CheckpointError
from kstore.log.indexes import IndexFileError
from kstore.log.snapshot import SnapshotError
from kstore.named import NamedTuple

REFUSALS = (KafkaError, CheckpointError, IndexFileError, SnapshotError)
LIMIT_BYTES = 1 << 16
"""What compressed data may come to, as readers are told."""

MEMORY_BYTES_MAX = 256 * 1024


def unchanged(data: bytes) -> bytes:
    """For a format without a checksum."""
    return data


class Reader(NamedTuple):
    """``fit`` makes the checksums right again, so that what lies behind them is reached."""

    name: str
    read: Callable[[bytes], None]
    sound: tuple[bytes, ...]
    fit: Callable[[bytes], bytes] = unchanged
    weight: int = 10
    memory_bytes_max: int = MEMORY_BYTES_MAX
    """Beside a hundred times the size of the input."""
