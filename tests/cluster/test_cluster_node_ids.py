"""Nodes with ids of the user's choice: from 0 on, with gaps, in any order; the first is the controller."""

from __future__ import annotations

import re
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cluster.kept_folders import tree
from processes import Program, Server

from actors.cluster import Cluster
from actors.node.folder import FolderError
from kstore.errors.config import ConfigError

IDS = pytest.mark.parametrize("ids", [(0, 1, 2), (5, 7, 1001), (1001, 0, 7)], ids=str)


def assert_it_works(cluster: Cluster, ids: tuple[int, ...], before: list[bytes]) -> None:
    """Records go through failovers and restarts, and a group reads those that are new to it."""
    said = list(before)
    how: Any = {"group_id": "g", "auto_offset_reset": "earliest"}
    # As the nodes of a cluster stop, one after another, they leave the in-sync set, and come back into it later.
    cluster.wait_for(lambda: sorted(cluster.isr("t")) == sorted(ids), timeout=60)
    with cluster.producer(acks="all") as producer, cluster.consumer("t", **how) as consumer:
        for value in (b"%d" % (len(before) + number) for number in range(len(ids))):
            lost = cluster.leader("t")
            cluster.faults.kill(lost)
            cluster.wait_for(partial(lambda lost: cluster.leader("t") not in (-1, lost), lost))
            producer.send("t", value).get(timeout=30)
            said.append(value)
            cluster.faults.restart(lost)
            cluster.wait_for(lambda: sorted(cluster.isr("t")) == sorted(ids), timeout=60)
        assert [record.value for record in cluster.records("t", len(said))] == said
        assert [next(consumer).value for _ in ids] == said[len(before) :]
        consumer.commit()


@IDS
def test_a_cluster_lives_through_failovers_and_restarts_on_its_folder(ids, tmp_path, seed):
    with Cluster(node_ids=ids, seed=seed, data_dir=str(tmp_path)) as cluster:
        assert tuple(cluster.brokers) == cluster.node_ids == ids
        assert cluster.image().controller_id == ids[0]
        assert [broker.id for broker in cluster.brokers.values() if broker.is_controller] == [ids[0]]
        assert cluster.config.integer("default.replication.factor") == 3
        cluster.create_topic("t")
        assert_it_works(cluster, ids, [])
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(f"node-{each}" for each in ids)
    with Cluster(seed=seed, data_dir=str(tmp_path)) as cluster:  # the ids that the folder has
        assert cluster.warnings == []
        assert cluster.node_ids == (ids[0], *sorted(ids[1:]))
        assert cluster.image().controller_id == ids[0]
        assert_it_works(cluster, ids, [b"0", b"1", b"2"])


@IDS
def test_the_same_in_memory_and_emptied(ids, seed):
    with Cluster(3, node_ids=ids, seed=seed) as cluster:
        cluster.create_topic("t")
        assert_it_works(cluster, ids, [])
        cluster.reset()
        assert cluster.image().controller_id == ids[0]
        cluster.create_topic("t")
        assert_it_works(cluster, ids, [])


def test_admin_and_trace_name_brokers_by_their_ids(seed):
    with Cluster(node_ids=[0, 1, 2], seed=seed) as cluster:
        cluster.create_topic("t")
        with cluster.admin() as admin:
            described = admin.describe_cluster()
            assert described.controller_id == 0
            assert [broker.id for broker in described.nodes] == [0, 1, 2]
            assert sorted(admin.describe_topics(["t"])[0].partitions[0].replicas) == [0, 1, 2]
        lost = cluster.leader("t")
        cluster.faults.kill(lost)
        cluster.wait_for(lambda: cluster.leader("t") not in (-1, lost))
        assert f"broker-{lost}#1 was killed" in str(cluster.trace.why_leader("t", 0))
        with pytest.raises(ConfigError, match="there is no broker 3: they are 0, 1, 2"):
            cluster.faults.kill(3)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"node_ids": (0, 1, 1)}, "node_ids: 1 is given twice"),
        ({"node_ids": ()}, "node_ids: brokers: a cluster has at least one broker; got 0"),
        ({"node_ids": (0, -1)}, "node_ids: an id is a whole number from 0 to 2147483647; got -1"),
        ({"node_ids": (2**31,)}, "node_ids: an id is a whole number from 0 to 2147483647; got 2147483648"),
        ({"node_ids": (0, 1.5)}, "got 1.5"),
        ({"node_ids": (True,)}, "got True"),
        ({"node_ids": "0,1"}, "node_ids has a number for each broker, such as (0, 1, 2); got '0,1'"),
        ({"node_ids": 3}, "node_ids has a number for each broker, such as (0, 1, 2); got 3"),
        ({"brokers": 3, "node_ids": (0, 1)}, "brokers is 3, and node_ids has 2 (0, 1): leave one of them out"),
    ],
)
def test_ids_that_are_none_are_refused(given: dict[str, Any], why):
    with pytest.raises(ConfigError, match=re.escape(why)):
        Cluster(seed=1, **given)


