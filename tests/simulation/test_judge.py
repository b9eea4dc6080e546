"""The judge of a running cluster and the faults that it judges under, each by itself."""

import pytest

from actors.cluster import Cluster
from actors.simulation.faults import KINDS, FaultSchedule
from actors.simulation.history import History
from actors.simulation.invariants import Judge
from actors.simulation.ledger import Violation
from actors.simulation.producer_judge import judge_producers
from actors.simulation.run import CONFIG, Run
from kstore.fs import MemoryFileSystem
from kstore.log import Log, LogConfig
from kstore.records import BatchBuilder, parse_batches


def log_of_producer(*sequences: int) -> Log:
    log = Log.open(MemoryFileSystem(), "orders-0", LogConfig(), now_ms=0)
    for sequence in sequences:
        builder = BatchBuilder(base_timestamp=0, producer_id=7, producer_epoch=0, base_sequence=sequence)
        builder.append(0, None, b"value")
        log.append_as_leader([parse_batches(builder.build())], 0, 0)
    return log


def test_a_producer_state_that_is_a_replay_of_the_log_passes() -> None:
    judge_producers(log_of_producer(0, 1, 2, 3, 4, 5, 6), "orders-0")


def test_a_producer_state_of_another_log_is_seen() -> None:
    log = log_of_producer(0, 1, 2)
    log.producers = log_of_producer(0, 1).producers
    with pytest.raises(Violation, match="the producer state is a replay of the log"):
        judge_producers(log, "orders-0")
    log.producers = log_of_producer().producers
    with pytest.raises(Violation, match="the producer state is a replay of the log"):
        judge_producers(log, "orders-0")


def test_what_clients_find_out_ends_the_run_at_once() -> None:
    run = Run(3)
    run.history.find("lost write", "by hand")
    with pytest.raises(Violation, match="lost write: by hand"):
        run.play()


def test_the_offsets_of_a_replica_stand_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(4)
    run.play()
    ((replica, *_), *_) = run.judge.replicas().values()
    run.judge.judge_offsets(replica)
    monkeypatch.setattr(Log, "last_stable_offset", replica.log.end_offset + 1)
    with pytest.raises(Violation, match="start <= last stable <= high watermark <= end"):
        run.judge.judge_offsets(replica)


def test_an_open_transaction_that_counts_as_stable_is_seen() -> None:
    run = Run(4)
    run.play()
    ((replica, *_), *_) = (some for some in run.judge.replicas().values() if some[0].log.end_offset > 1)
    shadow = run.judge.book(replica.label).shadow(replica.node.node_id)
    run.judge.judge_stable(replica, shadow)
    shadow.began[7] = replica.log.last_stable_offset - 1
    with pytest.raises(Violation, match="nothing of an open transaction is stable"):
        run.judge.judge_stable(replica, shadow)


def test_what_is_stable_and_falls_is_seen() -> None:
    run = Run(4)
    run.play()
    replica = next(each for some in run.judge.replicas().values() for each in some if each.leader is not None)
    shadow = run.judge.book(replica.label).shadow(replica.node.node_id)
    shadow.stable = (replica.leader_epoch, replica.log.last_stable_offset + 1)
    with pytest.raises(Violation, match="what is stable only rises"):
        run.judge.judge_stable(replica, shadow)


def test_other_bytes_on_one_replica_are_seen_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(4)
    run.play()
    run.judge.judge_everything()
    some = next(some for some in run.judge.replicas().values() if some[0].log.end_offset > 1)
    monkeypatch.setattr(some[0], "log", log_of_producer(0))
    monkeypatch.setattr(run.judge, "judge_replica", lambda _: None)
    with pytest.raises(Violation, match="the same bytes on every replica"):
        run.judge.judge_everything()


@pytest.mark.parametrize("seed", range(1, 7))
def test_after_any_faults_the_cluster_is_whole_again(seed: int) -> None:
    cluster = Cluster(brokers=3, seed=seed, config=CONFIG)
    judge = Judge(cluster, History())
    cluster.world.driver.after_event = judge.look  # type: ignore[attr-defined]
    faults = FaultSchedule(cluster, lambda: [-1, -2])
    for _ in range(40):
        cluster.world.driver.drive(lambda: False, faults.step())
    faults.stop()
    cluster.wait_for(cluster.is_ready, 30)
    assert not cluster.net.cuts
    assert all(node.alive for node in cluster.nodes.values())
    assert sum(faults.done.values()) == 40
    assert set(faults.done) <= set(KINDS)
    cluster.close()
