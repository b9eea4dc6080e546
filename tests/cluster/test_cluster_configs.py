"""Configs of a cluster in the program's own process: what has no effect yet is a warning at the user's line."""

import logging
import warnings
from contextlib import suppress

import pytest
from present import present

from kstore import Admin, Cluster, ConfigError, ConfigResource, NewTopic, NoEffectWarning
from kstore.errors import KafkaError

HERE = __file__


def of_topic(admin: Admin, name: str, key: str) -> str | None:
    found = admin.describe_configs([ConfigResource("topic", name)])["topic"][name][key]
    return found.value


def test_a_topic_is_made_with_any_key_and_each_is_warned_of_once_at_the_users_line() -> None:
    with Cluster() as cluster:
        with pytest.warns(NoEffectWarning) as told:
            cluster.create_topic("orders", config={"remote.log.copy.disable": True, "remote.copy.lag.ms": 5})
        assert [str(each.message) for each in told] == [
            "topic orders: remote.log.copy.disable=true is kept, but has no effect in kstore yet",
            "topic orders: remote.copy.lag.ms=5 is kept, but has no effect in kstore yet",
        ]
        assert [each.filename for each in told] == [HERE, HERE]
        cluster.create_topic(
            "users", config={"remote.log.copy.disable": True, "remote.copy.lag.ms": 6}
        )  # warnings are errors
        with cluster.admin() as admin:
            assert of_topic(admin, "orders", "remote.log.copy.disable") == "true"
            assert of_topic(admin, "users", "remote.copy.lag.ms") == "6"


def test_a_brokers_key_without_effect_is_warned_of_at_the_users_line_and_kept() -> None:
    with pytest.warns(NoEffectWarning, match=r"^num\.io\.threads=9 is kept") as told:
        cluster = Cluster(brokers=2, config={"num.io.threads": 9, "log.retention.ms": -1})
    with cluster:
        assert [each.filename for each in told] == [HERE]
        with cluster.admin() as admin:
            found = admin.describe_configs([ConfigResource("broker", "2")])["broker"]["2"]
            assert (found["num.io.threads"].value, found["log.retention.ms"].value) == ("9", "-1")


def test_where_warnings_are_errors_nothing_is_left_behind() -> None:
    with pytest.raises(NoEffectWarning):
        Cluster(config={"num.io.threads": 9})
    with Cluster() as cluster, cluster.admin() as admin:
        with pytest.raises(NoEffectWarning):
            cluster.create_topic("orders", config={"remote.log.copy.disable": True})
        assert admin.list_topics() == []


def test_a_key_of_a_topic_that_could_not_be_made_is_warned_of_again() -> None:
    with Cluster() as cluster:
        for partitions in (0, 1):
            with (
                pytest.warns(NoEffectWarning, match=r"^topic orders: remote.log.copy.disable=true is kept"),
                suppress(KafkaError),
            ):
                cluster.create_topic("orders", partitions, config={"remote.log.copy.disable": True})


def test_a_wrong_value_is_an_error_and_no_warning() -> None:
    with pytest.raises(ConfigError, match="Not a number of type INT"):
        Cluster(config={"num.io.threads": "many"})
    with pytest.raises(ConfigError, match="can't be set: use --data-dir"):
        Cluster(config={"log.dirs": "/data"})


def test_what_a_client_sets_is_a_line_of_the_log_once_a_key(caplog: pytest.LogCaptureFixture) -> None:
    with Cluster() as cluster, cluster.admin() as admin, caplog.at_level(logging.WARNING, "kstore.configs"):
        configs = {"remote.copy.lag.ms": "5", "retention.ms": "-1"}
        admin.create_topics([NewTopic(name, topic_configs=configs) for name in ("a", "b")])
        admin.alter_configs([ConfigResource("broker", "", {"background.threads": "12"})])
        admin.alter_configs([ConfigResource("group", "readers", {"share.isolation.level": "read_committed"})])
        assert [each.getMessage().partition(" is kept")[0] for each in caplog.records] == [
            "topic a: remote.copy.lag.ms=5",
            "all brokers: background.threads=12",
            "group readers: share.isolation.level=read_committed",
        ]


def test_configs_of_any_key_outlast_a_restart(tmp_path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoEffectWarning)
        with Cluster(data_dir=str(tmp_path)) as cluster:
            cluster.create_topic("orders", config={"retention.ms": 5000, "compression.type": "gzip"})
    with Cluster(data_dir=str(tmp_path)) as cluster, cluster.admin() as admin:
        assert of_topic(admin, "orders", "retention.ms") == "5000"
        assert of_topic(admin, "orders", "compression.type") == "gzip"


def test_max_connections_can_be_changed_while_a_broker_runs() -> None:
    with Cluster(listen="127.0.0.1:0") as cluster, cluster.admin() as admin:

        def limits() -> int:
            found: int = present(cluster.ports).listeners[1].limits.connections_max
            return found

        before = limits()
        admin.alter_configs([ConfigResource("broker", "1", {"max.connections": "7"})])
        cluster.wait_for(lambda: limits() == 7)
        admin.reset_configs([ConfigResource("broker", "1", ["max.connections"])])
        cluster.wait_for(lambda: limits() == before)
