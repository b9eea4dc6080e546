"""Modules that are compiled as well (``compiled.txt``) do what their Python does: a seeded run is the same."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

RUN = """
import kstore
with kstore.Cluster(3, seed=7) as cluster:
    with cluster.admin() as admin:
        admin.create_topics([kstore.NewTopic("orders", 3, 3)])
    producer = cluster.producer()
    for number in range(100):
        producer.send("orders", b"%d" % number)
    producer.flush()
    cluster.faults.kill(2)
    cluster.run_for(20)
    cluster.faults.restart(2)
    producer.send_many("orders", [b"x" * 1000] * 200)
    producer.flush()
    cluster.run_for(20)
    consumer = cluster.consumer("orders", group_id="billing", auto_offset_reset="earliest")
    found = 0
    while found < 300:
        found += sum(map(len, consumer.poll(1000).values()))
    from actors.partition.leader import leader
    print(leader.__file__.endswith(".py"), cluster.world.recorder.trace_hash())
"""

SOURCES_FIRST = """
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
loaders = (SourceFileLoader, [".py"]), (ExtensionFileLoader, EXTENSION_SUFFIXES)
sys.path_hooks.insert(0, FileFinder.path_hook(*loaders))
sys.path_importer_cache.clear()
"""


def outcome(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_seeded_run_is_the_same_in_python_and_compiled() -> None:
    is_python, trace_hash = outcome(SOURCES_FIRST + RUN)
    assert is_python == "True"
    assert outcome(RUN)[1] == trace_hash


def test_every_module_that_is_compiled_as_well_is_there_in_order() -> None:
    listed = [line.split()[0] for line in (ROOT / "compiled.txt").read_text().splitlines() if not line.startswith("#")]
    assert listed == sorted(set(listed))
    assert [name for name in listed if not (ROOT / name).is_file()] == []
