"""A partition's log in Apache Kafka's own format: segments, indexes, leader epochs, producer state, checkpoints.

``Log`` puts them together. It knows no clock (``now_ms`` comes in) and no thread: what may be slow is handed out as
``DiskWork``.
"""

from kstore.log.answers import AppendInfo, DiskWork, LogRead, TimestampedOffset
from kstore.log.config import LogConfig
from kstore.log.damage import LogDamaged
from kstore.log.log import Log

__all__ = ["AppendInfo", "DiskWork", "Log", "LogConfig", "LogDamaged", "LogRead", "TimestampedOffset"]
