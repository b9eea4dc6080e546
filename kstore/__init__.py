"""kstore: a real Kafka cluster inside a Python process, and clients for any Kafka.

What a user imports stands here, and is loaded when it is first asked for: ``import kstore`` itself costs next to
nothing, and no name costs more than what it needs.

>>> from kstore import TopicPartition
>>> TopicPartition("orders", 0)
TopicPartition(topic='orders', partition=0)
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # type checkers take it for True; ``typing`` has it too, and takes milliseconds to load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.clients.admin import Admin as Admin
    from actors.clients.admin.descriptions import AbortTransactionSpec as AbortTransactionSpec
    from actors.clients.admin.descriptions import ConfigResource as ConfigResource
    from actors.clients.admin.descriptions import MemberToRemove as MemberToRemove
    from actors.clients.admin.descriptions import OffsetSpec as OffsetSpec
    from actors.clients.admin.descriptions import OffsetTimestamp as OffsetTimestamp
    from actors.clients.consumer.consumer import Consumer as Consumer
    from actors.clients.consumer.records import ConsumerRecord as ConsumerRecord
    from actors.clients.errors import BufferExhausted as BufferExhausted
    from actors.clients.errors import ClientClosed as ClientClosed
    from actors.clients.errors import ClientError as ClientError
    from actors.clients.errors import CommitFailed as CommitFailed
    from actors.clients.errors import KafkaTimeout as KafkaTimeout
    from actors.clients.errors import LogTruncated as LogTruncated
    from actors.clients.errors import NoBrokersAvailable as NoBrokersAvailable
    from actors.clients.errors import NoOffsetForPartition as NoOffsetForPartition
    from actors.clients.errors import SerializationFailed as SerializationFailed
    from actors.clients.errors import SeveralFailed as SeveralFailed
    from actors.clients.errors import TransactionAborted as TransactionAborted
    from actors.clients.errors import UnexpectedConcurrency as UnexpectedConcurrency
    from actors.clients.errors import WokenUp as WokenUp
    from actors.clients.producer.producer import Producer as Producer
    from actors.clients.structs import ConsumerRebalanceListener as ConsumerRebalanceListener
    from actors.clients.structs import GroupMetadata as GroupMetadata
    from actors.clients.structs import NewPartitions as NewPartitions
    from actors.clients.structs import NewTopic as NewTopic
    from actors.clients.structs import OffsetAndMetadata as OffsetAndMetadata
    from actors.clients.structs import OffsetAndTimestamp as OffsetAndTimestamp
    from actors.clients.structs import RecordMetadata as RecordMetadata
    from actors.clients.structs import SentRange as SentRange
    from actors.clients.structs import SubscriptionPattern as SubscriptionPattern
    from actors.clients.structs import TopicPartition as TopicPartition
    from actors.cluster import Cluster as Cluster
    from actors.cluster.nodes import StartError as StartError
    from actors.runtime.driver import ForkedError as ForkedError
    from actors.runtime.driver import NodeCrashed as NodeCrashed
    from actors.runtime.driver import SimulationStalled as SimulationStalled
    from actors.runtime.failures import FailureWarning as FailureWarning
    from actors.trace import Trace as Trace
    from kstore.errors.config import ConfigError as ConfigError
    from kstore.errors.config import NoEffectWarning as NoEffectWarning

HOMES = {
    "AbortTransactionSpec": "actors.clients.admin.descriptions",
    "Admin": "actors.clients.admin",
    "BufferExhausted": "actors.clients.errors",
    "ClientClosed": "actors.clients.errors",
    "ClientError": "actors.clients.errors",
    "Cluster": "actors.cluster",
    "CommitFailed": "actors.clients.errors",
    "ConfigError": "kstore.errors.config",
    "ConfigResource": "actors.clients.admin.descriptions",
    "Consumer": "actors.clients.consumer.consumer",
    "ConsumerRebalanceListener": "actors.clients.structs",
    "ConsumerRecord": "actors.clients.consumer.records",
    "FailureWarning": "actors.runtime.failures",
    "ForkedError": "actors.runtime.driver",
    "GroupMetadata": "actors.clients.structs",
    "KafkaTimeout": "actors.clients.errors",
    "LogTruncated": "actors.clients.errors",
    "MemberToRemove": "actors.clients.admin.descriptions",
    "NewPartitions": "actors.clients.structs",
    "NewTopic": "actors.clients.structs",
    "NoBrokersAvailable": "actors.clients.errors",
    "NoEffectWarning": "kstore.errors.config",
    "NoOffsetForPartition": "actors.clients.errors",
    "NodeCrashed": "actors.runtime.driver",
    "OffsetAndMetadata": "actors.clients.structs",
    "OffsetAndTimestamp": "actors.clients.structs",
    "OffsetSpec": "actors.clients.admin.descriptions",
    "OffsetTimestamp": "actors.clients.admin.descriptions",
    "Producer": "actors.clients.producer.producer",
    "RecordMetadata": "actors.clients.structs",
    "SentRange": "actors.clients.structs",
    "SerializationFailed": "actors.clients.errors",
    "SeveralFailed": "actors.clients.errors",
    "SimulationStalled": "actors.runtime.driver",
    "StartError": "actors.cluster.nodes",
    "SubscriptionPattern": "actors.clients.structs",
    "TopicPartition": "actors.clients.structs",
    "Trace": "actors.trace",
    "TransactionAborted": "actors.clients.errors",
    "UnexpectedConcurrency": "actors.clients.errors",
    "WokenUp": "actors.clients.errors",
}
"""Where each name lives."""

__all__ = sorted(HOMES)


if not TYPE_CHECKING:  # type checkers would take any name for there

    def __getattr__(name: str) -> object:
        from importlib import import_module

        home = HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(home), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})


class Uncompiled:
    """The last finder of modules: what is ours and wasn't found may only have to be compiled."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, _target: object = None, /) -> None:
        """Raise an ``ImportError`` that says what to do, or leave it to Python to say that there is no such module."""
        if path is not None and name.startswith(("kstore.", "actors.")):
            from kstore.errors.uncompiled import refuse

            refuse(name, path)


sys.meta_path.append(Uncompiled)

if os.path.exists(os.path.join(os.path.dirname(os.path.dirname(__file__)), "setup.py")):
    from kstore import checkout as checkout  # there compiled files may not be of their sources any more
