"""The configs of a subscription to clients' metrics (KIP-714), which nothing pushes yet.

Checks are those of Kafka's ``ClientMetricsConfigs``; what is no pattern for Java is told by Python's ``re``, which is
close to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from actors.config.definition import ConfigError, Key, nearest
from actors.config.metrics_table import METRICS_KEYS
from kstore.errors import InvalidConfig, InvalidRequest

KEYS: Mapping[str, Key] = {key.name: key for key in METRICS_KEYS}

INTERVAL_MS_MIN, INTERVAL_MS_MAX = 100, 3_600_000
MATCHED = (
    "client_id",
    "client_instance_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
)


def validate_metrics_configs(configs: Mapping[str, str]) -> None:
    """Check the configs wanted for a subscription.

    Raises:
        InvalidRequest: a key is unknown (names the nearest one), or the interval is out of its bounds.
        InvalidConfig: another value is wrong.
    """
    for name in configs:
        if name not in KEYS:
            raise InvalidRequest(f"Unknown client metrics configuration: {name}{nearest(name, KEYS)}")
    try:
        values = {name: KEYS[name].parse(text) for name, text in configs.items()}
    except ConfigError as error:
        raise InvalidConfig(str(error)) from None
    interval_ms = values.get("interval.ms")
    if isinstance(interval_ms, int) and not INTERVAL_MS_MIN <= interval_ms <= INTERVAL_MS_MAX:
        raise InvalidRequest(
            f"Invalid value {interval_ms} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
        )
    patterns = values.get("match", ())
    for pattern in patterns if isinstance(patterns, tuple) else ():
        check_pattern(pattern)


def check_pattern(pattern: str) -> None:
    """Raise ``InvalidConfig`` for what doesn't say which clients are meant.

    >>> check_pattern("client_software_name = apache-kafka-.*")
    """
    name, *expressions = pattern.rstrip("=").split("=")
    wrong = InvalidConfig(f"Illegal client matching pattern: {pattern}")
    if len(expressions) != 1 or name.strip() not in MATCHED:
        raise wrong
    try:
        re.compile(expressions[0].strip())
    except re.error:
        raise wrong from None