def kept(place: Path, *ids: int) -> Path:
    with Cluster(node_ids=ids, seed=1, data_dir=str(place)) as cluster:
        cluster.create_topic("t", replication_factor=len(ids))
    return place


def refused(place: Path, **how: Any) -> str:
    """The line with which it is; nothing has changed."""
    before = tree(place)
    with pytest.raises(FolderError) as refusal:
        Cluster(seed=1, data_dir=str(place), **how)
    assert tree(place) == before
    return str(refusal.value)


def test_other_ids_than_the_folder_has_are_refused_before_anything_is_touched(tmp_path):
    place = kept(tmp_path, 0, 1, 2)
    assert refused(place, node_ids=(1, 2, 3)) == (
        f"{place} has the nodes 0, 1, 2, and node_ids is 1, 2, 3: leave --node-ids out, give --node-ids 0,1,2, "
        "or choose another --data-dir"
    )
    assert refused(place, node_ids=(1, 0, 2)) == (
        f"{place} is of a cluster whose controller is node 0, and the first of node_ids is 1: "
        "begin --node-ids with 0, or leave it out"
    )
    assert "whose controller is node 0, and the first of node_ids is 1" in refused(place, node_ids=(1, 2))
    assert refused(place, brokers=5) == (
        f"{place} has the nodes 0, 1, 2, and brokers is 5: name the ids of all, as in --node-ids 0,1,2,3,4"
    )


def test_a_folder_with_the_usual_ids_refuses_others_too(tmp_path):
    place = kept(tmp_path, 1, 2, 3)
    assert "has the nodes 1, 2, 3, and node_ids is 0, 1, 2" in refused(place, node_ids=(0, 1, 2))


def test_nodes_can_be_added_and_left_out(tmp_path):
    place = kept(tmp_path, 5, 7)
    with Cluster(node_ids=(5, 7, 0), seed=1, data_dir=str(place)) as cluster:
        assert cluster.warnings == []
        assert len(cluster.image().brokers) == 3
    with Cluster(2, seed=1, data_dir=str(place)) as cluster:
        assert cluster.node_ids == (5, 0)
        assert cluster.warnings == [
            f"{place}/node-7 left out, as the nodes are 5, 0: what only they have is missing until they are back"
        ]
    with Cluster(seed=1, data_dir=str(place)) as cluster:
        assert cluster.node_ids == (5, 0, 7)


def test_a_folder_without_its_controllers_is_refused(tmp_path):
    place = kept(tmp_path / "data", 0, 1, 2)
    shutil.move(place / "node-0", tmp_path / "elsewhere")
    line = refused(place)
    assert "node-0/__cluster_metadata-0 is missing or empty, though" in line
    assert "knows the cluster up to offset" in line
    shutil.move(tmp_path / "elsewhere", place / "node-0")
    with Cluster(seed=1, data_dir=str(place)) as cluster:
        assert cluster.node_ids == (0, 1, 2)


def test_serve_takes_ids_and_goes_on_with_them(tmp_path):
    place = str(tmp_path)
    server = Server("--node-ids", "0,1,2", "--listen", "127.0.0.1:0", "--data-dir", place)
    assert server.lines[0].startswith("kstore: 3 brokers ready on 127.0.0.1:")
    assert server.stop() == 0
    again = Server("--listen", "127.0.0.1:0", "--data-dir", place)
    assert again.lines[0].startswith("kstore: 3 brokers ready on 127.0.0.1:")
    assert again.stop() == 0
    assert again.errors == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--node-ids", "0,x"), "--node-ids takes numbers with commas, as in --node-ids 0,1,2; got '0,x'"),
        (("--node-ids", "0,0"), "node_ids: 0 is given twice"),
        (("--node-ids", "0,1", "--brokers", "3"), "brokers is 3, and node_ids has 2 (0, 1): leave one of them out"),
    ],
)
def test_serve_refuses_ids_in_a_line(options, why):
    server = Program(sys.executable, "-m", "actors.cli.main", "serve", "--listen", "127.0.0.1:0", *options)
    assert server.finish() == 2
    assert len(server.errors) == 1
    assert why in server.errors[0]
