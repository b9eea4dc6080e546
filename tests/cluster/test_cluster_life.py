"""How clusters live beside each other and how they end: threads, exits, exceptions, forks, a thousand in a row."""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from cluster.speaking import Speaker

from actors.cluster import Cluster
from actors.runtime.driver import DriverClosed, ForkedError, NodeCrashed
from kstore.errors import TopicAlreadyExists
from kstore.errors.config import ConfigError
from kstore.named import NamedTuple

KINDS = {"real": {}, "seed": {"seed": 1}, "listen": {"listen": "127.0.0.1:0"}}


@pytest.fixture(params=list(KINDS))
def kind(request):
    return KINDS[request.param]


def say(cluster: Cluster, value: bytes) -> list[bytes]:
    """Make a topic, put a record into it, and read all that is there."""
    cluster.create_topic("t")
    Speaker(cluster).say("t", value)
    return [record.value for record in cluster.records("t", 1)]


def outcome_of_child(action) -> str:
    """What an action in a forked child came to: the name of its error, or what it returned."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            told = str(action())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            told = type(error).__name__
        os.write(write, told.encode())
        os._exit(0)
    os.close(write)
    told = os.read(read, 1000).decode()
    os.close(read)
    os.waitpid(child, 0)
    return told


def test_two_clusters_in_a_process_share_nothing(kind):
    with Cluster(2, **kind) as one, Cluster(3, **kind) as other:
        assert say(one, b"one") == [b"one"]
        assert say(other, b"other") == [b"other"]
        one.faults.kill(2)
        assert other.is_ready()
        one.close()
        assert [record.value for record in other.records("t", 1)] == [b"other"]


def test_clusters_are_made_and_used_in_several_threads_at_once(kind):
    found: dict[int, list[bytes]] = {}

    def live(number: int) -> None:
        with Cluster(2, **kind) as cluster:
            found[number] = say(cluster, b"%d" % number)

    threads = [threading.Thread(target=live, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [b"%d" % number] for number in range(4)}


@pytest.mark.parametrize("how", [{}, {"listen": "127.0.0.1:0"}], ids=["real", "listen"])
def test_one_cluster_is_used_by_several_threads_at_once(how):
    with Cluster(3, **how) as cluster:
        threads = [threading.Thread(target=cluster.create_topic, args=(f"t{number}", 2)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(cluster.leader(f"t{number}", 1) > 0 for number in range(6))


@pytest.mark.parametrize("how", [{}, {"listen": "127.0.0.1:0"}], ids=["real", "listen"])
def test_a_close_ends_the_waits_of_other_threads(how):
    cluster = Cluster(**how)
    waits = threading.Event()
    ended: list[type] = []

    def wait() -> None:
        try:
            cluster.world.driver.drive(waits.set)
        except DriverClosed as error:
            ended.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    waits.wait()
    cluster.close()
    thread.join()
    assert ended == [DriverClosed]


@pytest.mark.parametrize("error", [AssertionError, TimeoutError, TopicAlreadyExists])
def test_an_exception_that_the_cluster_may_have_led_to_takes_the_end_of_the_trace_along(kind, error):
    cluster = Cluster(2, **kind)
    with pytest.raises(error) as raised, cluster:
        raise error("x")
    assert cluster.closed
    (note,) = raised.value.__notes__
    assert "rows of the trace" in note
    assert "broker-1#1" in note


@pytest.mark.parametrize("error", [ZeroDivisionError, TypeError, ConfigError, KeyboardInterrupt])
def test_an_exception_that_has_nothing_to_do_with_the_cluster_stays_as_it_is(kind, error):
    cluster = Cluster(2, **kind)
    with pytest.raises(error) as raised, cluster:
        raise error("x")
    assert cluster.closed
    assert not hasattr(raised.value, "__notes__")


def test_an_exception_of_the_user_is_not_hidden_by_a_crashed_node(kind):
    cluster = Cluster(2, **kind)
    cluster.world.driver.call(cluster.world.met_defect, AssertionError("a defect"))
    with pytest.raises(ZeroDivisionError) as raised, cluster:
        raise ZeroDivisionError
    assert "closing the cluster raised NodeCrashed" in raised.value.__notes__[-1]


def test_a_defect_that_nobody_met_is_raised_when_the_block_ends(kind):
    with pytest.raises(NodeCrashed, match="a defect"), Cluster(**kind) as cluster:
        cluster.world.driver.call(cluster.world.met_defect, AssertionError("a defect"))


def test_a_forked_child_is_refused_and_the_parent_goes_on(kind):
    with Cluster(2, **kind) as cluster:
        for use in (
            lambda: cluster.leader("t"),
            lambda: cluster.create_topic("t"),
            lambda: cluster.run_for(1),
            lambda: cluster.faults.kill(1),
            cluster.reset,
        ):
            assert outcome_of_child(use) == ForkedError.__name__
        assert outcome_of_child(cluster.close) == "None"
        assert say(cluster, b"parent") == [b"parent"]


def test_a_forked_child_makes_a_cluster_of_its_own(kind):
    def live() -> list[bytes]:
        with Cluster(2, **kind) as own:
            return say(own, b"child")

    with Cluster(2, **kind) as cluster:
        assert outcome_of_child(live) == "[b'child']"
        assert say(cluster, b"parent") == [b"parent"]


def test_a_forked_child_leaves_its_parents_folders_locked(tmp_path):
    with Cluster(data_dir=str(tmp_path)) as cluster:
        outcome_of_child(cluster.close)
        done = ended(f"from kstore import Cluster\nCluster(data_dir={str(tmp_path)!r})")
        assert "is in use by another process" in done.stderr
        assert say(cluster, b"parent") == [b"parent"]


def ended(program: str) -> subprocess.CompletedProcess[str]:
    """A program that must come to its end by itself."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("how", ["", "seed=1", "listen='127.0.0.1:0'"])
