"""The table of keywords of Producer, Consumer and Admin: kafka-python's names, Apache Kafka 4.4's defaults and bounds.

A row is a keyword's default, the rule for its value, what it means, and what it asks of others. The configs of clients,
their errors, the types that type checkers see (``typed_dicts``) and the reference page follow from the rows;
``python tests/clients/keyword_documents.py`` writes the last two.

Nothing is accepted without effect: what has no row is refused, with the reason that stands here for the keywords of
kafka-python and for the keys of Apache Kafka's Java client, or with the nearest keyword that works. Times are in
milliseconds, sizes in bytes.
"""

from __future__ import annotations

import math

from actors.clients.keywords.config import Config, keyword
from actors.clients.keywords.rules import (
    INT_MS,
    LONG_MS,
    SIZE,
    acks_number,
    assignors,
    at_least,
    below,
    boolean,
    choice,
    codec_or_none,
    compression,
    function_or_none,
    idempotence,
    integer,
    maybe_empty_or_none,
    ms,
    ms_or_infinity,
    not_with_consumer_protocol,
    offset_reset,
    only_of_consumer_protocol,
    only_with,
    partitioner_or_none,
    retry_count,
    text_or_none,
)
from kstore.errors.arguments import INT_MAX, LONG_MAX

ASSIGNORS: tuple[object, ...] = ("range", "cooperative-sticky")
PLAIN = choice(("PLAINTEXT",), ("SSL", "SASL_PLAINTEXT", "SASL_SSL"), any_case=True)
ALL_IPS = choice(("use_all_dns_ips",), ("resolve_canonical_bootstrap_servers_only",))


class ClientConfig(Config):
    """What the three clients have in common."""

    client_dns_lookup = keyword("use_all_dns_ips", ALL_IPS)
    """``use_all_dns_ips``: all addresses of a name are tried."""
    client_id = keyword("", maybe_empty_or_none, takes="str | None")
    """What the client calls itself; ``producer-1`` and the like unless given."""
    connections_max_idle_ms = keyword(540_000, ms(-1, LONG_MAX))
    """An idle connection is closed after so long."""
    metadata_cluster_check_enable = keyword(True, boolean)
    """Whether brokers refuse a connection that is meant for another node; clients bootstrap anew then (KIP-1242)."""
    metadata_max_age_ms = keyword(300_000, LONG_MS)
    """Topics and leaders are asked for again after so long."""
    reconnect_backoff_max_ms = keyword(1_000, LONG_MS)
    """What ``reconnect_backoff_ms`` grows to."""
    reconnect_backoff_ms = keyword(50, LONG_MS)
    """How long to wait before connecting again; doubles with every failure."""
    request_timeout_ms = keyword(30_000, INT_MS)
    """How long one request waits for its answer."""
    retry_backoff_max_ms = keyword(1_000, LONG_MS)
    """What ``retry_backoff_ms`` grows to."""
    retry_backoff_ms = keyword(100, LONG_MS)
    """How long to wait before trying again; doubles, with 20 % of jitter (KIP-580)."""
    security_protocol = keyword("PLAINTEXT", PLAIN)
    """How brokers are spoken to; TLS and SASL are not implemented yet."""
    socket_connection_setup_timeout_ms = keyword(10_000, LONG_MS)
    """How long a connection may take to be made."""

    refused = {"internal_throw_on_fetch_stable_offset_unsupported": "is internal to the Java client"}
    meaningless = {
        "api_version": "the version of each request is agreed with each broker by ApiVersions",
        "bootstrap_resolve_timeout_ms": "each call has its own time limit, in which it looks up names",
        "bootstrap_timeout_ms": "each call has its own time limit, in which it looks for the brokers",
        "buffer_memory_allocation_strategy": "memory is taken as the records of a batch come",
        "config_providers": "keywords are values, nothing in them is looked up",
        "kafka_client": "the client is an actor with a network of its own",
        "metric_group_prefix": "the metrics it prefixes are kafka-python's",
        "selector": "who waits for sockets is the driver",
        "socket_options": "sockets send at once, and in a cluster's process there are none",
    }
    later = """
        auto_include_jmx_reporter bootstrap_controllers compression_gzip_level compression_lz4_level
        compression_zstd_level enable_metrics_push interceptor_classes
        metadata_recovery_rebootstrap_trigger_ms metadata_recovery_strategy metric_reporters metrics_enabled
        metrics_num_samples metrics_recording_level metrics_sample_window_ms partitioner_rack_aware proxy_url
        receive_buffer_bytes receive_message_max_bytes sasl_* security_providers send_buffer_bytes
        share_acknowledgement_mode share_acquire_mode socket_connection_setup_timeout_max_ms socks5_proxy ssl_*
        transaction_two_phase_commit_enable
    """


