"""A topic's settings as far as its log needs them, with Apache Kafka's names, units and defaults.

Topic names have dots where ours have underscores; times and sizes that Kafka leaves without a unit in the name keep
the name it gave them, so that ``segment.bytes`` is found as ``segment_bytes``.
"""

from functools import cached_property
from typing import Any, Self, dataclass_transform

from kstore.errors.arguments import INT_MAX, LONG_MAX

CREATE_TIME = 0
LOG_APPEND_TIME = 1
AS_PRODUCED = -1  # the compression that each batch came with
EXPANSION_MAX = 32  # how many times max.message.bytes the records of a batch may take
DECOMPRESSED_BYTES_ALWAYS = 16 << 20
DECOMPRESSED_BYTES_MAX = 64 << 20  # unless max.message.bytes itself is more


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _Settings:
    """Takes its fields by keyword; what isn't given is as the class says. Immutable."""

    def __init__(self, **given: Any) -> None:
        unknown = given.keys() - type(self).__annotations__.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        self.__dict__.update(given)
        self._check(given)

    def _check(self, given: dict[str, Any]) -> None:
        """Raise ``ValueError`` for what can't be."""

    def derived(self, **changed: Any) -> Self:
        """The same, but for what has changed."""
        given = {name: value for name, value in self.__dict__.items() if name in type(self).__annotations__}
        return type(self)(**{**given, **changed})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is not changed: {name}")

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in type(self).__annotations__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())


class LogConfig(_Settings):
    """``message_timestamp_type`` is 0 for CreateTime and 1 for LogAppendTime, as in a batch's attributes, and
    ``compression_type`` the number of a codec (0: uncompressed), or -1 for the producer's own. In a log that is
    ``compacted_alone`` nothing is deleted but what a later record of the same key replaces; in one that ``deletes``
    retention holds: by ``retention_ms`` and ``retention_bytes``, each without limit if it is negative. With
    ``transaction_partition_verification_enable`` a first batch of a transaction needs a guard (``verification``).
    """

    segment_bytes: int = 1 << 30
    segment_ms: int = 7 * 24 * 3600 * 1000
    segment_jitter_ms: int = 0
    preallocate: bool = False
    segment_index_bytes: int = 10 << 20
    index_interval_bytes: int = 4096
    max_message_bytes: int = 1048588
    max_decompressed_message_bytes: int = INT_MAX - 8  # the largest array that Java makes
    message_timestamp_type: int = CREATE_TIME
    message_timestamp_before_max_ms: int = LONG_MAX
    message_timestamp_after_max_ms: int = 3600 * 1000
    flush_messages: int = LONG_MAX
    flush_ms: int = LONG_MAX
    compacted: bool = False
    compacted_alone: bool = False
    deletes: bool = True
    retention_ms: int = 7 * 24 * 3600 * 1000
    retention_bytes: int = -1
    file_delete_delay_ms: int = 60_000
    delete_retention_ms: int = 24 * 3600 * 1000
    max_compaction_lag_ms: int = LONG_MAX
    min_cleanable_dirty_ratio: float = 0.5
    min_compaction_lag_ms: int = 0
    producer_id_expiration_ms: int = 24 * 3600 * 1000
    transaction_partition_verification_enable: bool = False
    hot_tail_bytes: int = 4 << 20
    compression_type: int = AS_PRODUCED
    compression_gzip_level: int = -1
    compression_lz4_level: int = 9
    compression_zstd_level: int = 3

    def _check(self, given: dict[str, Any]) -> None:
        for name, value in given.items():
            if value < _LEAST.get(name, 1):
                raise ValueError(f"{name} can't be {value}")
        if self.segment_bytes > INT_MAX:
            raise ValueError(f"segment_bytes can't be more than {INT_MAX}: positions in an index have 31 bits")
        if self.message_timestamp_type not in (CREATE_TIME, LOG_APPEND_TIME):
            raise ValueError("message_timestamp_type is 0 (CreateTime) or 1 (LogAppendTime)")
        if self.segment_index_bytes < 12:
            raise ValueError("segment_index_bytes must have room for one entry, 12 bytes")

    @cached_property
    def max_decompressed_bytes(self) -> int:
        """The limit on the decompressed records of one appended batch: a few kilobytes can expand to any size, and
        others wait.

        >>> LogConfig(max_message_bytes=1 << 20).max_decompressed_bytes >> 20
        32
        """
        ample = max(self.max_message_bytes * EXPANSION_MAX, DECOMPRESSED_BYTES_ALWAYS)
        return min(ample, max(DECOMPRESSED_BYTES_MAX, self.max_message_bytes))

    @cached_property
    def compression_level(self) -> int | None:
        """The level at which the log's own codec compresses; None where there is no choice.

        >>> LogConfig.from_topic({"compression.type": "zstd", "compression.zstd.level": "9"}).compression_level
        9
        """
        match self.compression_type:
            case 1:
                return self.compression_gzip_level
            case 3:
                return self.compression_lz4_level
            case 4:
                return self.compression_zstd_level
        return None

    @cached_property
    def index_entries_max(self) -> int:
        """How many entries fit into an offset index."""
        return self.segment_index_bytes // 8

    @cached_property
    def time_index_entries_max(self) -> int:
        """How many entries fit into a time index."""
        return self.segment_index_bytes // 12

    @classmethod
    def from_topic(cls, settings: dict[str, str]) -> Self:
        """From a topic's settings by Kafka's names and as text; what isn't about the log is passed over.

        >>> LogConfig.from_topic({"segment.bytes": "1048576", "cleanup.policy": "compact"}).compacted
        True
        >>> LogConfig.from_topic({"preallocate": "TRUE"}).preallocate  # as Kafka reads it
        True
        """
        values: dict[str, Any] = {}
        for name in cls.__annotations__:
            text = settings.get(name.replace("_", "."), "").strip()
            if not text:
                continue
            if name == "min_cleanable_dirty_ratio":
                values[name] = float(text)
            elif name in _BOOLEANS:
                values[name] = text.lower() == "true"
            else:
                values[name] = _NUMBERS[name][text] if name in _NUMBERS else int(text)
        if "cleanup.policy" in settings:
            policies = {each.strip() for each in settings["cleanup.policy"].split(",")}
            values["compacted"], values["compacted_alone"] = "compact" in policies, policies == {"compact"}
            values["deletes"] = "delete" in policies
        return cls(**values)


_BOOLEANS = {"preallocate", "transaction_partition_verification_enable"}
_NUMBERS: dict[str, dict[str, int]] = {
    "message_timestamp_type": {"CreateTime": CREATE_TIME, "LogAppendTime": LOG_APPEND_TIME},
    "compression_type": {"producer": AS_PRODUCED, "uncompressed": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4},
}
_LEAST = {
    "compacted": 0,
    "compacted_alone": 0,
    "compression_gzip_level": -1,
    "compression_type": AS_PRODUCED,
    "compression_zstd_level": -131072,
    "delete_retention_ms": 0,
    "deletes": 0,
    "file_delete_delay_ms": 0,
    "hot_tail_bytes": 0,
    "index_interval_bytes": 0,
    "max_message_bytes": 0,
    "min_cleanable_dirty_ratio": 0,
    "min_compaction_lag_ms": 0,
    "preallocate": 0,
    "segment_jitter_ms": 0,
    "transaction_partition_verification_enable": 0,
    "message_timestamp_type": 0,
    "message_timestamp_before_max_ms": 0,
    "message_timestamp_after_max_ms": 0,
    "flush_ms": 0,
    "retention_bytes": -LONG_MAX - 1,
    "retention_ms": -1,
}