def test_a_cluster_left_open_ends_with_the_program(how):
    done = ended(f"from kstore import Cluster\nc = Cluster(3, {how})\nc.create_topic('t')\nprint(c.leader('t') > 0)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.parametrize("how", ["", "listen='127.0.0.1:0'"])
def test_a_cluster_on_disk_left_open_is_closed_in_order_when_the_program_ends(tmp_path, how):
    done = ended(f"from kstore import Cluster\nc = Cluster(3, data_dir={str(tmp_path)!r}, {how})")
    assert (done.returncode, done.stderr) == (0, "")
    assert [(tmp_path / f"node-{node}" / ".kafka_cleanshutdown").exists() for node in (1, 2, 3)] == [True] * 3


def test_a_program_that_fails_with_a_cluster_open_ends_with_its_own_error():
    done = ended("from kstore import Cluster\nc = Cluster(3, listen='127.0.0.1:0')\nc.faults.pause(2)\n1 // 0")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("ZeroDivisionError: integer division or modulo by zero")


def test_a_program_that_forks_with_a_cluster_open_ends_in_both_processes(tmp_path):
    program = f"import os\nfrom kstore import Cluster\nc = Cluster(2, data_dir={str(tmp_path)!r})\n"
    program += "child = os.fork()\nif child: print(os.waitpid(child, 0)[1], c.is_ready())"
    done = ended(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 True\n", "")


@pytest.mark.parametrize("how", [{}, {"seed": 1}], ids=["real", "seed"])
def test_a_cluster_in_memory_that_nobody_refers_to_goes_by_itself(how):
    cluster = Cluster(2, **how)
    cluster.create_topic("t")
    gone = threading.Event()
    weakref.finalize(cluster.world, gone.set)
    del cluster
    while not gone.is_set():  # the background thread may be at work in it
        gc.collect()
        gone.wait(0.01)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


def resident_kib() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() // 1024 if statm.exists() else 0


class Held(NamedTuple):
    """What the process holds."""

    descriptors: int
    threads: int
    objects: int
    kib: int


def held_after(lives: int, kind: dict[str, Any]) -> Held:
    """What is held after so many clusters were made, used, reset and closed."""
    for _ in range(lives):
        with Cluster(2, **kind) as cluster:
            cluster.create_topic("t")
            with cluster.producer() as producer:
                producer.send("t", b"a").get(timeout=10)
            cluster.consumer("t")
            cluster.reset()
    gc.collect()
    return Held(descriptors(), threading.active_count(), len(gc.get_objects()), resident_kib())


def test_clusters_opened_and_closed_leave_no_descriptor_no_thread_and_no_object(kind):
    """At first the collector lets some garbage lie."""
    before, after = held_after(10, kind), held_after(40, kind)
    assert after.descriptors <= before.descriptors
    assert after.threads <= before.threads
    assert after.objects < before.objects + 100


@pytest.mark.full
def test_a_thousand_clusters_leave_no_memory_in_a_process_of_their_own(kind):
    """The allocator keeps what the first clusters took: memory levels off. What other tests leave isn't here. What the
    last clusters took may be free already or not: the least of some readings counts.
    """
    program = f"""
import json
from cluster.test_cluster_life import held_after
print(json.dumps([held_after(100, {kind!r}) for _ in range(13)]))
"""
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    found = [Held(*each) for each in json.loads(done.stdout)]
    first, last = found[3], found[-1]
    assert last.descriptors <= first.descriptors
    assert last.threads <= first.threads
    assert last.objects < first.objects + 100
    assert min(each.kib for each in found[8:]) < min(each.kib for each in found[3:8]) + 32 * 1024
