"""Starts that don't come to their end, and stops before it."""

from __future__ import annotations

import pytest

from actors.cluster import Cluster, StartError

MARK = ".kafka_cleanshutdown"


def test_a_start_that_is_given_up_ends_at_once_and_says_who_was_late(seed):
    cluster = Cluster.unstarted(3, seed=seed)
    before = cluster.world.clock.now_us()
    with pytest.raises(StartError) as refusal:
        cluster.start(given_up=lambda: cluster.nodes)
    assert cluster.world.clock.now_us() - before < 1_000_000
    assert str(refusal.value) == "the start was given up: node 1, 2, 3 not registered and unfenced yet"
    cluster.close()


def test_a_start_that_gets_nowhere_ends_after_its_time_and_says_who_was_late(seed):
    cluster = Cluster.unstarted(3, seed=seed)
    cluster.net.cut([2], [1, 3])
    with pytest.raises(StartError) as refusal:
        cluster.start()
    assert str(refusal.value) == "not ready after 60 seconds: node 2 not registered and unfenced yet"
    cluster.close()


def test_a_start_in_real_time_is_given_up_too():
    cluster = Cluster.unstarted(3, listen="127.0.0.1:0")
    cluster.net.cut([2], [1, 3])
    with pytest.raises(StartError):
        cluster.start(given_up=lambda: True)
    cluster.close()


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "unclean"])
def test_a_stop_before_the_logs_were_opened_leaves_the_folder_as_clean_as_it_was(start, tmp_path, clean):
    client = start(data_dir=str(tmp_path))
    client.create("t")
    client.say("t", b"said")
    client.wait_for_isr("t")
    client.cluster.close()
    mark = tmp_path / "node-3" / MARK
    assert mark.exists()
    if not clean:
        mark.unlink()
    cluster = Cluster.unstarted(3, data_dir=str(tmp_path), seed=1)
    with pytest.raises(StartError):
        cluster.start(given_up=lambda: cluster.nodes)
    cluster.close()
    assert mark.exists() == clean
    again = start(data_dir=str(tmp_path))
    again.wait_for_isr("t")
    assert again.everything("t") == [b"said"]
