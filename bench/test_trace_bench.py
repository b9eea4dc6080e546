"""What the flight recorder costs and how soon it answers. Target: 0.05 us a row, beside what Python adds for a note.

A row of a turn is a part of each hop in ``test_hop_bench.py``; here rows are noted from Python, kept, spooled to a
file, and asked about with the ring full.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.world import World, real_world
from actors.trace import Trace
from actors.trace.spool import Spool
from kstore import Cluster

ROWS = 20_000
Measure = Callable[..., Any]


def note_many(world: World) -> int:
    note, actor = world.recorder.note, world.recorder.intern("broker-1#1/replica/orders-0")
    for number in range(ROWS):
        note(actor, "BatchAppended", number, "orders-0", number, number)
    return ROWS


@pytest.mark.parametrize("spooled", [False, True], ids=["kept", "spooled to a file"])
def test_a_row_noted_from_python(measure: Measure, tmp_path: Path, spooled: bool) -> None:
    world = real_world()
    if spooled:
        Spool(world, tmp_path / "run.ktrace")
    assert measure(note_many, world, count=ROWS, unit="rows", goal=4_000_000) == ROWS


@pytest.fixture(scope="module")
def trace() -> Iterator[Trace]:
    """A full ring of a busy cluster of three."""
    with Cluster(brokers=3, seed=1) as cluster:
        cluster.create_topic("orders", partitions=3, replication_factor=3)
        with cluster.producer(acks="all") as producer:
            while cluster.world.recorder.next_sequence < 70_000:
                producer.send("orders", b"x").get(timeout=30)
        yield cluster.trace


def test_the_life_of_a_record_is_told(measure: Measure, trace: Trace) -> None:
    last = trace.recording.last_of("HighWatermarkAdvanced", partition="orders-0")
    assert last is not None
    assert measure(trace.record, "orders", 0, last.offset1 - 1, unit="answers").steps


def test_what_an_actor_did_is_told(measure: Measure, trace: Trace) -> None:
    assert measure(trace.actor, "broker-1#1/controller", unit="answers").turns


def test_a_ring_is_saved(measure: Measure, trace: Trace, tmp_path: Path) -> None:
    measure(trace.save, tmp_path / "run.ktrace", unit="files")
