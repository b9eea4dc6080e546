"""The faults that a user asks for, in real time and on virtual time: each does what it says, and is undone."""

from __future__ import annotations

import pytest
from cluster.speaking import Speaker, answer_of

from actors.cluster import Cluster
from actors.network.link import Disconnected
from kstore.errors import InvalidRecord, NotLeaderOrFollower
from kstore.errors.config import ConfigError
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kstore.schema.messages.metadata import MetadataRequest

CONFIG = {"broker.session.timeout.ms": "1000", "broker.heartbeat.interval.ms": "200", "replica.lag.time.max.ms": "500"}


@pytest.fixture(params=["real", "seed", "listen"])
def cluster(request, seed):
    """Three brokers with short sessions, and a topic with a replica on each."""
    how = {"real": {}, "seed": {"seed": seed}, "listen": {"listen": "127.0.0.1:0"}}
    with Cluster(3, config=CONFIG, **how[request.param]) as made:
        made.create_topic("t", replication_factor=3)
        yield made


@pytest.fixture
def speaker(cluster):
    return Speaker(cluster)


def test_a_killed_leader_is_replaced_and_comes_back_as_a_follower(cluster, speaker):
    speaker.say("t", b"before")
    leader = cluster.leader("t")
    cluster.faults.kill(leader)
    cluster.faults.kill(leader)
    assert not cluster.brokers[leader].alive
    cluster.wait_for(lambda: cluster.leader("t") not in (leader, -1))
    cluster.faults.restart(leader)
    cluster.wait_for(lambda: len(cluster.isr("t")) == 3)
    assert cluster.brokers[leader].incarnation == 2
    assert [record.value for record in cluster.records("t", 1)] == [b"before"]


def test_leaders_are_elected_and_topics_made_while_broker_1_is_dead(cluster, speaker):
    cluster.faults.kill(1)
    assert not cluster.brokers[1].alive
    cluster.wait_for(lambda: cluster.image().brokers[1].fenced and cluster.leader("t") in (2, 3))
    cluster.create_topic("made", partitions=4, replication_factor=2)
    assert {cluster.leader("made", partition) for partition in range(4)} <= {2, 3}
    assert isinstance(speaker.ask(1, MetadataRequest(topics=[])), Disconnected)
    cluster.faults.kill(2)
    cluster.wait_for(lambda: cluster.leader("t") == 3)
    cluster.faults.restart(1)
    cluster.faults.restart(2)
    cluster.wait_for(lambda: len(cluster.isr("t")) == 3)
    assert speaker.say("t", b"a") == 0
    assert sorted(broker.node_id for broker in speaker.ask(1, MetadataRequest(topics=[])).brokers) == [1, 2, 3]


def test_leaders_are_elected_while_broker_1_is_paused(cluster):
    cluster.faults.pause(1)
    cluster.wait_for(lambda: cluster.leader("t") in (2, 3) and 1 not in cluster.isr("t"))
    cluster.faults.resume(1)
    cluster.wait_for(lambda: 1 in cluster.isr("t"))
    cluster.faults.pause(1)
    cluster.faults.kill(1)
    assert not cluster.brokers[1].paused
    cluster.faults.resume(1)
    cluster.faults.restart(1)
    cluster.wait_for(lambda: cluster.is_ready() and len(cluster.isr("t")) == 3)


def test_a_cluster_whose_brokers_are_all_dead_closes_and_comes_back(cluster):
    for broker in cluster.brokers:
        cluster.faults.kill(broker)
    assert not any(broker.alive for broker in cluster.brokers.values())
    for broker in cluster.brokers:
        cluster.faults.restart(broker)
    cluster.wait_for(lambda: cluster.is_ready() and cluster.leader("t") > 0)
    cluster.faults.kill(1)
    cluster.close()


