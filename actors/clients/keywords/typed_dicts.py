"""The keywords of the clients as type checkers and editors see them; never loaded at run time.

Generated from the table by ``python tests/clients/keyword_documents.py``, but for this head. Which keyword is
refused, and why, is told at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

Codec = Any
"""A callable, or an object with ``serialize`` or ``deserialize``; None for bytes as they are."""


class ClientKeywords(TypedDict, total=False):
    """What the three clients have in common."""

    client_dns_lookup: str
    client_id: str | None
    connections_max_idle_ms: int
    metadata_cluster_check_enable: bool
    metadata_max_age_ms: int
    reconnect_backoff_max_ms: int
    reconnect_backoff_ms: int
    request_timeout_ms: int
    retry_backoff_max_ms: int
    retry_backoff_ms: int
    security_protocol: str
    socket_connection_setup_timeout_ms: int


class ProducerKeywords(ClientKeywords, total=False):
    """The keywords of a Producer."""

    acks: int | str
    allow_auto_create_topics: bool
    batch_size: int
    buffer_memory: int
    compression_type: str | None
    delivery_timeout_ms: int
    enable_idempotence: bool
    key_serializer: Codec
    linger_ms: int
    max_block_ms: int
    max_in_flight_requests_per_connection: int
    max_request_size: int
    metadata_max_idle_ms: int
    partitioner: Callable[..., int] | str | None
    partitioner_adaptive_partitioning_enable: bool
    partitioner_availability_timeout_ms: int
    partitioner_ignore_keys: bool
    retries: float
    transaction_timeout_ms: int
    transactional_id: str | None
    value_serializer: Codec


class ConsumerKeywords(ClientKeywords, total=False):
    """The keywords of a Consumer."""

    allow_auto_create_topics: bool
    auto_commit_interval_ms: int
    auto_offset_reset: str
    check_crcs: bool
    client_rack: str | None
    consumer_timeout_ms: float
    default_api_timeout_ms: int
    default_offset_commit_callback: Callable[..., object] | None
    enable_auto_commit: bool
    enable_incremental_fetch_sessions: bool
    exclude_internal_topics: bool
    fetch_max_bytes: int
    fetch_max_wait_ms: int
    fetch_min_bytes: int
    group_id: str | None
    group_instance_id: str | None
    group_protocol: str
    group_remote_assignor: str | None
    heartbeat_interval_ms: int
    isolation_level: str
    key_deserializer: Codec
    max_partition_fetch_bytes: int
    max_poll_interval_ms: int
    max_poll_records: int
    partition_assignment_strategy: Any
    session_timeout_ms: int
    value_deserializer: Codec


class AdminKeywords(ClientKeywords, total=False):
    """The keywords of an Admin."""

    default_api_timeout_ms: int
    retries: float
