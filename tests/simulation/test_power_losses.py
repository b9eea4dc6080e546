"""Power losses in a simulated cluster: who may lose power, and what the disk has then."""

from actors.simulation.power_losses import PowerLosses
from actors.simulation.run import Run

SYNCED, BUDGET, NEVER = 6, 2, 4
"""Seeds by what their runs draw."""


def test_runs_take_turns_in_what_they_draw() -> None:
    for seed, power in ((SYNCED, "synced"), (BUDGET, "budget"), (NEVER, "")):
        run = Run(seed)
        assert run.power == power
        run.cluster._abandon()


def test_where_records_are_not_synced_the_last_member_of_an_in_sync_set_keeps_its_power() -> None:
    run = Run(BUDGET)
    cluster = run.cluster
    cluster.world.driver.after_event = run.look  # type: ignore[attr-defined]
    cluster.start()
    cluster.create_topic("orders", replication_factor=3)
    power = PowerLosses(cluster, run.disks, run.judge, is_synced=False)
    leader, controller = cluster.leader("orders"), cluster.voters[0]
    first = next(node for node in cluster.node_ids if node not in (leader, controller))
    assert power._others_have_all(first)
    assert not power._others_have_all(controller)
    cluster.net.cut([first], [controller], both_ways=True)
    assert not power._others_have_all(first)
    cluster.net.heal()
    for node in cluster.node_ids:
        if node not in (first, controller):
            cluster.kill_node(node)
    cluster.kill_node(controller)
    assert not power._others_have_all(first)
    cluster._abandon()


def test_a_node_that_loses_its_power_has_what_was_synced_and_may_lack_the_rest() -> None:
    run = Run(SYNCED)
    disk = run.disks.of[run.cluster.node_ids[0]]
    file = disk.open("synced", create=True)
    file.append([b"synced"], 6)
    file.sync()
    disk.sync_dir()
    lost = 0
    for number in range(20):
        disk.open(f"not-synced-{number}", create=True)
        run.disks.lose_power(run.cluster.node_ids[0])
        assert disk.read_bytes("synced") == b"synced"
        lost += not disk.exists(f"not-synced-{number}")
    assert 0 < lost < 20
    run.cluster._abandon()
