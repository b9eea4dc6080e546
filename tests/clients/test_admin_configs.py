"""Configs by an admin: described, altered, reset, on every target."""

import logging
from typing import Any

import pytest
from clients.targets import Target
from waiting import wait_until

from actors.clients.errors import SeveralFailed
from kstore import Admin, ConfigResource
from kstore.errors import InvalidConfig, InvalidRequest, UnknownTopicOrPartition
from kstore.errors.config import ConfigError


def changed(admin: Admin, name: str) -> dict[str, str | None]:
    """What is set for a topic."""
    found = admin.describe_configs([ConfigResource("topic", name)], config_filter="modified")
    return {key: entry.value for key, entry in found["topic"][name].items() if entry.source == "DYNAMIC_TOPIC_CONFIG"}


def until_changed(admin: Admin, name: str, wanted: dict[str, str]) -> None:
    """Kafka's broker learns of what its controller has answered a moment later."""
    wait_until(lambda: changed(admin, name) == wanted, what=f"{name} to have {wanted}")


def test_a_topics_configs_are_told_with_their_sources(target: Target) -> None:
    admin, name = target.admin(), target.topic(segment_ms="70000")
    found = admin.describe_configs([ConfigResource("topic", name)])["topic"][name]
    assert (found["segment.ms"].value, found["segment.ms"].source) == ("70000", "DYNAMIC_TOPIC_CONFIG")
    assert (found["segment.ms"].type, found["segment.ms"].is_default) == ("LONG", False)
    assert (found["index.interval.bytes"].value, found["index.interval.bytes"].is_default) == ("4096", True)
    assert not found["index.interval.bytes"].synonyms
    assert found["message.timestamp.type"].type == "STRING"


def test_synonyms_are_told_when_asked_for(target: Target) -> None:
    admin, name = target.admin(), target.topic(index_interval_bytes="5000")
    resource = ConfigResource("topic", name, ["index.interval.bytes"])
    (entry,) = admin.describe_configs([resource], include_synonyms=True)["topic"][name].values()
    assert [(each.name, each.value, each.source) for each in entry.synonyms] == [
        ("index.interval.bytes", "5000", "DYNAMIC_TOPIC_CONFIG"),
        ("log.index.interval.bytes", "4096", "DEFAULT_CONFIG"),
    ]


def test_brokers_tell_of_themselves(target: Target) -> None:
    admin = target.admin()
    nodes = [str(node.id) for node in admin.describe_cluster().nodes]
    found = admin.describe_configs([ConfigResource("broker", node, ["group.min.session.timeout.ms"]) for node in nodes])
    assert list(found["broker"]) == nodes
    for entries in found["broker"].values():
        entry = entries["group.min.session.timeout.ms"]
        assert (entry.value, entry.source, entry.is_read_only) == ("100", "STATIC_BROKER_CONFIG", True)


def test_a_filter_keeps_what_it_says(target: Target) -> None:
    admin, name = target.admin(), target.topic(segment_ms="70000")

    def kept(config_filter: str) -> set[str]:
        found = admin.describe_configs([ConfigResource("topic", name)], config_filter=config_filter)
        return set(found["topic"][name])

    everything = kept("all")
    assert kept("modified") == {"segment.ms"}
    assert kept("default") == everything - {"segment.ms"}
    assert kept("dynamic") == everything
    assert "segment.ms" not in kept("static")
    with pytest.raises(ConfigError, match="config_filter is one of all, modified"):
        kept("some")


def test_single_configs_are_altered_and_others_stay(target: Target) -> None:
    admin, name = target.admin(), target.topic(segment_ms="70000")
    admin.alter_configs([ConfigResource("topic", name, {"flush.ms": 1000})])
    until_changed(admin, name, {"segment.ms": "70000", "flush.ms": "1000"})
    admin.alter_configs([ConfigResource("topic", name, {"flush.ms": ("delete", None), "segment.ms": ("set", "80000")})])
    until_changed(admin, name, {"segment.ms": "80000"})
    admin.alter_configs([ConfigResource("topic", name, {"unclean.leader.election.enable": True})])
    until_changed(admin, name, {"segment.ms": "80000", "unclean.leader.election.enable": "true"})


def test_all_configs_are_replaced_in_the_old_way(target: Target) -> None:
    admin, name = target.admin(), target.topic(segment_ms="70000", flush_ms="1000")
    admin.alter_configs([ConfigResource("topic", name, {"flush.ms": "2000"})], incremental=False)
    until_changed(admin, name, {"flush.ms": "2000"})


def test_what_is_only_validated_stays_as_it_is(target: Target) -> None:
    admin, name = target.admin(), target.topic(segment_ms="70000")
    for incremental in (True, False):
        admin.alter_configs(
            [ConfigResource("topic", name, {"flush.ms": "1"})], validate_only=True, incremental=incremental
        )
        with pytest.raises(InvalidConfig, match=r"Invalid value 0 for configuration segment\.ms"):
            admin.alter_configs(
                [ConfigResource("topic", name, {"segment.ms": "0"})], validate_only=True, incremental=incremental
            )
    assert changed(admin, name) == {"segment.ms": "70000"}


