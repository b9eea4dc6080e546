"""Why a consumer group rebalanced, asked of real runs: what began the epoch, what moved, and who holds it up."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.cli.main import main
from actors.trace import Trace
from actors.trace.consumer_rebalances import kind_of
from actors.trace.rebalance import Rebalance
from kstore import Cluster, ConsumerRebalanceListener

GROUP = "shipping"
CONFIG = {
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.session.timeout.ms": "6000",
    "group.consumer.heartbeat.interval.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "1000",
}


@pytest.fixture
def cluster(seed: int) -> Iterator[Cluster]:
    with Cluster(brokers=1, seed=seed, config=CONFIG) as cluster:
        cluster.create_topic("orders", partitions=4)
        yield cluster


class Program(ConsumerRebalanceListener):
    """A consumer's program beside the test: it polls until told to stop, and may be slow to give up partitions."""

    def __init__(self, cluster: Cluster, *, slow_s: float = 0, **how: Any) -> None:
        self.cluster, self.slow_s, self.over, self.wants = cluster, slow_s, False, ["orders"]
        self.consumer: Any = None
        cluster.spawn(self.run, how)

    def run(self, how: dict[str, Any]) -> None:
        self.consumer = self.cluster.consumer(group_id=GROUP, **{"group_protocol": "consumer", **how})
        subscribed: list[str] = []
        while not self.over:
            if subscribed != self.wants:
                self.consumer.subscribe(self.wants, listener=self)
                subscribed = self.wants
            self.consumer.poll(timeout_ms=100)
        self.consumer.close()

    def on_partitions_revoked(self, revoked: object) -> None:
        if revoked and self.slow_s:
            self.cluster.run_for(self.slow_s)

    def on_partitions_assigned(self, assigned: object) -> None:
        pass

    @property
    def member_id(self) -> str:
        return str(self.consumer.group_metadata().member_id)


def pair(cluster: Cluster, **how: Any) -> tuple[Program, Program]:
    """A program that has everything, and a second that begins; ``how`` is for the first."""
    first = Program(cluster, **how)
    cluster.wait_for_group(GROUP, members=1, state="Stable")
    cluster.wait_for(lambda: first.member_id)
    return first, Program(cluster)


def why(cluster: Cluster) -> Rebalance:
    return cluster.trace.why_rebalance(GROUP)


def whats(found: Rebalance) -> list[str]:
    return [step.what for step in found.steps]


def test_a_second_member_joins_and_partitions_move_to_it(cluster: Cluster) -> None:
    first, second = pair(cluster)
    cluster.wait_for_group(GROUP, members=2, state="Stable")
    found = why(cluster)
    old, new = first.member_id, second.member_id
    assert (found.kind, found.reason, found.state, found.members) == ("join", f"{new} joined", "Stable", 2)
    assert (found.generation_before, found.generation) == (2, 3)
    assert found.root is not None
    assert found.root.what == "Consumer.poll at consumer-2/consumer"
    assert whats(found) == [
        f"epoch 3 begins, with 2 members: {new} joined",
        f"the assignment of epoch 3: {old} loses orders-2 orders-3; {new} gets orders-2 orders-3",
        f"{old} is told to give up orders-2 orders-3",
        f"{old} has given up orders-2 orders-3",
        f"{new} gets orders-2 orders-3 in epoch 3",
        "stable in epoch 3: all have what they are to have",
    ]
    assert "epoch 2 to 3, 2 members, took " in str(found)
    assert (found.held, found.awaited) == ([], [])


def test_it_says_who_holds_a_rebalance_up_and_since_when(cluster: Cluster) -> None:
    first, _ = pair(cluster, slow_s=60)
    cluster.run_for(30)
    found = why(cluster)
    assert (found.state, found.took_us, found.awaited) == ("Reconciling", -1, [first.member_id])
    (held,) = found.held
    assert (held.member, held.partitions, held.is_told) == (first.member_id, "orders-2 orders-3", True)
    assert held.for_us > 25_000_000
    assert f"it waits for {first.member_id} to give up orders-2 orders-3: it was told " in str(found)
    assert found.to_dict()["held"] == [held.to_dict()]


def test_a_member_that_is_still_to_be_told_is_said_to_be_so(cluster: Cluster) -> None:
    first, second = pair(cluster)
    cluster.wait_for(lambda: why(cluster).members == 2)
    cluster.faults.partition(first.consumer, 1)
    cluster.run_for(3)
    found = why(cluster)
    (held,) = found.held
    assert (held.member, held.is_told) == (first.member_id, False)
    assert "it is to be told with its next heartbeat" in str(found)
    assert second.member_id in found.reason


def test_a_member_that_takes_too_long_to_give_up_is_removed_by_a_timer(cluster: Cluster) -> None:
    first, second = pair(cluster, slow_s=100, max_poll_interval_ms=10_000)
    member_id = first.member_id
    cluster.run_for(40)
    found = why(cluster)
    assert (found.kind, found.state) == ("revocation expired", "Stable")
    assert found.reason == f"{member_id} didn't give up its partitions in 10000 ms"
    assert found.root is not None
    assert found.root.sort == "timer"
    assert f"{second.member_id} gets orders-0 orders-1" in " ".join(whats(found))


