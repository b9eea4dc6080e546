"""Config keys of brokers, topics, groups: Apache Kafka's tables, which keys kstore implements, and their values.

``definition`` says what a key is and reads its text; ``broker_table``, ``security_table`` and ``topic_table`` are
generated from Kafka's jars; ``implemented`` says which keys do something here; ``broker`` and ``topic`` resolve the
values that hold.
"""

from actors.config.broker import BrokerConfig, parse_settings
from actors.config.definition import ConfigError, Value
from actors.config.topic import topic_log_config, topic_values, validate_topic_configs

__all__ = [
    "BrokerConfig",
    "ConfigError",
    "Value",
    "parse_settings",
    "topic_log_config",
    "topic_values",
    "validate_topic_configs",
]
