"""The keywords of kafka-python and of Apache Kafka's Java client that are not taken, each with its reason.

Two kinds: what is not implemented yet, and what means nothing in this client. The Java client's keys stand under their
names with underscores; a test holds that none of its keys, and none of kafka-python's keywords, is missing.
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_YET = "is not implemented yet"

LATER_PREFIXES = ("ssl_", "sasl_")

LATER = frozenset(
    (
        "auto_include_jmx_reporter",
        "bootstrap_controllers",
        "compression_gzip_level",
        "compression_lz4_level",
        "compression_zstd_level",
        "enable_metrics_push",
        "group_remote_assignor",
        "interceptor_classes",
        "metadata_recovery_rebootstrap_trigger_ms",
        "metadata_recovery_strategy",
        "metric_reporters",
        "metrics_enabled",
        "metrics_num_samples",
        "metrics_recording_level",
        "metrics_sample_window_ms",
        "partitioner_rack_aware",
        "proxy_url",
        "receive_buffer_bytes",
        "receive_message_max_bytes",
        "security_providers",
        "send_buffer_bytes",
        "share_acknowledgement_mode",
        "share_acquire_mode",
        "socket_connection_setup_timeout_max_ms",
        "socks5_proxy",
        "transaction_timeout_ms",
        "transaction_two_phase_commit_enable",
        "transactional_id",
    )
)

MEANINGLESS: Mapping[str, str] = {
    "api_version": "means nothing here: the version of each request is agreed with each broker by ApiVersions",
    "bootstrap_resolve_timeout_ms": "means nothing here: each call has its own time limit, in which it looks up names",
    "bootstrap_timeout_ms": "means nothing here: each call has its own time limit, in which it looks for the brokers",
    "buffer_memory_allocation_strategy": "means nothing here: memory is taken as the records of a batch come",
    "config_providers": "means nothing here: keywords are values, nothing in them is looked up",
    "kafka_client": "means nothing here: the client is an actor with a network of its own",
    "metric_group_prefix": "means nothing here: the metrics it prefixes are kafka-python's",
    "selector": "means nothing here: who waits for sockets is the driver",
    "socket_options": "means nothing here: sockets send at once, and in a cluster's process there are none",
    "internal_throw_on_fetch_stable_offset_unsupported": "is internal to the Java client",
}

ELSEWHERE: Mapping[tuple[str, str], str] = {
    (
        "consumer",
        "max_in_flight_requests_per_connection",
    ): "is a producer's: a consumer has one fetch a broker in flight",
    ("admin", "max_in_flight_requests_per_connection"): "is a producer's: an admin sends one request after another",
    ("producer", "client_rack"): "is a consumer's: a producer that looks at racks is not implemented yet",
    ("producer", "partitioner_class"): "is the Java client's; here it is partitioner",
}


def refusal(kind: str, name: str) -> str | None:
    """Why a client of this kind does not take a keyword, as the end of a sentence; None if nobody knows the keyword."""
    if is_later(name):
        return NOT_YET
    return MEANINGLESS.get(name) or ELSEWHERE.get((kind, name))


def is_later(name: str) -> bool:
    """Whether it is a keyword of what isn't implemented yet."""
    return name in LATER or name.startswith(LATER_PREFIXES)
