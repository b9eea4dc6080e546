"""Disks of a size that fill up: what doesn't fit is refused, nothing is lost, and all goes on once there is room."""

import pytest
from partition.client import values

from actors.cluster import nodes
from kstore.errors import KafkaStorageError
from kstore.fs.forgetful import ForgetfulFileSystem

CAPACITY_BYTES = 4 << 20


@pytest.fixture
def full(monkeypatch):
    """Have the clusters of this test keep their files on disks of ``CAPACITY_BYTES``; the list has them."""
    made: list[ForgetfulFileSystem] = []

    def one() -> ForgetfulFileSystem:
        made.append(ForgetfulFileSystem(capacity_bytes=CAPACITY_BYTES))
        return made[-1]

    monkeypatch.setattr(nodes, "MemoryFileSystem", one)
    return made


def value(number: int) -> bytes:
    return b"%09d" % number + bytes(90_000)


def fill(client) -> list[bytes]:
    """Produce until it is refused three times in a row; what was acknowledged."""
    taken, refused, number = [], 0, 0
    while refused < 3:
        leader = client.leader("t")
        if leader < 0:
            refused += 1
            client.run(1)
            continue
        answer = client.produce("t", value(number), node=leader)
        if answer.error_code:
            assert answer.error_code in (KafkaStorageError.code, 6, 19, 20), answer
            refused += 1
            client.run(1)
        else:
            refused = 0
            taken.append(value(number))
        number += 1
    return taken


def content(client) -> list[bytes]:
    found: list[bytes] = []
    while batches := values(client.fetch("t", len(found)).records or b""):
        found += batches
    return found


@pytest.mark.parametrize("brokers", [1, 3])
def test_a_full_disk_refuses_what_does_not_fit_loses_nothing_and_heals_when_there_is_room(start, full, brokers):
    client = start(brokers=brokers)
    client.create("t", copies=brokers, segment_bytes=str(1 << 20))
    taken = fill(client)
    assert len(taken) > 20
    client.run(120)
    assert len(client.cluster.living()) == brokers
    for disk in full:
        disk.capacity_bytes = None
    client.wait_for_leader("t")
    client.cluster.wait_for(lambda: len(client.partition("t").isr) == brokers, 60)
    found = content(client)
    assert [each for each in found if each in taken] == taken  # what was refused may be there: it was written elsewhere
    assert client.produce("t", b"after").error_code == 0
    assert content(client)[-1] == b"after"
    ends = {client.replica(node, "t").log.end_offset for node in client.partition("t").replicas}
    client.run(1)
    assert len(ends) == 1