def test_a_restart_of_a_living_broker_kills_it_first(cluster):
    cluster.faults.restart(3)
    cluster.wait_for(cluster.is_ready)
    assert cluster.brokers[3].alive
    assert cluster.brokers[3].incarnation == 2


def test_a_paused_broker_answers_nobody_and_then_everybody(cluster, speaker):
    leader = cluster.leader("t")
    cluster.faults.pause(leader)
    cluster.faults.pause(leader)
    assert cluster.brokers[leader].paused
    answer = speaker.send(leader, MetadataRequest(topics=[]))
    cluster.run_for(0.1)
    assert not answer
    cluster.faults.resume(leader)
    cluster.wait_for(lambda: answer)
    assert not isinstance(answer[0], Exception)
    assert not cluster.brokers[leader].paused


def test_a_broker_that_is_paused_longer_than_its_session_is_fenced_and_returns(cluster):
    cluster.faults.pause(3)
    cluster.wait_for(lambda: cluster.image().brokers[3].fenced)
    cluster.wait_for(lambda: 3 not in cluster.isr("t"))
    cluster.faults.resume(3)
    cluster.wait_for(lambda: 3 in cluster.isr("t") and cluster.is_ready())


def test_a_paused_broker_can_be_killed_and_restarted(cluster):
    cluster.faults.pause(2)
    cluster.faults.kill(2)
    cluster.faults.restart(2)
    cluster.wait_for(lambda: cluster.is_ready() and len(cluster.isr("t")) == 3)
    assert not cluster.brokers[2].paused


def test_a_cluster_with_a_paused_broker_and_cut_links_closes_in_order(cluster):
    cluster.faults.pause(2)
    cluster.faults.partition({1}, {3})
    cluster.close()


def test_a_broker_that_is_parted_from_the_others_leaves_the_in_sync_set_until_it_is_healed(cluster, speaker):
    follower = next(broker for broker in (2, 3) if broker != cluster.leader("t"))
    cluster.faults.partition({follower}, set(cluster.brokers) - {follower})
    cluster.wait_for(lambda: follower not in cluster.isr("t"))
    cluster.faults.heal()
    cluster.wait_for(lambda: len(cluster.isr("t")) == 3)


def test_a_slow_broker_answers_late(cluster, speaker):
    speaker.ask(2, MetadataRequest(topics=[]))
    cluster.faults.slow(2, ms=100)
    before = cluster.now
    speaker.ask(2, MetadataRequest(topics=[]))
    assert cluster.now - before > 0.19
    cluster.faults.heal()
    answers = [speaker.ask(2, MetadataRequest(topics=[])) for _ in range(3)]
    assert len(answers) == 3


def test_a_slow_link_delays_what_goes_over_it_both_ways(cluster):
    cluster.faults.slow((2, 3), ms=80)
    assert cluster.net.slow_us == {(2, 3): 80_000, (3, 2): 80_000}
    cluster.faults.heal()
    assert cluster.net.slow_us == {}


def test_a_request_that_is_dropped_is_not_carried_out(cluster, speaker):
    cluster.faults.drop("Produce", times=2)
    for _ in range(2):
        assert isinstance(speaker.put_and_wait("t", b"lost"), Disconnected)
    assert speaker.say("t", b"arrived") == 0
    assert [record.value for record in cluster.records("t", 1)] == [b"arrived"]


def test_a_request_whose_answer_is_dropped_is_carried_out(cluster, speaker):
    cluster.faults.drop("PRODUCE", answer=True)
    assert isinstance(speaker.put_and_wait("t", b"arrived"), Disconnected)
    assert [record.value for record in cluster.records("t", 1)] == [b"arrived"]
    assert speaker.say("t", b"next") == 1


