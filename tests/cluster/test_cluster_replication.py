"""Replication in a whole cluster: nothing is committed before the in-sync set has it, and all copies end up alike."""

import pytest
from cluster.speaking import Speaker, answer_of, batches_in
from partition.client import batch

from actors.partition.messages import Append, Configure
from actors.runtime.future import ask
from kstore.errors import (
    FencedLeaderEpoch,
    NotEnoughReplicas,
    NotEnoughReplicasAfterAppend,
    NotLeaderOrFollower,
    RequestTimedOut,
    UnknownLeaderEpoch,
)
from kstore.records import parse_batches

SESSION_S = 9
LAG_S = 30
LONG_MS = 300_000


def high_watermark(client: Speaker, node: int, topic: str, index: int = 0) -> int:
    return client.replica(node, topic, index).log.high_watermark


def test_a_node_that_is_cut_off_holds_back_the_commit_until_the_in_sync_set_has_shrunk(start, kept):
    client = start(**kept)
    client.create("t", partitions=3)
    index, leader, lost = client.led_elsewhere("t")
    client.say("t", b"before", index=index)
    client.run(1)
    client.cluster.net.cut([lost], [n for n in (1, 2, 3) if n != lost])
    answers = client.put_later("t", batch(b"during"), index=index, timeout_ms=LONG_MS)
    client.run(SESSION_S - 3)
    assert not answers
    assert high_watermark(client, leader, "t", index) == 1
    assert client.fetch("t", 0, index=index).high_watermark == 1
    client.cluster.wait_for(lambda: answers, 6)
    assert answer_of(answers[0]).error_code == 0
    assert lost not in client.partition("t", index).isr
    assert high_watermark(client, leader, "t", index) == 2
    assert client.produce("t", b"after", index=index).base_offset == 2
    assert client.replica(lost, "t", index).log.end_offset == 1
    client.cluster.net.heal()
    client.wait_for_isr("t", index=index)
    client.run(1)
    assert client.logs_are_equal("t", index)
    assert [high_watermark(client, node, "t", index) for node in (1, 2, 3)] == [3, 3, 3]


def test_a_follower_that_only_the_leader_cannot_hear_leaves_the_set_when_its_lag_is_too_old(start, kept):
    client = start(**kept)
    client.create("t", partitions=3)
    index, leader, lost = client.led_elsewhere("t")
    client.run(1)
    client.cluster.net.cut([lost], [leader])
    answers = client.put_later("t", batch(b"a"), index=index, timeout_ms=LONG_MS)
    client.run(LAG_S - 2)
    assert not answers
    assert len(client.partition("t", index).isr) == 3
    client.cluster.wait_for(lambda: answers, LAG_S / 2 + 4)
    assert answer_of(answers[0]).error_code == 0
    assert client.cluster.image().brokers[lost].active
    client.cluster.net.heal()
    client.wait_for_isr("t", index=index)
    assert client.logs_are_equal("t", index)


def test_too_few_replicas_in_sync_refuse_what_must_be_everywhere_before_it_is_appended(start):
    client = start()
    client.create("t", partitions=3, min_insync_replicas="2")
    index = next(i for i in range(3) if client.leader("t", i) == 1)
    client.cluster.kill_node(2)
    client.wait_for_isr("t", 2, index=index)
    assert client.produce("t", b"a", index=index).error_code == 0
    client.cluster.kill_node(3)
    client.wait_for_isr("t", 1, index=index)
    answer = client.produce("t", b"b", index=index)
    assert (answer.error_code, answer.base_offset) == (NotEnoughReplicas.code, -1)
    assert client.replica(1, "t", index).log.end_offset == 1
    assert client.produce("t", b"c", acks=1, index=index).error_code == 0
    client.run(60)
    assert high_watermark(client, 1, "t", index) == 1
    client.cluster.restart_node(2)
    client.wait_for_isr("t", 2, index=index)
    client.cluster.wait_for(lambda: high_watermark(client, 1, "t", index) == 2)
    assert client.produce("t", b"d", index=index).error_code == 0
    assert client.everything("t", index=index) == [b"a", b"c", b"d"]


