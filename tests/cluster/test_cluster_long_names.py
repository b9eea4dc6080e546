"""Topics whose names are as long as a file system takes them, from their making to the last of their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.cluster import Cluster

LONGEST = "a" * 249


def delete(cluster: Cluster) -> None:
    with cluster.admin() as admin:
        admin.delete_topics([LONGEST])


def folders_of(path: Path) -> list[str]:
    return [found.name for found in path.rglob("a*") if found.is_dir()]


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_topic_with_the_longest_name_is_deleted_and_made_again(where, tmp_path):
    with Cluster(3, seed=3, data_dir=tmp_path if where == "disk" else None) as cluster:
        for _ in range(2):
            cluster.create_topic(LONGEST, partitions=12)
            delete(cluster)
        cluster.wait_for(lambda: all(not node.view.replicas for node in cluster.nodes.values()))
        cluster.world.driver.drive(lambda: False, 5)
        assert not folders_of(tmp_path)


def test_a_topic_with_the_longest_name_that_left_while_a_broker_was_away_is_set_aside(tmp_path):
    with Cluster(3, seed=3, data_dir=tmp_path) as cluster:
        cluster.create_topic(LONGEST, partitions=3)
        cluster.faults.kill(2)
        delete(cluster)
        cluster.faults.restart(2)
        cluster.wait_for(lambda: all(name.endswith("-stray") for name in folders_of(tmp_path)))
        assert len(folders_of(tmp_path)) == 3
        cluster.create_topic(LONGEST, partitions=3)


def test_a_deletion_that_a_crash_cut_short_is_ended_by_the_next_start(tmp_path):
    with Cluster(1, seed=3, data_dir=tmp_path) as cluster:
        cluster.create_topic("kept")
    (node,) = (found for found in tmp_path.iterdir() if found.is_dir())
    doomed = node / f"{'a' * 213}-0.{'0' * 32}-delete"
    doomed.mkdir()
    (doomed / "00000000000000000000.log").write_bytes(b"")
    with Cluster(1, seed=3, data_dir=tmp_path) as cluster:
        cluster.wait_for(lambda: not doomed.exists())
        assert "kept" in cluster.image().topics
