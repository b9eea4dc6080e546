"""What importing costs: nothing heavy is loaded for a cluster in memory, nor for a name that isn't asked for.

The time is measured in bench; here stands what makes it, which a noisy machine doesn't change.
"""

import subprocess
import sys

import kstore

HEAVY = {"numpy", "asyncio", "rich", "ssl", "uvloop", "xxhash", "cramjam", "isal", "zstandard", "pytest", "hypothesis"}


def loaded_by(program: str) -> set[str]:
    """The modules that a fresh interpreter loads for a program, by full name."""
    show = f"import sys; before = set(sys.modules)\n{program}\nprint('loaded:', *sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rsplit("loaded:", 1)[1].split())


def roots(names: set[str]) -> set[str]:
    return {name.split(".", 1)[0] for name in names}


def test_importing_kstore_alone_loads_no_actor() -> None:
    assert not {"actors", "pykka"} & roots(loaded_by("import kstore"))


def test_a_cluster_loads_nothing_heavy() -> None:
    assert not HEAVY & roots(loaded_by("import kstore; kstore.Cluster"))


def test_a_running_cluster_in_memory_loads_nothing_heavy() -> None:
    assert not HEAVY & roots(loaded_by("import kstore\nwith kstore.Cluster(3) as c: c.create_topic('t')"))


def test_every_name_of_the_package_is_there() -> None:
    assert {name for name in kstore.__all__ if getattr(kstore, name, None) is None} == set()


def test_a_name_that_isnt_there_is_an_attribute_error() -> None:
    assert not hasattr(kstore, "Zookeeper")
    assert set(kstore.__all__) <= set(dir(kstore))