def test_an_append_whose_replicas_are_lost_on_the_way_times_out_and_is_not_committed(start):
    client = start()
    client.create("t", partitions=3, min_insync_replicas="2")
    index = next(i for i in range(3) if client.leader("t", i) == 1)
    client.cluster.net.cut([1], [2, 3])
    answers = client.put_later("t", batch(b"a"), index=index, timeout_ms=40_000)
    client.cluster.wait_for(lambda: answers, 60)
    assert answer_of(answers[0]).error_code == RequestTimedOut.code
    assert client.partition("t", index).isr == (1,)
    assert high_watermark(client, 1, "t", index) == 0


def test_a_retry_that_finds_the_set_too_small_after_its_append_says_so(start):
    client = start()
    client.create("t", min_insync_replicas="2")
    records = client.producer().batch(b"a")
    assert client.put("t", records).error_code == 0
    leader = client.leader("t")
    client.cluster.kill_node(next(n for n in client.followers("t") if n != 1))
    client.wait_for_isr("t", 2)
    client.run(1)
    replica = client.replica(leader, "t")
    retry = ask(client.cluster.world, replica.actor_ref, Append(parse_batches(records)))
    replica.actor_ref.tell(Configure(replica.log.config, 3))
    with pytest.raises(NotEnoughReplicasAfterAppend):
        retry.get(timeout=5)


def test_one_acknowledgement_is_the_leaders_own_and_none_is_no_answer_at_all(start):
    client = start()
    client.create("t")
    leader = client.leader("t")
    client.cluster.net.cut([leader], client.followers("t"))
    answer = client.produce("t", b"one", acks=1)
    assert (answer.error_code, answer.base_offset) == (0, 0)
    silent = client.put_later("t", batch(b"none"), acks=0)
    client.run(1)
    assert client.replica(leader, "t").log.end_offset == 2
    assert high_watermark(client, leader, "t") == 0
    assert not silent
    client.cluster.net.heal()
    client.cluster.wait_for(lambda: high_watermark(client, leader, "t") == 2)
    assert not silent
    assert client.everything("t") == [b"one", b"none"]


def test_without_acknowledgement_an_error_closes_the_connection(start):
    client = start()
    client.create("t")
    follower = client.followers("t")[0]
    outcome = client.put_later("t", batch(b"a"), node=follower, acks=0)
    client.cluster.wait_for(lambda: outcome)
    assert outcome[0].name == "DISCONNECTED"


def test_a_leader_that_returns_cuts_off_its_tail_and_takes_its_followers_bytes(start, kept):
    client = start(**kept)
    client.create("t", partitions=3)
    index, old, _ = client.led_elsewhere("t")
    others = [n for n in (1, 2, 3) if n != old]
    client.say("t", b"kept", index=index)
    client.cluster.net.cut([old], others)
    for _ in range(3):
        assert client.produce("t", b"lost", b"lost too", acks=1, index=index, node=old).error_code == 0
    assert client.replica(old, "t", index).log.end_offset == 7
    epoch = client.partition("t", index).leader_epoch
    client.wait_for_leader("t", index, other_than=old)
    client.say("t", b"new", index=index)
    client.cluster.net.heal()
    client.wait_for_isr("t", index=index)
    client.run(1)
    assert client.cluster.world.recorder.count("Truncated") >= 1
    assert client.everything("t", index=index) == [b"kept", b"new"]
    assert client.logs_are_equal("t", index)
    epochs = [found.leader_epoch for found in batches_in(client.log_bytes(old, "t", index))]
    assert epochs == [epoch, client.partition("t", index).leader_epoch]
    assert client.epoch_end("t", epoch, index=index).end_offset == 1


