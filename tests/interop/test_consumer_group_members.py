"""Members of consumer groups (KIP-848) by clients of other languages: Apache Kafka's own in Java, and franz-go.

They share partitions and hand them over, commit, come back as static members, and have the broker match an expression.
Apache Kafka's own tool describes their groups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from clients.targets import FAST
from confluent_kafka import Producer
from interop.transacting import built_by_go, java_program
from processes import Program
from waiting import wait_until

from bench.peers import kafka
from kstore import Cluster

pytestmark = pytest.mark.oracle

PARTITIONS = 6
COMMANDS: dict[str, Callable[[], list[str]]] = {
    "java": lambda: java_program("Member.java"),
    "franz-go": lambda: built_by_go("member"),
}
GROUPS = {"java": ("java",) * 3, "franz-go": ("franz-go",) * 3, "both": ("java", "franz-go", "java")}
TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(3, listen="127.0.0.1:0", config=FAST) as found:
        yield found


class Group:
    """The members of a group, each a process, and what they have printed."""

    def __init__(self, cluster: Cluster, run: Callable[..., Program], name: str) -> None:
        self.cluster = cluster
        self.run = run
        self.name = name
        self.members: list[Program] = []

    def join(self, client: str, subscription: str, instance: str = "", *more: str) -> Program:
        what = self.cluster.bootstrap_servers, self.name, instance, subscription, *more
        started = self.run(*COMMANDS[client](), *what)
        self.members.append(started)
        return started

    def has_shared(self, *sizes: int) -> None:
        """Wait until each partition has one owner, and the members so many of them, in any order."""
        wanted = sorted(sizes)

        def is_shared() -> bool:
            shares = [holding(each) for each in self.members]
            return sorted(map(len, shares)) == wanted and len(set().union(*shares)) == sum(wanted)

        wait_until(is_shared, what=f"shares of {sizes}", timeout_s=60)

    def received(self) -> list[str]:
        return [line.split()[-1] for each in self.members for line in each.lines if line.startswith("received")]

    def has_received(self, count: int) -> None:
        wait_until(lambda: len(self.received()) >= count, what=f"{count} records", timeout_s=60)

    def kind(self) -> str:
        """The type of the group, as the broker lists it."""
        with self.cluster.admin() as admin:
            return {each.group_id: each.type for each in admin.list_groups()}[self.name]

    def leave(self, member: Program) -> None:
        assert member.stop() in (0, 143), member.errors  # 143: a JVM that was asked to end
        assert holding(member) == set(), "what it gives up is told before it leaves"


def holding(member: Program) -> set[str]:
    told = [line for line in member.lines if line.startswith("holding")]
    return set(told[-1].split()[1:]) if told else set()


@pytest.fixture
def group(cluster: Cluster, run: Callable[..., Program], request: pytest.FixtureRequest) -> Group:
    return Group(cluster, run, re.sub(r"[^a-z-]+", "-", request.node.name.removeprefix("test_")))


def produce(cluster: Cluster, topic: str, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    for number in numbers:
        producer.produce(topic, str(number), partition=number % PARTITIONS)
    assert producer.flush(60) == 0


def described(cluster: Cluster, group: str, *what: str) -> list[list[str]]:
    """The lines of Kafka's tool, cut into columns, its head left out."""
    told = kafka.tool(TOOL, "--bootstrap-server", cluster.bootstrap_servers, "--describe", "--group", group, *what)
    lines = [line.split() for line in told.splitlines() if line.startswith(group)]
    assert lines, told
    return lines


