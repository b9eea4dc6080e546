"""Which configs have no effect yet and are told, and which are refused rather than kept without effect."""

import pytest

from actors.config import BrokerConfig, ConfigError
from actors.config.refused import DEFAULT_IS_NOT_SO
from actors.config.resource_type import ResourceType
from actors.config.resources import without_effect
from actors.config.security_table import SECURITY_KEYS

TOPICS, BROKERS = ResourceType.TOPIC, ResourceType.BROKER


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        (TOPICS, "cleanup.policy", ""),
        (TOPICS, "cleanup.policy", "compact,delete"),
        (TOPICS, "retention.ms", "5000"),
        (TOPICS, "retention.bytes", "5000"),
        (TOPICS, "file.delete.delay.ms", "5000"),
        (TOPICS, "compression.type", "producer"),
        (TOPICS, "compression.type", "zstd"),
        (BROKERS, "compression.zstd.level", "7"),
        (TOPICS, "min.cleanable.dirty.ratio", "0.2"),
        (TOPICS, "remote.log.copy.disable", " FALSE "),
        (TOPICS, "preallocate", "true"),
        (TOPICS, "segment.jitter.ms", "5"),
        (TOPICS, "segment.ms", "5000"),
        (TOPICS, "retention.ms", "wrong"),
        (BROKERS, "log.retention.ms", "5000"),
        (BROKERS, "log.retention.check.interval.ms", "5000"),
        (BROKERS, "log.cleaner.enable", "false"),
        (BROKERS, "num.partitions", "7"),
    ],
)
def test_nothing_is_said_of_what_kstore_does_anyway_or_refuses(kind: int, name: str, text: str) -> None:
    assert list(without_effect(kind, {name: text}.items())) == []


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        (TOPICS, "remote.log.copy.disable", "true"),
        (BROKERS, "num.io.threads", "9"),
        (BROKERS, "leader.replication.throttled.rate", "9"),
    ],
)
def test_a_value_that_nobody_obeys_is_told(kind: int, name: str, text: str) -> None:
    assert list(without_effect(kind, {name: text}.items())) == [(name, text)]


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("listeners", "PLAINTEXT://:9092", "use --listen"),
        ("advertised.listeners", "PLAINTEXT://broker:9092", "use --advertise"),
        ("log.dirs", "/tmp/kafka-logs", "use --data-dir"),
        ("log.dir", "/tmp/kafka-logs", "use --data-dir"),
        ("node.id", "3", "use --node-ids"),
        ("broker.id", "3", "use --node-ids"),
        ("process.roles", "broker", "leave it out"),
        ("ssl.keystore.location", "/keys", "security isn't implemented yet"),
        ("sasl.enabled.mechanisms", "PLAIN", "security isn't implemented yet"),
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "security isn't"),
        ("super.users", "User:admin", "security isn't implemented yet"),
        ("delegation.token.secret.key", "secret", "security isn't implemented yet"),
        ("security.inter.broker.protocol", "SSL", "security isn't implemented yet"),
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CLIENTS:SSL", "security isn't implemented yet"),
        ("listener.name.internal.ssl.keystore.location", "/keys", "listeners have no configs of their own yet"),
        ("create.topic.policy.class.name", "my.Policy", "a class of Java"),
        ("remote.log.storage.system.enable", "true", "tiered storage isn't implemented yet"),
    ],
)
def test_a_key_that_promises_safety_or_says_who_a_node_is_is_refused(name: str, text: str, advice: str) -> None:
    with pytest.raises(ConfigError, match=rf"The broker config {name} can't be set: .*{advice}") as raised:
        BrokerConfig({name: text})
    assert "secret" not in str(raised.value).replace("secret.key", "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("authorizer.class.name", ""),
        ("security.inter.broker.protocol", "PLAINTEXT"),
        ("inter.broker.listener.name", "PLAINTEXT"),
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"),
        ("remote.log.storage.system.enable", "false"),
        *((key.name, key.default) for key in SECURITY_KEYS if key.default is not None),
    ],
)
def test_a_key_that_is_refused_takes_what_is_so_anyway(name: str, text: str) -> None:
    assert list(BrokerConfig({name: text}).without_effect()) == []
    assert name not in DEFAULT_IS_NOT_SO