def test_a_dead_leader_that_returns_from_its_folder_cuts_off_its_tail(start, kept):
    client = start(**kept)
    client.create("t", partitions=3)
    index, old, _ = client.led_elsewhere("t")
    client.say("t", b"kept", index=index)
    client.cluster.net.cut([old], [n for n in (1, 2, 3) if n != old])
    client.say("t", b"lost", acks=1, index=index)
    client.cluster.kill_node(old)
    client.wait_for_leader("t", index, other_than=old)
    client.cluster.net.heal()
    client.say("t", b"new", index=index)
    client.cluster.restart_node(old)
    client.wait_for_isr("t", index=index)
    client.run(1)
    assert client.cluster.world.recorder.count("Truncated") >= 1
    assert client.everything("t", index=index) == [b"kept", b"new"]
    assert client.logs_are_equal("t", index)


def test_every_leadership_has_an_epoch_of_its_own_that_batches_carry(start):
    client = start()
    client.create("t", partitions=3)
    index, old, _ = client.led_elsewhere("t")
    first = client.partition("t", index).leader_epoch
    client.say("t", b"a", index=index)
    client.cluster.kill_node(old)
    client.wait_for_leader("t", index, other_than=old)
    second = client.partition("t", index).leader_epoch
    assert second > first
    client.say("t", b"b", index=index)
    epochs = [found.leader_epoch for found in batches_in(client.log_bytes(1, "t", index))]
    assert epochs == [first, second]
    assert client.epoch_end("t", first, index=index).end_offset == 1
    assert client.epoch_end("t", second, index=index).end_offset == 2


def test_readers_with_another_leader_epoch_are_fenced(start):
    client = start()
    client.create("t", partitions=3)
    index, old, _ = client.led_elsewhere("t")
    client.say("t", b"a", index=index)
    before = client.partition("t", index).leader_epoch
    client.cluster.kill_node(old)
    client.wait_for_leader("t", index, other_than=old)
    client.say("t", b"b", index=index)
    now = client.partition("t", index).leader_epoch
    for epoch, code in ((before, FencedLeaderEpoch.code), (now + 1, UnknownLeaderEpoch.code), (now, 0), (-1, 0)):
        assert client.fetch("t", 0, index=index, leader_epoch=epoch, max_wait_ms=0).error_code == code
        assert client.latest("t", index=index, leader_epoch=epoch).error_code == code
        assert client.epoch_end("t", before, index=index, known=epoch).error_code == code


def test_a_node_that_does_not_lead_refuses_and_names_who_does(start):
    client = start()
    client.create("t")
    follower = client.followers("t")[0]
    response = client.ask(follower, client.produce_request("t", batch(b"a")))
    answer = answer_of(response)
    assert answer.error_code == NotLeaderOrFollower.code
    assert answer.current_leader.leader_id == client.leader("t")
    assert answer.current_leader.leader_epoch == client.partition("t").leader_epoch
    assert [endpoint.node_id for endpoint in response.node_endpoints] == [client.leader("t")]
    assert client.fetch("t", 0, node=follower).error_code == NotLeaderOrFollower.code


def lose_all_in_sync(client: Speaker, topic: str) -> tuple[int, int, int]:
    """Kill a partition's follower, then, when it has left the in-sync set, its leader: index, follower, leader. Two
    nodes keep the partition, neither of them the controller's.
    """
    partitions = client.cluster.image().topics[topic].partitions
    index, found = next((i, found) for i, found in partitions.items() if 1 not in found.replicas)
    leader = found.leader
    follower = next(n for n in found.replicas if n != leader)
    client.say(topic, b"before", index=index)
    client.cluster.kill_node(follower)
    client.wait_for_isr(topic, 1, index=index)
    client.say(topic, b"on one", index=index)
    client.cluster.kill_node(leader)
    client.cluster.wait_for(lambda: client.leader(topic, index) != leader)
    return index, follower, leader


