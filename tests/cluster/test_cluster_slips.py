"""Slips in the use of a cluster: each is answered with what was meant, or what to do."""

from __future__ import annotations

import re

import pytest
from processes import Server

from actors.cluster import Cluster
from actors.node.folder import FolderError
from actors.runtime.driver import DriverClosed
from kstore.errors.config import ConfigError


def test_config_values_may_be_numbers_and_truth_values():
    with Cluster(seed=1, config={"num.partitions": 3, "auto.create.topics.enable": False}) as cluster:
        assert cluster.config.integer("num.partitions") == 3
        assert cluster.config.boolean("auto.create.topics.enable") is False
        cluster.create_topic("t", config={"min.insync.replicas": 1})


def test_config_values_of_other_kinds_are_refused_by_their_key():
    with pytest.raises(ConfigError, match=r"the value of num.partitions is text, a number or a bool, not None"):
        Cluster(config={"num.partitions": None})  # type: ignore[dict-item]
    with pytest.raises(ConfigError, match=r"config is a mapping of keys to values"):
        Cluster(config=["num.partitions=3"])  # type: ignore[arg-type]


def test_a_port_alone_is_no_address():
    with pytest.raises(ConfigError, match=r'listen is the text "host:port", such as "127.0.0.1:9092"; got 9092'):
        Cluster(listen=9092)  # type: ignore[arg-type]


def test_a_closed_cluster_is_called_a_cluster():
    cluster = Cluster(seed=1)
    cluster.close()
    with pytest.raises(DriverClosed, match="the cluster was closed"):
        cluster.create_topic("t")


def test_a_second_cluster_on_a_folder_says_that_it_may_be_this_process(tmp_path):
    with (
        Cluster(data_dir=str(tmp_path)),
        pytest.raises(FolderError, match="or by a cluster of this one that isn't closed"),
    ):
        Cluster(data_dir=str(tmp_path))


def test_a_node_cannot_be_on_both_sides_of_a_partition():
    with Cluster(3, seed=1) as cluster, pytest.raises(ConfigError, match="one side of a partition; 2 is on both"):
        cluster.faults.partition({1, 2}, {2, 3})


def test_a_topic_that_cannot_be_read_is_not_called_none_records():
    with Cluster(2, seed=1) as cluster:
        cluster.create_topic("o", replication_factor=1)
        cluster.faults.kill(cluster.leader("o"))
        with pytest.raises(TimeoutError, match=re.escape("o could not be read after 0.1 seconds")):
            cluster.records("o", timeout=0.1)


@pytest.mark.parametrize(("slip", "meant"), [("Prduce", "Produce"), ("LIST_OFSETS", "ListOffsets"), ("fetsh", "Fetch")])
def test_an_api_is_suggested_as_kafka_writes_it(slip, meant):
    with Cluster(seed=1) as cluster, pytest.raises(ConfigError, match=rf"did you mean {meant}\?"):
        cluster.faults.drop(slip)


def test_folders_of_brokers_that_are_not_started_are_named(tmp_path):
    with Cluster(3, data_dir=str(tmp_path)) as cluster:
        assert cluster.warnings == []
    with Cluster(1, data_dir=str(tmp_path)) as cluster:
        (line,) = cluster.warnings
    assert line == (
        f"{tmp_path}/node-2, {tmp_path}/node-3 left out, as brokers is 1: "
        "what only they have is missing until it is 3 again"
    )


def test_serve_names_the_folders_that_it_leaves_out(tmp_path):
    first = Server("--brokers", "3", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path))
    first.wait_for(len, "line that it is ready")
    assert first.stop() == 0
    second = Server("--brokers", "2", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path))
    second.wait_for(len, "line that it is ready")
    assert second.stop() == 0
    (line,) = second.errors
    assert line.startswith(f"kstore: {tmp_path}/node-3 left out, as brokers is 2: ")