def test_configs_are_reset_those_named_or_all(target: Target) -> None:
    admin, name = target.admin(), target.topic(segment_ms="70000", flush_ms="1000", index_interval_bytes="5000")
    admin.reset_configs([ConfigResource("topic", name, ["flush.ms"])])
    until_changed(admin, name, {"segment.ms": "70000", "index.interval.bytes": "5000"})
    admin.reset_configs([ConfigResource("topic", name)])
    until_changed(admin, name, {})


@pytest.mark.parametrize(
    ("configs", "error"),
    [
        ({"segment.ms": "0"}, InvalidConfig),
        ({"segment.byte": "1"}, InvalidConfig),
        ({"segment.ms": ("append", "1")}, InvalidConfig),
    ],
)
def test_a_wrong_change_is_refused(target: Target, configs: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        target.admin().alter_configs([ConfigResource("topic", target.topic(), configs)])


def test_a_broker_refuses_what_it_cannot_change(target: Target) -> None:
    admin = target.admin()
    with pytest.raises(InvalidRequest, match="Cannot update these configs dynamically"):
        admin.alter_configs([ConfigResource("broker", "", {"num.partitions": "3"})])
    with pytest.raises(InvalidRequest, match="there is no broker 77"):
        admin.describe_configs([ConfigResource("broker", "77")])


def test_what_a_config_is_good_for_is_told_when_asked_for(target: Target) -> None:
    admin, name = target.admin(), target.topic()
    resources = [ConfigResource("topic", name, ["retention.ms"]), ConfigResource("group", target.fresh("group"))]
    found = admin.describe_configs(resources, include_documentation=True)
    assert (found["topic"][name]["retention.ms"].documentation or "").startswith("This configuration controls the max")
    assert all(entry.documentation for entries in found["group"].values() for entry in entries.values())
    (untold,) = admin.describe_configs(resources[:1])["topic"][name].values()
    assert not untold.documentation


def test_groups_and_client_metrics_have_configs(target: Target) -> None:
    admin, name = target.admin(), target.fresh("any")
    wanted = {"group": {"consumer.session.timeout.ms": "50000"}, "client_metrics": {"interval.ms": "1000"}}
    admin.alter_configs([ConfigResource(kind, name, configs) for kind, configs in wanted.items()])

    def found() -> dict[str, dict[str, str | None]]:
        resources = [ConfigResource(kind, name) for kind in wanted]
        told = admin.describe_configs(resources, config_filter="modified")
        return {kind: {key: entry.value for key, entry in told[kind][name].items()} for kind in wanted}

    wait_until(lambda: found() == wanted, what="the configs to be set")
    admin.reset_configs([ConfigResource(kind, name) for kind in wanted])
    wait_until(lambda: found() == {kind: {} for kind in wanted}, what="the configs to be reset")


def test_each_broker_is_changed_by_itself_and_so_are_its_loggers(target: Target) -> None:
    admin = target.admin()
    nodes = [str(node.id) for node in admin.describe_cluster().nodes]
    configs = {"log.cleaner.backoff.ms": "14000"}
    admin.alter_configs([ConfigResource("broker", node, configs) for node in nodes])

    def values() -> list[str | None]:
        told = admin.describe_configs([ConfigResource("broker", node, list(configs)) for node in nodes])
        return [told["broker"][node]["log.cleaner.backoff.ms"].value for node in nodes]

    wait_until(lambda: values() == ["14000"] * len(nodes), what="the brokers to have it")
    admin.reset_configs([ConfigResource("broker", node, list(configs)) for node in nodes])
    wait_until(lambda: values() == ["15000"] * len(nodes), what="the brokers to have their default")
    levels = admin.describe_configs([ConfigResource("broker_logger", nodes[-1])])["broker_logger"][nodes[-1]]
    try:
        admin.alter_configs([ConfigResource("broker_logger", nodes[-1], {"root": levels["root"].value})])
    finally:
        logging.getLogger("kstore").setLevel(logging.NOTSET)  # a cluster in this process has this process's loggers


def test_each_resource_changes_or_fails_by_itself(target: Target) -> None:
    admin, known, missing = target.admin(), target.topic(), target.fresh("topic")
    with pytest.raises(SeveralFailed) as raised:
        admin.alter_configs([ConfigResource("topic", name, {"flush.ms": "1000"}) for name in (known, missing)])
    assert {thing: type(error) for thing, error in raised.value.errors.items()} == {
        ("topic", missing): UnknownTopicOrPartition
    }
    until_changed(admin, known, {"flush.ms": "1000"})
    with pytest.raises(UnknownTopicOrPartition):
        admin.describe_configs([ConfigResource("topic", missing)])


def test_resources_that_make_no_sense_are_refused_before_anything_is_sent(target: Target) -> None:
    admin = target.admin()
    with pytest.raises(ConfigError, match="'table' has no configs; what has: topic, broker"):
        admin.describe_configs([ConfigResource("table", "t")])
    with pytest.raises(ConfigError, match="named twice"):
        admin.alter_configs([ConfigResource("topic", "t", {}), ConfigResource("topic", "t", {})])
    with pytest.raises(ConfigError, match="must be values by name"):
        admin.alter_configs([ConfigResource("topic", "t", ["segment.ms"])])
    with pytest.raises(ConfigError, match="can't be changed by 'double'"):
        admin.alter_configs([ConfigResource("topic", "t", {"segment.ms": ("double", "1")})])
    with pytest.raises(ConfigError, match="must be a text, a number or a bool"):
        admin.alter_configs([ConfigResource("topic", "t", {"segment.ms": None})])