class ProducerConfig(ClientConfig):
    """The keywords of a Producer. ``acks`` is -1 for "all", ``compression_type`` "none" for None."""

    client = "a producer"

    acks = keyword(-1, acks_number, takes="int | str")
    """Who has a record when it counts as sent: 0 nobody, 1 the leader, ``"all"`` (-1) the in-sync replicas."""
    allow_auto_create_topics = keyword(True, boolean, java=None)
    """Whether an unknown topic is made, if the broker allows it."""
    batch_size = keyword(16_384, SIZE)
    """The bytes of a batch; a full one is sent at once."""
    buffer_memory = keyword(33_554_432, integer(0, LONG_MAX, "bytes"))
    """The bytes of all batches that aren't acknowledged."""
    compression_type = keyword("none", compression, takes="str | None")
    """How batches are compressed; ``None`` is ``"none"``."""
    delivery_timeout_ms = keyword(120_000, INT_MS, at_least("linger_ms", "request_timeout_ms"))
    """How long a record may take, with its retries."""
    enable_idempotence = keyword(True, boolean, idempotence)
    """Whether batches are numbered, so that brokers store each once and in order."""
    key_serializer = keyword(None, codec_or_none, takes="Codec")
    """A function from a key to bytes, or an object with ``serialize(topic, headers, data)``."""
    linger_ms = keyword(5, LONG_MS)
    """How long a batch waits for more records, unless a caller waits for it."""
    max_block_ms = keyword(60_000, LONG_MS)
    """How long ``send`` waits for memory or for a topic to be known."""
    max_in_flight_requests_per_connection = keyword(5, integer(1))
    """How many requests are under way to a broker at once."""
    max_request_size = keyword(1_048_576, SIZE)
    """The bytes of a request, and so of a record."""
    metadata_max_idle_ms = keyword(300_000, ms(5_000, LONG_MAX))
    """A topic that nothing was sent to for so long is forgotten until something is."""
    partitioner = keyword(None, partitioner_or_none, java="partitioner.class")
    """``None``: by key, else sticky; ``"round_robin"``; or ``f(key, all_partitions, available_partitions)``."""
    partitioner_adaptive_partitioning_enable = keyword(True, boolean)
    """Whether partitions with shorter queues get more of the records without a key (KIP-794)."""
    partitioner_availability_timeout_ms = keyword(0, LONG_MS)
    """A broker that takes nothing for so long gets no records without a key; 0: never."""
    partitioner_ignore_keys = keyword(False, boolean)
    """Whether records with a key are spread as those without one."""
    retries = keyword(INT_MAX, retry_count, takes="float")
    """How often a batch is sent again within ``delivery_timeout_ms``."""
    transaction_timeout_ms = keyword(60_000, INT_MS)
    """How long a transaction may be open before brokers abort it; at most their ``transaction.max.timeout.ms``."""
    transactional_id = keyword(None, text_or_none)
    """Whose transactions they are; another producer of the same id fences this one. ``None``: none."""
    value_serializer = keyword(None, codec_or_none, takes="Codec")
    """As ``key_serializer``, for values."""

    refused = ClientConfig.refused | {
        "client_rack": "is a consumer's: a producer that looks at racks is not implemented yet"
    }


