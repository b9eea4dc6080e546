"""Kafka's internal topics, which are made on first use: their numbers of partitions, and configs."""

from __future__ import annotations

from collections.abc import Mapping

from actors.config import BrokerConfig
from actors.image.topic_names import OFFSETS_TOPIC, TRANSACTIONS_TOPIC
from kstore.schema.messages.create_topics import CreatableTopic, CreatableTopicConfig


def creatable(name: str, config: BrokerConfig) -> CreatableTopic:
    """The CreateTopics entry that makes topic ``name`` on first use; a client's topic gets the defaults.

    >>> creatable("__consumer_offsets", BrokerConfig(brokers=3)).num_partitions
    4
    """
    if name == OFFSETS_TOPIC:
        return CreatableTopic(
            name=name,
            num_partitions=config.integer("offsets.topic.num.partitions"),
            replication_factor=config.integer("offsets.topic.replication.factor"),
            configs=_configs(
                {
                    "cleanup.policy": "compact",
                    "compression.type": "producer",
                    "segment.bytes": str(config.integer("offsets.topic.segment.bytes")),
                }
            ),
        )
    if name == TRANSACTIONS_TOPIC:
        return CreatableTopic(
            name=name,
            num_partitions=config.integer("transaction.state.log.num.partitions"),
            replication_factor=config.integer("transaction.state.log.replication.factor"),
            configs=_configs(
                {
                    "cleanup.policy": "compact",
                    "compression.type": "uncompressed",
                    "min.insync.replicas": str(config.integer("transaction.state.log.min.isr")),
                    "segment.bytes": str(config.integer("transaction.state.log.segment.bytes")),
                    "unclean.leader.election.enable": "false",
                }
            ),
        )
    return CreatableTopic(name=name, num_partitions=-1, replication_factor=-1)


def _configs(values: Mapping[str, str]) -> list[CreatableTopicConfig]:
    return [CreatableTopicConfig(name=key, value=value) for key, value in values.items()]
