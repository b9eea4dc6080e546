"""The errors that a client raises by itself, beside those that brokers answer with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kstore.errors import ErrorCategory, KafkaError


class ClientError(KafkaError):
    """An error that no broker answered with; its code is -1, as nothing of it goes over the wire."""

    code = -1
    name = "CLIENT_ERROR"


class KafkaTimeout(ClientError, TimeoutError):
    """It didn't happen in time; whether it will is not known."""

    name = "TIMEOUT"
    category = ErrorCategory.RETRIABLE


class BufferExhausted(KafkaTimeout):
    """The producer's ``buffer_memory`` was full for ``max_block_ms``: the record was not taken."""

    name = "BUFFER_EXHAUSTED"


class NoBrokersAvailable(ClientError):
    """None of the bootstrap servers could be reached."""

    name = "NO_BROKERS_AVAILABLE"
    category = ErrorCategory.RETRIABLE


class ClientClosed(ClientError):
    """The client was closed before, or its cluster was."""

    name = "CLIENT_CLOSED"


class CommitFailed(ClientError):
    """The group has gone on without this consumer: others may repeat what it did since its last commit."""

    name = "COMMIT_FAILED"


class NoOffsetForPartition(ClientError):
    """No offset was committed for a partition, and ``auto_offset_reset`` is "none"."""

    name = "NO_OFFSET_FOR_PARTITION"


class LogTruncated(ClientError):
    """Records that the consumer has read are gone (KIP-320), and ``auto_offset_reset`` is "none"."""

    name = "LOG_TRUNCATED"


class TransactionAborted(ClientError):
    """The record was in a transaction that was aborted before the record was sent."""

    name = "TRANSACTION_ABORTED"


class WokenUp(ClientError):
    """``wakeup()`` was called from another thread."""

    name = "WOKEN_UP"


class SerializationFailed(ClientError):
    """A serializer or deserializer raised; its exception is the cause."""

    name = "SERIALIZATION_FAILED"


class UnexpectedConcurrency(ClientError, RuntimeError):
    """Two threads used one consumer at once."""

    name = "UNEXPECTED_CONCURRENCY"


class SeveralFailed(ClientError):
    """An admin's call was about several things, and not all of them worked out.

    ``errors`` has what went wrong by what it is about (a topic's name, a partition, a group, ...), ``results`` what
    the call would have returned of the others. A call about one thing raises that thing's own error instead.
    """

    name = "SEVERAL_FAILED"

    def __init__(self, errors: Mapping[Any, KafkaError], results: Mapping[Any, Any]) -> None:
        told = "; ".join(f"{thing}: {error.name} {error.message}" for thing, error in errors.items())
        super().__init__(f"{len(errors)} of {len(errors) + len(results)} failed: {told}")
        self.errors = dict(errors)
        self.results = dict(results)