class ConsumerConfig(ClientConfig):
    """The keywords of a Consumer."""

    client = "a consumer"

    allow_auto_create_topics = keyword(True, boolean)
    """Whether an unknown topic is made, if the broker allows it."""
    auto_commit_interval_ms = keyword(5_000, INT_MS)
    """How often it commits by itself."""
    auto_offset_reset = keyword("latest", offset_reset)
    """Where to begin without a committed offset; ``"none"`` is an error."""
    check_crcs = keyword(True, boolean)
    """Whether checksums are checked."""
    client_rack = keyword("", maybe_empty_or_none, takes="str | None")
    """Where the consumer is, to read from a follower near by (KIP-392)."""
    consumer_timeout_ms = keyword(math.inf, ms_or_infinity, java=None)
    """How long iteration waits for a record before it ends; infinity: for ever."""
    default_api_timeout_ms = keyword(60_000, INT_MS)
    """How long a call may take, with its retries."""
    default_offset_commit_callback = keyword(None, function_or_none, java=None)
    """What ``commit_async`` calls without a ``callback``."""
    enable_auto_commit = keyword(True, boolean, only_with("group_id", "without a group there is nowhere to commit"))
    """Whether it commits by itself."""
    enable_incremental_fetch_sessions = keyword(True, boolean, java=None)
    """Whether brokers remember what is fetched (KIP-227)."""
    exclude_internal_topics = keyword(True, boolean)
    """Whether a pattern leaves out internal topics."""
    fetch_max_bytes = keyword(52_428_800, SIZE)
    """The bytes of an answer, unless its first batch is larger."""
    fetch_max_wait_ms = keyword(500, INT_MS, below("request_timeout_ms", ", or every idle fetch would time out"))
    """How long a broker waits for ``fetch_min_bytes``."""
    fetch_min_bytes = keyword(1, SIZE)
    """The bytes that a broker waits for."""
    group_id = keyword(None, text_or_none)
    """The group whose members share the partitions."""
    group_instance_id = keyword(None, text_or_none)
    """Makes it a static member (KIP-345)."""
    group_protocol = keyword("classic", choice(("classic", "consumer")), not_with_consumer_protocol)
    """Who shares out the partitions: a member that leads the group, or, with ``"consumer"``, the broker (KIP-848)."""
    group_remote_assignor = keyword(None, text_or_none, only_of_consumer_protocol)
    """By which assignor the broker shares out the partitions: ``"uniform"`` or ``"range"``; ``None``: the broker's."""
    heartbeat_interval_ms = keyword(3_000, ms(1), below("session_timeout_ms"))
    """How often a member tells that it lives."""
    isolation_level = keyword("read_uncommitted", choice(("read_uncommitted", "read_committed")))
    """Which records are read: all, or those of transactions only once they are committed."""
    key_deserializer = keyword(None, codec_or_none, takes="Codec")
    """A function from the bytes of a key, or an object with ``deserialize(topic, headers, data)``."""
    max_partition_fetch_bytes = keyword(1_048_576, SIZE)
    """The bytes of a partition in an answer, unless its first batch is larger."""
    max_poll_interval_ms = keyword(300_000, ms(1))
    """A member that doesn't poll for so long leaves its group."""
    max_poll_records = keyword(500, integer(1))
    """How many records a ``poll()`` gives at most."""
    partition_assignment_strategy = keyword(ASSIGNORS, assignors, takes="Any")
    """How a group shares partitions, in the order of preference."""
    session_timeout_ms = keyword(45_000, ms(1))
    """After so long without a heartbeat a member is removed from its group."""
    value_deserializer = keyword(None, codec_or_none, takes="Codec")
    """As ``key_deserializer``, for values."""

    refused = ClientConfig.refused | {
        "max_in_flight_requests_per_connection": "is a producer's: a consumer has one fetch a broker in flight"
    }


class AdminConfig(ClientConfig):
    """The keywords of an Admin."""

    client = "an admin"

    connections_max_idle_ms = keyword(300_000, ms(-1, LONG_MAX))
    """An idle connection is closed after so long."""
    default_api_timeout_ms = keyword(60_000, INT_MS, at_least("request_timeout_ms"))
    """How long a call may take, with its retries."""
    retries = keyword(INT_MAX, retry_count, takes="float")
    """How often a request is tried again within ``default_api_timeout_ms``."""

    refused = ClientConfig.refused | {
        "max_in_flight_requests_per_connection": "is a producer's: an admin sends one request after another"
    }