def test_a_session_expires_and_faults_are_told_with_it(cluster: Cluster) -> None:
    first, second = pair(cluster)
    cluster.wait_for_group(GROUP, members=2, state="Stable")
    lost, kept = first.member_id, second.member_id
    cluster.faults.partition(first.consumer, 1)
    cluster.run_for(15)
    found = why(cluster)
    assert (found.kind, found.reason) == ("session expired", f"{lost} sent no heartbeat in 6000 ms")
    assert whats(found)[0].startswith("the links between ")
    assert f"{lost} has given up orders-0 orders-1" in whats(found)
    assert f"{kept} gets orders-0 orders-1 in epoch 4" in whats(found)


def test_members_leave_until_the_group_is_empty(cluster: Cluster) -> None:
    first, second = pair(cluster)
    cluster.wait_for_group(GROUP, members=2, state="Stable")
    left, last = first.member_id, second.member_id
    first.over = True
    cluster.wait_for_group(GROUP, members=1, state="Stable")
    assert (why(cluster).kind, why(cluster).reason) == ("leave", f"{left} left")
    second.over = True
    cluster.wait_for_group(GROUP, members=0, state="Empty")
    found = why(cluster)
    assert (found.kind, found.state, found.members) == ("leave", "Empty", 0)
    assert whats(found)[-1] == f"empty in epoch 5: {last} left"


def test_a_topic_grows_and_that_is_where_the_chain_ends(cluster: Cluster) -> None:
    Program(cluster)
    cluster.wait_for_group(GROUP, members=1, state="Stable")
    with cluster.admin() as admin:
        admin.create_partitions({"orders": 6})
    cluster.run_for(10)
    found = why(cluster)
    assert (found.kind, found.state) == ("partitions changed", "Stable")
    assert whats(found)[0].startswith("topic orders grows from 4 to 6 partitions, caused by ")
    assert "gets orders-4 orders-5" in " ".join(whats(found))
    assert found.root is not None
    assert "Admin.create_partitions" in found.root.what


def test_a_member_that_subscribes_to_something_else_says_to_what(cluster: Cluster) -> None:
    cluster.create_topic("users")
    first = Program(cluster)
    cluster.wait_for_group(GROUP, members=1, state="Stable")
    first.wants = ["orders", "users"]
    cluster.run_for(10)
    found = why(cluster)
    assert (found.kind, found.reason) == ("subscription changed", f"{first.member_id} subscribes to orders, users")


def test_a_broker_in_another_rack_begins_an_epoch_and_is_the_cause(cluster: Cluster) -> None:
    Program(cluster)
    cluster.wait_for_group(GROUP, members=1, state="Stable")
    node = cluster.nodes[1]
    image = node.view.image
    brokers = {number: broker._replace(rack="east") for number, broker in image.brokers.items()}
    node.view = node.view._replace(image=image._replace(brokers=brokers))
    cluster.run_for(10)
    found = why(cluster)
    assert (found.kind, found.reason) == ("racks changed", "the racks of replicas have changed")
    assert (found.generation, found.state) == (3, "Stable")


def test_a_group_that_migrates_says_so_both_ways(cluster: Cluster) -> None:
    """A member of the consumer protocol joins a classic group, and leaves it again."""
    old = Program(cluster, group_protocol="classic")
    cluster.wait_for_group(GROUP, members=1, state="Stable")
    cluster.wait_for(lambda: old.member_id)
    new = Program(cluster)
    cluster.wait_for_group(GROUP, members=2, state="Stable")
    found, joined = why(cluster), new.member_id
    assert (found.kind, found.reason, found.state) == ("migration", f"{joined} joined", "Stable")
    assert (found.generation_before, found.generation) == (1, 2)
    assert whats(found)[0] == f"the classic group becomes a consumer group: {joined} joined"
    assert f"{joined} gets orders-2 orders-3 in epoch 2" in whats(found)
    new.over = True
    cluster.wait_for_group(GROUP, members=1, state="Stable")
    found = why(cluster)
    assert (found.kind, found.reason, found.members) == ("migration", f"{joined} left", 1)
    assert whats(found)[0] == f"the consumer group becomes a classic group: {joined} left"


def test_a_file_has_the_same_answer_and_the_command_names_the_group(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair(cluster)
    cluster.wait_for_group(GROUP, members=2, state="Stable")
    path = str(tmp_path / "run.ktrace")
    cluster.trace.save(path)
    assert Trace.load(path).why_rebalance(GROUP).to_dict() == why(cluster).to_dict()
    assert main(["trace", path]) == 0
    assert f"  groups: {GROUP}\n" in capsys.readouterr().out
    assert main(["trace", path, "--group", GROUP]) == 0
    assert capsys.readouterr().out == f"{why(cluster)}\n"


def test_the_coordinators_words_have_kinds() -> None:
    assert kind_of("the regular expression orders-.* matches orders-eu, orders-us") == "regular expression"
    assert kind_of("the regular expression a joined matches no topic") == "regular expression"
    assert kind_of("a subscribes to the regular expression b left") == "subscription changed"
    assert kind_of("a left for now") == "leave"
    assert kind_of("a would have another assignor") == "assignor changed"
    assert kind_of("topics, their partitions or the racks of their replicas have changed") == "partitions changed"
    assert kind_of("something else") == "other"
