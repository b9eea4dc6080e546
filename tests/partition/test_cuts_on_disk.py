"""A follower on a disk that forgets: what it cuts off is never taken for damage, and none of it comes back."""

from random import Random

from log.crash_node import EachOperation
from partition.client import values
from partition.test_replication import led_away_from_the_controller, logs_are_equal

from actors.cluster import nodes
from kstore.fs.faulty import FaultyFileSystem
from kstore.fs.forgetful import ForgetfulFileSystem
from kstore.log.checkpoints import RECOVERY_POINTS, read_offsets

DRAWS = 20


def test_the_checkpoint_falls_before_what_is_durable_is_cut_and_the_cut_is_durable_before_anything_is_appended(
    start, monkeypatch
):
    disks: dict[int, ForgetfulFileSystem] = {}

    def disk() -> FaultyFileSystem:
        disks[len(disks) + 1] = inner = ForgetfulFileSystem()
        return FaultyFileSystem(inner)

    monkeypatch.setattr(nodes, "MemoryFileSystem", disk)
    client = start()
    client.create("t", partitions=3)
    index, old, _ = led_away_from_the_controller(client, "t")
    client.produce("t", b"kept", index=index)
    client.cluster.net.cut([old], [node for node in (1, 2, 3) if node != old])
    for _ in range(3):
        client.produce("t", b"lost", acks=1, index=index)
    client.replica(old, "t", index).log.flush()
    assert client.replica(old, "t", index).log.recovery_point == 4
    client.wait_for_leader("t", index, other_than=old)
    client.produce("t", b"new", index=index)
    path = f"t-{index}/{0:020d}.log"
    points, sizes, steps = set(), set(), []

    def look(operation: str, where: str) -> None:
        """At the cut and behind it, what a power loss would leave."""
        if where == path:
            steps.append(operation)
            for number in range(DRAWS):
                left = disks[old].power_loss(Random(number))
                if operation == "truncate":
                    points.add(read_offsets(left, RECOVERY_POINTS)["t", index])
                elif operation == "append":
                    sizes.add(left.size(path))

    cut_off = client.cluster.memories[old]
    assert isinstance(cut_off, FaultyFileSystem)
    cut_off.faults.append(EachOperation(look))
    client.cluster.net.heal()
    client.cluster.wait_for(lambda: len(client.partition("t", index).isr) == 3)
    client.run(1)
    assert steps[:3] == ["truncate", "sync", "append"]
    assert points == {1}, "records are promised that are about to be cut off"
    assert len(sizes) == 1, "what was cut may come back behind what is appended"
    assert logs_are_equal(client, "t", index)
    assert values(client.fetch("t", 0, index=index).records) == [b"kept", b"new"]