def test_without_a_living_member_of_the_in_sync_set_nobody_leads_until_one_returns(start, kept):
    client = start(**kept)
    client.create("t", partitions=6, copies=2)
    index, stale, last = lose_all_in_sync(client, "t")
    found = client.partition("t", index)
    assert (found.leader, found.isr) == (-1, (last,))
    described = next(p for p in client.described("t", 1).partitions if p.partition_index == index)
    assert (described.leader_id, described.error_code) == (-1, 5)
    client.cluster.restart_node(stale)
    client.run(20)
    assert client.leader("t", index) == -1
    client.cluster.restart_node(last)
    client.wait_for_leader("t", index)
    assert client.leader("t", index) == last
    client.wait_for_isr("t", 2, index=index)
    assert client.everything("t", index=index) == [b"before", b"on one"]
    client.say("t", b"after", index=index)
    client.run(1)
    assert client.logs_are_equal("t", index)


def test_an_unclean_election_takes_who_is_there_and_loses_what_it_lacks(start, kept):
    client = start(**kept)
    client.create("t", partitions=6, copies=2, unclean_leader_election_enable="true")
    index, stale, last = lose_all_in_sync(client, "t")
    assert client.leader("t", index) == -1
    client.cluster.restart_node(stale)
    client.wait_for_leader("t", index)
    assert client.leader("t", index) == stale
    assert client.partition("t", index).isr == (stale,)
    assert client.produce("t", b"instead", index=index).base_offset == 1
    client.cluster.restart_node(last)
    client.wait_for_isr("t", 2, index=index)
    client.run(1)
    assert client.everything("t", index=index) == [b"before", b"instead"]
    assert client.logs_are_equal("t", index)


def test_allowing_unclean_elections_elects_at_once(start):
    client = start()
    client.create("t", partitions=6, copies=2)
    index, stale, _ = lose_all_in_sync(client, "t")
    client.cluster.restart_node(stale)
    client.run(10)
    assert client.leader("t", index) == -1
    client.set_config("t", unclean_leader_election_enable="true")
    client.wait_for_leader("t", index)
    assert client.leader("t", index) == stale


def test_without_a_controller_the_cluster_serves_data_and_decides_again_when_it_is_back(start, kept):
    client = start(**kept)
    client.create("t", partitions=6, copies=2)
    index = next(i for i, p in client.cluster.image().topics["t"].partitions.items() if 1 not in p.replicas)
    led_by_it = next(i for i, p in client.cluster.image().topics["t"].partitions.items() if p.leader == 1)
    client.say("t", b"a", index=index)
    client.cluster.kill_node(1)
    client.run(60)
    assert client.produce("t", b"b", index=index).error_code == 0
    assert client.everything("t", index=index) == [b"a", b"b"]
    assert client.leader("t", led_by_it) == 1, "nobody decides meanwhile"
    client.cluster.restart_node(1)
    client.cluster.wait_for(client.cluster.is_ready, 60)
    client.create("u", partitions=1)
    assert client.produce("u", b"new").error_code == 0
    assert client.produce("t", b"c", index=led_by_it).error_code == 0
    assert client.produce("t", b"c", index=index).error_code == 0
    client.wait_for_isr("t", 2, index=led_by_it)


def test_a_node_that_only_the_controller_cannot_hear_is_fenced_when_its_session_is_over(start):
    client = start()
    client.create("t", partitions=3)
    lost = 2
    client.cluster.net.cut([1], [lost])
    client.run(SESSION_S - 3)
    assert not client.cluster.image(1).brokers[lost].fenced
    client.cluster.wait_for(lambda: client.cluster.image(1).brokers[lost].fenced, 6)
    for found in client.cluster.image(1).topics["t"].partitions.values():
        assert lost not in found.isr
        assert found.leader in (1, 3)
    client.cluster.net.heal()
    client.cluster.wait_for(lambda: client.cluster.image(1).brokers[lost].active, 30)
    for index in range(3):
        client.wait_for_isr("t", index=index)


@pytest.mark.parametrize("brokers", [1, 2, 5])
def test_clusters_of_any_size_replicate(start, brokers):
    client = start(brokers)
    client.create("t", partitions=4, copies=min(3, brokers))
    for index in range(4):
        assert client.produce("t", b"a", index=index).error_code == 0
        assert client.everything("t", index=index) == [b"a"]
        assert client.logs_are_equal("t", index)
