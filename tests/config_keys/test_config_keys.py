"""The config keys: Kafka's types and bounds, what is refused and in which words, and which value holds."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.config import (
    BrokerConfig,
    ConfigError,
    group_table,
    parse_settings,
    topic_log_config,
    topic_values,
    validate_topic_configs,
)
from actors.config import broker as broker_keys
from actors.config import group as group_keys
from actors.config import topic as topic_keys
from actors.config.broker import ConfigSource
from actors.config.cross_checks import PAIRS
from actors.config.definition import Key
from actors.config.implemented import BROKER, GROUP, TOPIC
from actors.config.refused import REFUSED
from actors.config.resource_type import ResourceType
from actors.config.resources import without_effect
from actors.config.topic import topic_sources
from actors.config.topic_table import BROKER_SYNONYMS
from actors.groups.settings import settings_of
from kstore.errors import InvalidConfig


def validate(configs: dict[str, str], **settings: str) -> None:
    broker = BrokerConfig({name.replace("_", "."): text for name, text in settings.items()})
    validate_topic_configs(configs, broker)


def test_every_default_of_kafka_is_a_value_of_its_own_key() -> None:
    for key in (*broker_keys.KEYS.values(), *broker_keys.DYNAMIC_KEYS.values(), *topic_keys.KEYS.values()):
        if key.default is not None:
            key.parse(key.default)
            assert key.printed(key.default) == key.default


def test_the_keys_said_to_be_implemented_are_keys_of_kafka() -> None:
    assert set(BROKER) <= set(broker_keys.KEYS)
    assert set(TOPIC) <= set(topic_keys.KEYS)
    assert set(GROUP) == set(group_keys.CONSUMER)
    assert set(REFUSED) - set(broker_keys.KEYS) == {"super.users", "allow.everyone.if.no.acl.found", "cluster.id"}


def test_a_broker_key_said_to_be_implemented_is_read_by_somebody() -> None:
    root = Path(__file__).parents[2] / "actors"
    tables = root / "config"
    sources = [path.read_text() for path in root.rglob("*.py") if tables not in path.parents]
    code = "".join([*sources, (tables / "topic.py").read_text()])
    for_topics = {name for key in TOPIC for name, _ in BROKER_SYNONYMS.get(key, ())}
    for_groups = {group_table.BROKER_SYNONYMS[key] for key in group_keys.CONSUMER}
    bounds = {bound for name, _, bound in PAIRS if name in BROKER}  # read when the other is set
    elsewhere = for_topics | for_groups | bounds
    assert [name for name in BROKER if f'"{name}"' not in code and name not in elsewhere] == []


def test_the_elements_of_a_list_that_work_have_their_effect_in_any_order() -> None:
    def without(protocols: str) -> list[str]:
        config = BrokerConfig({"group.coordinator.rebalance.protocols": protocols})
        return [name for name, _ in config.without_effect()]

    assert without("consumer,classic") == without("classic") == without("classic,consumer,streams") == []
    assert without("classic,share") == ["group.coordinator.rebalance.protocols"]
    with pytest.raises(ConfigError, match=r"^Disabling the 'classic' protocol is not supported\.$"):
        without("consumer")


def test_the_assignors_of_consumer_groups_go_by_kafkas_names_and_classes() -> None:
    def configured(names: str) -> tuple[str, ...]:
        return settings_of(BrokerConfig({"group.consumer.assignors": names})).group_consumer_assignors

    package = "org.apache.kafka.coordinator.group.assignor"
    assert configured("range, uniform") == configured(f"{package}.RangeAssignor,uniform") == ("range", "uniform")
    assert configured(f"{package}.UniformAssignor") == ("uniform",)
    with pytest.raises(ConfigError, match=r"Invalid value Uniform for configuration .*: Class cannot be found"):
        configured("range,Uniform")
    with pytest.raises(ConfigError, match="Assignor name 'uniform' is already registered by another"):
        configured(f"uniform,{package}.UniformAssignor")
    with pytest.raises(ConfigError, match="must not be empty"):
        configured("")


def test_an_unknown_key_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"Unknown broker config num\.partition \(did you mean num\.partitions\?\)"):
        BrokerConfig({"num.partition": "3"})
    with pytest.raises(InvalidConfig, match=r"name: segment\.byte \(did you mean segment\.bytes\?\)"):
        validate({"segment.byte": "3"})


def test_a_key_like_no_other_is_refused_without_a_guess() -> None:
    with pytest.raises(ConfigError, match=r"^Unknown broker config zzz$"):
        BrokerConfig({"zzz": "3"})


@pytest.mark.parametrize("name", sorted(set(broker_keys.KEYS) - set(REFUSED)))
def test_every_key_of_a_broker_takes_its_default_and_says_nothing_of_it(name: str) -> None:
    default = broker_keys.KEYS[name].default
    if default is not None:
        assert list(BrokerConfig({name: default}).without_effect()) == []


@pytest.mark.parametrize("name", sorted(topic_keys.KEYS))
def test_every_key_of_a_topic_takes_its_default_and_says_nothing_of_it(name: str) -> None:
    default = topic_keys.KEYS[name].default
    if default is not None:
        validate({name: default})
        assert list(without_effect(ResourceType.TOPIC, {name: default}.items())) == []


def test_a_key_that_does_nothing_yet_is_taken_with_kafkas_bounds() -> None:
    config = BrokerConfig({"background.threads": "3", "log.retention.hours": "1"})
    assert config["background.threads"] == 3
    assert list(config.without_effect()) == [("background.threads", "3")]
    assert topic_sources("retention.ms", {}, config)[0].text == "3600000"
    with pytest.raises(ConfigError, match=r"Invalid value 0 for configuration background\.threads: .* at least 1"):
        BrokerConfig({"background.threads": "0"})
    validate({"retention.ms": "3", "cleanup.policy": "compact , delete"})
    with pytest.raises(InvalidConfig, match=r"Invalid value -2 for configuration retention\.ms: .* at least -1"):
        validate({"retention.ms": "-2"})


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"replica.fetch.wait.max.ms": "40000"}, "replica.socket.timeout.ms should always be at least"),
        ({"replica.lag.time.max.ms": "100"}, "replica.fetch.wait.max.ms should always be less than or equal to"),
        ({"queued.max.request.bytes": "1000"}, "queued.max.request.bytes must be larger or equal to"),
        ({"max.connections.per.ip": "0"}, "max.connections.per.ip can be set to zero only if"),
        ({"log.retention.ms": "0"}, r"log.retention.ms must be unlimited \(-1\) or, greater than or equal to 1"),
        ({"log.retention.minutes": "0"}, "log.retention.ms must be unlimited"),
        ({"connections.max.idle.ms": "100"}, "connection.failed.authentication.delay.ms should always be less than"),
        ({"log.cleaner.threads": "1000"}, "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread"),
        (
            {"group.consumer.session.timeout.ms": "1"},
            "group.consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            {"group.consumer.min.session.timeout.ms": "70000"},
            "group.consumer.max.session.timeout.ms must be greater than or equal to group.consumer.min",
        ),
        ({"group.streams.num.standby.replicas": "9"}, "must be less than or equal to group.streams.max.standby"),
        ({"group.streams.max.warmup.replicas": "1"}, "group.streams.num.warmup.replicas must be less than or equal to"),
        (
            {"group.streams.task.offset.interval.ms": "100"},
            "must be greater than or equal to group.streams.min.task.offset.interval.ms",
        ),
        (
            {"group.streams.rack.aware.assignment.tags": "zone, rack, zone"},
            "group.streams.rack.aware.assignment.tags must not contain duplicate tag keys.",
        ),
        ({"log.cleaner.min.compaction.lag.ms": "9", "log.cleaner.max.compaction.lag.ms": "8"}, "must be less than or"),
    ],
)
def test_values_of_brokers_that_contradict_each_other_are_refused(settings: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        BrokerConfig(settings)


def test_values_of_topics_that_contradict_each_other_or_their_brokers_are_refused() -> None:
    lag = r"conflict topic config setting min.compaction.lag.ms \(9\) > max.compaction.lag.ms \(8\)"
    with pytest.raises(InvalidConfig, match=lag):
        validate({"min.compaction.lag.ms": "9", "max.compaction.lag.ms": "8"})
    with pytest.raises(InvalidConfig, match=lag):
        validate({"min.compaction.lag.ms": "9"}, log_cleaner_max_compaction_lag_ms="8")
    with pytest.raises(InvalidConfig, match="Tiered Storage functionality is disabled in the broker"):
        validate({"remote.storage.enable": "true"})


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("cleanup.policy", ",", "Configuration 'cleanup.policy' values must not be empty."),
        ("cleanup.policy", "delete,", "Configuration 'cleanup.policy' values must not be empty."),
        (
            "cleanup.policy",
            "forget",
            "Invalid value forget for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (
            "compression.gzip.level",
            "0",
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
        ),
        (
            "leader.replication.throttled.replicas",
            "1:2,three",
            (
                "Invalid value [1:2, three] for configuration leader.replication.throttled.replicas: "
                "leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following "
                "format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."
            ),
        ),
        (
            "min.cleanable.dirty.ratio",
            "1_0",
            "Invalid value 1_0 for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE",
        ),
    ],
)
def test_a_wrong_value_of_a_topic_is_refused_in_kafkas_words(name: str, text: str, why: str) -> None:
    with pytest.raises(InvalidConfig) as raised:
        validate({name: text})
    assert str(raised.value) == why


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "0:1, 1:2"),
        ("compression.gzip.level", "-1"),
        ("compression.type", "gzip"),
        ("cleanup.policy", ""),
        ("cleanup.policy", "delete,delete"),
        ("min.cleanable.dirty.ratio", "1e-1"),
    ],
)
def test_every_value_of_kafkas_is_taken(name: str, text: str) -> None:
    validate({name: text})


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("num.partitions", "0", "Value must be at least 1"),
        ("num.partitions", "three", "Not a number of type INT"),
        ("num.partitions", "2147483648", "Not a number of type INT"),
        ("num.partitions", "1_0", "Not a number of type INT"),
        ("num.partitions", "", "Not a number of type INT"),
        ("auto.create.topics.enable", "yes", "Expected value to be either true or false"),
        ("log.message.timestamp.type", "Now", "String must be one of: CreateTime, LogAppendTime"),
    ],
)
def test_a_wrong_value_is_refused_in_kafkas_words(name: str, text: str, why: str) -> None:
    with pytest.raises(ConfigError) as raised:
        BrokerConfig({name: text})
    assert str(raised.value) == f"Invalid value {text} for configuration {name}: {why}"


def test_settings_are_split_at_the_first_equals_sign() -> None:
    assert parse_settings(["a.b = c=d", "e="]) == {"a.b": "c=d", "e": ""}


@pytest.mark.parametrize("text", ["num.partitions", "=3", ""])
def test_a_setting_without_key_and_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--set takes key=value"):
        parse_settings([text])


def test_defaults_are_kafkas_but_for_the_decided_ones() -> None:
    config = BrokerConfig(brokers=5)
    assert config.integer("num.partitions") == 1
    assert config.integer("default.replication.factor") == 3
    assert config.integer("offsets.topic.num.partitions") == 4
    assert config.integer("group.initial.rebalance.delay.ms") == 200
    assert BrokerConfig(brokers=2).integer("offsets.topic.replication.factor") == 2


def test_a_first_member_is_waited_with_only_where_others_clients_come() -> None:
    name = "group.initial.rebalance.delay.ms"
    assert BrokerConfig().integer(name) == 200
    assert BrokerConfig(listening=False).integer(name) == 0
    assert BrokerConfig(listening=False).with_dynamic({}, {"log.roll.ms": "5000"}).integer(name) == 0


def test_a_dynamic_value_of_the_broker_wins_over_that_of_all_and_over_the_command_line() -> None:
    config = BrokerConfig({"message.max.bytes": "1"})
    assert config.integer("message.max.bytes") == 1
    config = config.with_dynamic({"message.max.bytes": "2"}, {})
    assert config.integer("message.max.bytes") == 2
    config = config.with_dynamic({"message.max.bytes": "2"}, {"message.max.bytes": "3"})
    assert config.integer("message.max.bytes") == 3
    assert [(s.text, s.source) for s in config.sources("message.max.bytes")] == [
        ("3", ConfigSource.DYNAMIC_BROKER),
        ("2", ConfigSource.DYNAMIC_DEFAULT_BROKER),
        ("1", ConfigSource.STATIC_BROKER),
        ("1048588", ConfigSource.DEFAULT),
    ]


def test_a_topic_takes_what_its_brokers_say_unless_it_says_so_itself() -> None:
    broker = BrokerConfig({"message.max.bytes": "5", "log.roll.hours": "2"})
    values = topic_values({"min.insync.replicas": "2"}, broker)
    assert (values["max.message.bytes"], values["segment.ms"], values["min.insync.replicas"]) == (5, 7_200_000, 2)
    assert values["segment.bytes"] == 1 << 30
    assert topic_values({"max.message.bytes": "9"}, broker)["max.message.bytes"] == 9


def test_frames_may_be_larger_than_the_default_for_all_requests_together() -> None:
    config = BrokerConfig({"socket.request.max.bytes": "500000000"})
    assert config.integer("queued.max.request.bytes") == 500_000_000
    assert BrokerConfig().integer("queued.max.request.bytes") == 256 << 20
    with pytest.raises(ConfigError, match=r"queued\.max\.request\.bytes must be larger or equal"):
        BrokerConfig({"socket.request.max.bytes": "500000000", "queued.max.request.bytes": "268435456"})


def test_the_finer_of_two_broker_keys_for_one_topic_key_wins() -> None:
    broker = BrokerConfig({"log.roll.hours": "2", "log.roll.ms": "70000"})
    assert topic_values({}, broker)["segment.ms"] == 70_000
    assert [s.name for s in topic_sources("segment.ms", {"segment.ms": "1"}, broker)] == [
        "segment.ms",
        "log.roll.ms",
        "log.roll.hours",
        "log.roll.hours",
    ]


def test_a_log_is_kept_as_its_topic_and_its_brokers_say() -> None:
    broker = BrokerConfig({"log.segment.bytes": "2000000", "log.roll.ms": "5000", "producer.id.expiration.ms": "9"})
    config = topic_log_config({"message.timestamp.type": "LogAppendTime", "cleanup.policy": "compact"}, broker)
    assert (config.segment_bytes, config.segment_ms, config.producer_id_expiration_ms) == (2_000_000, 5_000, 9)
    assert (config.message_timestamp_type, config.compacted) == (1, True)
    assert topic_log_config({"internal.segment.bytes": "500"}, broker).segment_bytes == 500
    derived = config.derived(hot_tail_bytes=7)
    assert (derived.hot_tail_bytes, derived.derived(hot_tail_bytes=config.hot_tail_bytes)) == (7, config)


EXTREMES = [
    "0",
    "1",
    "-1",
    "-2",
    *(str(sign * (1 << bits) - low) for bits in (31, 63) for sign, low in ((1, 1), (-1, 0))),
]


@pytest.mark.parametrize("text", EXTREMES)
def test_a_log_can_be_kept_with_every_value_that_is_taken(text: str) -> None:
    for name in topic_keys.KEYS:
        with contextlib.suppress(InvalidConfig):
            validate({name: text})
            topic_log_config({name: text}, BrokerConfig())
    for name in broker_keys.KEYS:
        with contextlib.suppress(ConfigError):
            topic_log_config({}, BrokerConfig({name: text}))


def test_a_broker_key_that_stands_for_a_topic_key_has_its_bounds() -> None:
    for name, low in (("log.flush.interval.ms", 0), ("log.roll.ms", 1)):
        with pytest.raises(ConfigError, match=f"Invalid value {low - 1} for configuration {name}: .* at least {low}"):
            BrokerConfig({name: str(low - 1)})
        BrokerConfig({name: str(low)})


def test_a_folder_may_have_values_that_no_log_can_be_kept_with() -> None:
    broker = BrokerConfig().with_dynamic({"log.flush.interval.ms": "-1", "log.roll.ms": "-1"}, {})
    config = topic_log_config({"internal.segment.bytes": "-5"}, broker)
    assert (config.flush_ms, config.segment_ms, config.segment_bytes) == (0, 1, 1)


@given(st.integers())
def test_an_integer_is_taken_whenever_it_fits_its_type(value: int) -> None:
    key = Key("k", "LONG", None)
    if -(1 << 63) <= value < 1 << 63:
        assert key.parse(f" {value} ") == value
    else:
        with pytest.raises(ConfigError):
            key.parse(str(value))


@given(st.text())
def test_no_text_does_worse_than_a_config_error(text: str) -> None:
    for key in broker_keys.KEYS.values():
        with contextlib.suppress(ConfigError):
            key.parse(text)