@pytest.mark.parametrize("clients", GROUPS)
def test_members_share_a_topic_and_hand_over_what_they_have_not_read(
    cluster: Cluster, group: Group, clients: str
) -> None:
    topic = f"topic-of-{group.name}"
    cluster.create_topic(topic, partitions=PARTITIONS)
    produce(cluster, topic, range(60))
    one, two, three = GROUPS[clients]
    first = group.join(one, topic)
    group.has_shared(6)
    group.has_received(60)
    group.join(two, topic)
    group.has_shared(3, 3)
    group.join(three, topic)
    group.has_shared(2, 2, 2)
    produce(cluster, topic, range(60, 120))
    group.has_received(120)
    wait_until(lambda: sum(cluster.lag(group.name).values()) == 0, what="all commits", timeout_s=60)

    assert [(row[-2], row[-1]) for row in described(cluster, group.name, "--state")] == [("Stable", "3")]
    assert sorted(row[4] for row in described(cluster, group.name, "--members")) == ["2"] * 3
    lags = {int(row[2]): row[5] for row in described(cluster, group.name)}
    assert lags == dict.fromkeys(range(PARTITIONS), "0")

    group.leave(first)
    group.has_shared(0, 3, 3)
    produce(cluster, topic, range(120, 150))
    group.has_received(150)
    assert sorted(map(int, group.received())) == list(range(150)), "nothing is lost, and nothing is read twice"
    for each in group.members[1:]:
        group.leave(each)


def test_a_static_member_that_is_started_anew_has_its_partitions_again(cluster: Cluster, group: Group) -> None:
    """Java's: franz-go 1.22.3 leaves out its instance id when it leaves for now, which Kafka and kstore refuse."""
    client = "java"
    topic = f"topic-of-{group.name}"
    cluster.create_topic(topic, partitions=PARTITIONS)
    other = group.join(client, topic, "other")
    fixed = group.join(client, topic, "fixed")
    group.has_shared(3, 3)
    had, told = holding(fixed), list(other.lines)
    group.leave(fixed)
    group.members.remove(fixed)
    group.join(client, topic, "fixed")
    group.has_shared(3, 3)
    assert holding(group.members[-1]) == had
    assert other.lines == told, "nobody else is told of anything"


@pytest.mark.parametrize("client", COMMANDS)
def test_the_broker_matches_an_expression_with_topics_that_come_later_too(
    cluster: Cluster, group: Group, client: str
) -> None:
    family = f"family-of-{group.name}"
    cluster.create_topic(f"{family}-a", partitions=1)
    cluster.create_topic(f"not-{family}-a", partitions=1)
    member = group.join(client, f"/^{family}-.*/")  # franz-go takes any part of a name for a match
    wait_until(lambda: holding(member) == {f"{family}-a-0"}, what="the topic that matches", timeout_s=60)
    cluster.create_topic(f"{family}-b", partitions=2)
    later = {f"{family}-a-0", f"{family}-b-0", f"{family}-b-1"}
    wait_until(lambda: holding(member) == later, what="the topic that came later", timeout_s=60)
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    producer.produce(f"{family}-b", "new", partition=1)
    assert producer.flush(30) == 0
    wait_until(lambda: group.received() == ["new"], what="its record", timeout_s=60)
    (row,) = described(cluster, group.name, "--state")
    assert row[-2:] == ["Stable", "1"]


def test_members_of_both_protocols_share_a_topic_while_their_group_migrates_and_back(
    cluster: Cluster, group: Group
) -> None:
    topic = f"topic-of-{group.name}"
    cluster.create_topic(topic, partitions=PARTITIONS)
    produce(cluster, topic, range(60))
    for count, (protocol, kind) in enumerate(
        [("classic", "classic"), ("consumer", "consumer"), ("classic", "consumer")]
    ):
        group.join("java", topic, "", protocol)
        group.has_shared(*[PARTITIONS // (count + 1)] * (count + 1))
        assert group.kind() == kind
        produce(cluster, topic, range(60 * (count + 1), 60 * (count + 2)))
        group.has_received(60 * (count + 2))
    wait_until(lambda: sum(cluster.lag(group.name).values()) == 0, what="all commits", timeout_s=60)
    group.leave(group.members[1])  # with the last member of the consumer protocol the group becomes classic again
    group.has_shared(0, 3, 3)
    assert group.kind() == "classic"
    produce(cluster, topic, range(240, 300))
    group.has_received(300)
    assert sorted(map(int, group.received())) == list(range(300)), "nothing is lost, and nothing is read twice"
