"""The recipes of ``docs/delivery.md`` keep their promises when a consumer is killed at the worst moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from clients import delivery
from clients.consuming import QUICK, crash
from clients.delivery import Enough, recipes

from actors.clients.errors import ClientClosed
from kstore import Cluster, Producer

COUNT = 10
PORTION = 4
EVERYTHING = [f"record-{number}" for number in range(COUNT)]


def keeps_promise(recipe: str, handled: list[str], killed_after: int) -> None:
    """What the two promises come to, and that the kill did hurt."""
    times = Counter(handled)
    if recipe == "at_most_once":
        assert max(times.values()) == 1
        lost = [each for each in EVERYTHING if each not in times]
        assert lost == EVERYTHING[killed_after:PORTION]
    else:
        assert [each for each in EVERYTHING if each not in times] == []
        again = [each for each in EVERYTHING if times[each] == 2]
        first = 0 if recipe == "at_least_once" else killed_after - 1
        assert again == EVERYTHING[first:killed_after]


@pytest.mark.parametrize("killed_after", [1, 3, PORTION])
@pytest.mark.parametrize("recipe", recipes())
def test_a_client_that_is_killed_in_the_process(cluster: Cluster, recipe: str, killed_after: int) -> None:
    cluster.create_topic("orders", partitions=1, replication_factor=3)
    with cluster.producer() as producer:
        for each in EVERYTHING:
            producer.send("orders", each.encode())
        producer.flush()
    handled: list[str] = []
    how = QUICK | {"group_id": "g", "enable_auto_commit": False, "max_poll_records": PORTION}

    def handle(record: Any) -> None:
        handled.append(record.value.decode())
        if len(handled) == killed_after:
            crash(cluster, consumer)
            raise ClientClosed("killed")
        if handled[-1] == EVERYTHING[-1]:
            raise Enough

    consumer = cluster.consumer("orders", session_timeout_ms=300, **how)
    with pytest.raises(ClientClosed):
        recipes()[recipe](consumer, handle)
    consumer.close()
    with cluster.consumer("orders", **how) as consumer, pytest.raises(Enough):
        recipes()[recipe](consumer, handle)
    keeps_promise(recipe, handled, killed_after)


@pytest.mark.parametrize("killed_after", [1, PORTION])
@pytest.mark.parametrize("recipe", recipes())
def test_a_process_that_is_killed(served: str, tmp_path: Path, recipe: str, killed_after: int) -> None:
    topic = f"delivery-{recipe}-{killed_after}"
    with Producer(bootstrap_servers=served) as producer:
        for each in EVERYTHING:
            producer.send(topic, each.encode(), partition=0)
        producer.flush()
    path = tmp_path / "handled"
    path.touch()
    program = [sys.executable, delivery.__file__, served, topic, topic, recipe, str(path), str(COUNT)]
    died = subprocess.run([*program, str(killed_after)], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    subprocess.run([*program, "0"], check=True, timeout=60)
    keeps_promise(recipe, path.read_text().split(), killed_after)