def test_requests_that_are_refused_by_a_fault_say_so_of_everything_they_ask(cluster, speaker):
    cluster.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER", times=2)
    for _ in range(2):
        answer = answer_of(speaker.put_and_wait("t", b"refused"))
        assert (answer.index, answer.error_code) == (0, NotLeaderOrFollower.code)
    assert speaker.say("t", b"taken") == 0
    cluster.faults.error(10, 15)
    found = speaker.ask(2, FindCoordinatorRequest(coordinator_keys=["g", "h"]))
    assert [(each.key, each.error_code) for each in found.coordinators] == [("g", 15), ("h", 15)]


def test_a_fetch_that_is_refused_by_a_fault_says_so_of_each_partition(cluster, speaker):
    partitions = [FetchPartition(partition=number, partition_max_bytes=100) for number in (0, 4)]
    asked = FetchRequest(max_bytes=1000, topics=[FetchTopic(topic_id=speaker.topic_id("t"), partitions=partitions)])
    cluster.faults.error("Fetch", "NOT_LEADER_OR_FOLLOWER")
    found = speaker.ask(2, asked)
    assert found.error_code == 0
    (topic,) = found.responses
    assert [(each.partition_index, each.error_code) for each in topic.partitions] == [(0, 6), (4, 6)]


def test_a_request_that_is_refused_for_its_group_says_so_once(cluster, speaker):
    members = [MemberIdentity(member_id=each) for each in ("a", "b")]
    cluster.faults.error("LeaveGroup", "NOT_COORDINATOR")
    found = speaker.ask(2, LeaveGroupRequest(group_id="g", members=members))
    assert (found.error_code, found.members) == (16, [])


def test_a_fault_of_one_broker_leaves_the_others_requests_alone(cluster, speaker):
    cluster.faults.error("find_coordinator", 15, broker=3)
    assert speaker.ask(2, FindCoordinatorRequest(coordinator_keys=["g"])).coordinators[0].error_code == 0
    assert speaker.ask(3, FindCoordinatorRequest(coordinator_keys=["g"])).coordinators[0].error_code == 15


def test_a_fault_outlives_a_restart_but_not_a_reset(cluster):
    cluster.faults.error("Produce", InvalidRecord, times=9)
    cluster.faults.restart(2)
    assert cluster.nodes[2].request_faults is not None
    cluster.reset()
    assert all(node.request_faults is None for node in cluster.nodes.values())


def test_a_fault_is_the_cause_of_what_comes_of_it(cluster):
    cluster.faults.kill(3)
    cluster.wait_for(lambda: 3 not in cluster.isr("t"))
    rows = cluster.world.recorder.recent()
    shrunk = [row for row in rows if row.kind == "NodeLost"][-1]
    assert "NodeKilled" in {row.kind for row in cluster.world.recorder.chain(shrunk.sequence)}


def test_faults_that_make_no_sense_are_refused_with_what_would():
    with Cluster(2) as cluster:
        refusals = {
            r"no broker 3: they are 1, 2": lambda: cluster.faults.kill(3),
            r"no broker 0": lambda: cluster.faults.partition({1}, {0}),
            r"'Prduce' \(did you mean Produce\?\)": lambda: cluster.faults.drop("Prduce"),
            r"no error 'NOT_LEADER' \(did you mean NOT_LEADER_OR_FOLLOWER\?\)": lambda: cluster.faults.error(
                "Produce", "NOT_LEADER"
            ),
            r"no error 9999": lambda: cluster.faults.error("Produce", 9999),
            r"once or more often": lambda: cluster.faults.drop("Produce", times=0),
            r"so many milliseconds": lambda: cluster.faults.slow(1, ms=-1),
            r"two ends": lambda: cluster.faults.slow((1, 2, 1), ms=1),  # type: ignore[arg-type]
        }
        for words, fault in refusals.items():
            with pytest.raises(ConfigError, match=words):
                fault()
        with pytest.raises(AttributeError, match=r"faults.torn_write isn't implemented yet"):
            cluster.faults.torn_write(1)
        with pytest.raises(AttributeError, match=r"no fault 'kil' \(did you mean kill\?\)"):
            cluster.faults.kil(1)
