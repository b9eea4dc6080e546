"""Fetch through a broker: waiting, limits, sessions and fencing, on virtual time."""

import pytest
from partition.client import Client, batch, values

from kstore.errors import (
    FencedLeaderEpoch,
    FetchSessionIdNotFound,
    FetchSessionTopicIdError,
    InvalidFetchSessionEpoch,
    NotLeaderOrFollower,
    OffsetOutOfRange,
    TopicAuthorizationFailed,
    UnknownTopicId,
    UnknownTopicOrPartition,
)
from kstore.log.verification import AppendOptions
from kstore.records import EndTransactionMarker, end_transaction_batch, parse_batches
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic, ReplicaState


def now_s(client: Client) -> float:
    return client.cluster.world.clock.now_us() / 1e6


def session_request(client: Client, topic: str, offsets: dict[int, int], *, session=(0, 0), forgotten=(), **how):
    """A fetch in a session: partitions with their offsets, the session's id and epoch."""
    topic_id = client.topic_id(topic)
    parts = [
        FetchPartition(partition=index, fetch_offset=offset, partition_max_bytes=1 << 20)
        for index, offset in offsets.items()
    ]
    dropped = [ForgottenTopic(topic=topic, topic_id=topic_id, partitions=list(forgotten))] if forgotten else []
    how.setdefault("max_wait_ms", 500)
    return FetchRequest(
        topics=[FetchTopic(topic=topic, topic_id=topic_id, partitions=parts)] if parts else [],
        forgotten_topics_data=dropped,
        min_bytes=1,
        session_id=session[0],
        session_epoch=session[1],
        **how,
    )


def found(response) -> dict[int, list[bytes]]:
    return {p.partition_index: values(p.records) for topic in response.responses for p in topic.partitions}


def test_a_fetch_with_nothing_to_read_waits_its_time_and_gets_no_bytes(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    before = now_s(client)
    answer = client.fetch("t", 0, max_wait_ms=700)
    assert 0.7 <= now_s(client) - before < 0.8
    assert (answer.error_code, answer.records, answer.high_watermark) == (0, b"", 0)


def test_an_append_wakes_a_fetch_that_waits(start):
    client = start()
    client.create("t")
    waiting = client.send(client.leader("t"), client.fetch_request("t", 0, max_wait_ms=60_000), connection=1)
    client.run(3)
    before = now_s(client)
    client.produce("t", b"a")
    client.cluster.wait_for(lambda: waiting, 5)
    assert now_s(client) - before < 0.1
    assert values(waiting[0].responses[0].partitions[0].records) == [b"a"]


def test_a_consumer_sees_nothing_that_is_not_committed(start):
    client = start()
    client.create("t")
    leader = client.leader("t")
    client.cluster.net.cut([leader], [node for node in (1, 2, 3) if node != leader])
    client.produce("t", b"a", acks=1)
    assert values(client.fetch("t", 0).records) == []
    assert client.fetch("t", 1).error_code == 0
    assert client.fetch("t", 2).error_code == OffsetOutOfRange.code


def test_a_fetch_waits_for_its_least_bytes(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    waiting = client.send(1, client.fetch_request("t", 0, min_bytes=400, max_wait_ms=60_000), connection=1)
    for number in range(4):
        client.run(1)
        assert not waiting
        client.produce("t", b"%d" % number * 20)
    client.produce("t", b"4" * 90)
    client.cluster.wait_for(lambda: waiting, 1)
    assert len(values(waiting[0].responses[0].partitions[0].records)) == 5


def test_a_fetch_that_never_has_its_least_bytes_gets_what_there_is_in_time(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    waiting = client.send(1, client.fetch_request("t", 0, min_bytes=4000, max_wait_ms=5_000), connection=1)
    client.produce("t", b"a")
    client.run(1)
    client.produce("t", b"b")
    client.run(3)
    assert not waiting
    client.cluster.wait_for(lambda: waiting, 2)
    assert values(waiting[0].responses[0].partitions[0].records) == [b"a", b"b"]


def test_at_least_one_batch_comes_whatever_the_limits(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"x" * 500)
    client.produce("t", b"y" * 500)
    assert len(values(client.fetch("t", 0, partition_max_bytes=10, max_bytes=10).records)) == 1
    assert len(values(client.fetch("t", 0, partition_max_bytes=2000).records)) == 2


def test_the_whole_answer_is_bounded_and_the_rest_comes_next(start):
    client = start(brokers=1)
    client.create("t", partitions=3, copies=1)
    for index in range(3):
        client.produce("t", b"x" * 500, index=index)
    first = client.ask(1, session_request(client, "t", {0: 0, 1: 0, 2: 0}, max_bytes=600))
    assert [len(v) for v in found(first).values()] == [1, 0, 0]
    given = next(index for index, v in found(first).items() if v)
    request = session_request(client, "t", {given: 1}, session=(first.session_id, 1), max_bytes=600)
    second = client.ask(1, request)
    assert given not in found(second)
    assert sum(len(v) for v in found(second).values()) == 1


def test_a_session_answers_only_with_news(start):
    client = start(brokers=1)
    client.create("t", partitions=3, copies=1)
    first = client.ask(1, session_request(client, "t", {0: 0, 1: 0, 2: 0}, max_wait_ms=0))
    assert found(first) == {0: [], 1: [], 2: []}
    assert first.session_id > 0
    client.produce("t", b"a", index=1)
    second = client.ask(1, session_request(client, "t", {}, session=(first.session_id, 1)))
    assert found(second) == {1: [b"a"]}
    again = client.ask(1, session_request(client, "t", {}, session=(first.session_id, 2)))
    assert found(again) == {1: [b"a"]}
    last = client.ask(1, session_request(client, "t", {1: 1}, session=(first.session_id, 3)))
    assert found(last) == {}


def test_a_forgotten_partition_is_silent(start):
    client = start(brokers=1)
    client.create("t", partitions=2, copies=1)
    first = client.ask(1, session_request(client, "t", {0: 0, 1: 0}, max_wait_ms=0))
    session = (first.session_id, 1)
    assert found(client.ask(1, session_request(client, "t", {}, session=session, forgotten=[0]))) == {}
    client.produce("t", b"a", index=0)
    assert found(client.ask(1, session_request(client, "t", {}, session=(first.session_id, 2)))) == {}


def test_a_session_of_nothing_is_no_session(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    first = client.ask(1, session_request(client, "t", {0: 0}, max_wait_ms=0))
    last = client.ask(1, session_request(client, "t", {}, session=(first.session_id, 1), forgotten=[0]))
    assert (last.error_code, last.session_id, found(last)) == (0, 0, {})


@pytest.mark.parametrize("bound", [-1, 0, 1])
def test_senseless_bounds_do_no_harm(start, bound):
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"a")
    bounds = {"max_bytes": bound, "min_bytes": bound, "max_wait_ms": bound, "partition_max_bytes": bound}
    assert values(client.fetch("t", 0, **bounds).records) == [b"a"]


def test_a_session_is_known_by_its_id_and_the_number_of_the_request(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    first = client.ask(1, session_request(client, "t", {0: 0}, max_wait_ms=0))
    wrong_id = client.ask(1, session_request(client, "t", {}, session=(first.session_id ^ 1, 1)))
    assert wrong_id.error_code == FetchSessionIdNotFound.code
    wrong_epoch = client.ask(1, session_request(client, "t", {}, session=(first.session_id, 2)))
    assert wrong_epoch.error_code == InvalidFetchSessionEpoch.code
    by_name = client.ask(1, session_request(client, "t", {}, session=(first.session_id, 1)), version=12)
    assert by_name.error_code == FetchSessionTopicIdError.code


def test_a_session_that_is_closed_is_gone(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    first = client.ask(1, session_request(client, "t", {0: 0}, max_wait_ms=0))
    closing = client.ask(1, session_request(client, "t", {}, session=(first.session_id, -1)))
    assert (closing.error_code, closing.session_id) == (0, 0)
    after = client.ask(1, session_request(client, "t", {}, session=(first.session_id, 1)))
    assert after.error_code == FetchSessionIdNotFound.code


def test_no_session_is_kept_when_none_are_allowed(start):
    client = start(brokers=1, config={"max.incremental.fetch.session.cache.slots": "0"})
    client.create("t", copies=1)
    assert client.ask(1, session_request(client, "t", {0: 0}, max_wait_ms=0)).session_id == 0


def test_the_next_fetch_of_a_session_takes_the_place_of_one_that_waits(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    first = client.ask(1, session_request(client, "t", {0: 0}, max_wait_ms=0))
    given_up = client.send(1, session_request(client, "t", {}, session=(first.session_id, 1), max_wait_ms=60_000))
    client.run(1)
    request = session_request(client, "t", {}, session=(first.session_id, 2), max_wait_ms=60_000)
    waiting = client.send(1, request, connection=1)
    client.cluster.wait_for(lambda: given_up, 1)
    assert found(given_up[0]) == {}
    client.produce("t", b"a")
    client.cluster.wait_for(lambda: waiting, 1)
    assert found(waiting[0]) == {0: [b"a"]}


def test_a_session_over_many_idle_partitions_touches_none_of_them(start):
    client = start(brokers=1)
    client.create("t", partitions=300, copies=1)
    first = client.ask(1, session_request(client, "t", dict.fromkeys(range(300), 0), max_wait_ms=0))
    client.ask(1, session_request(client, "t", {}, session=(first.session_id, 1)))
    turns = client.cluster.world.queue.turns
    for epoch in range(2, 12):
        client.ask(1, session_request(client, "t", {}, session=(first.session_id, epoch)))
    assert client.cluster.world.queue.turns - turns < 300
    client.produce("t", b"a", index=123)
    news = client.ask(1, session_request(client, "t", {}, session=(first.session_id, 12)))
    assert found(news) == {123: [b"a"]}


def test_only_the_leader_serves_and_names_itself(start):
    client = start()
    client.create("t")
    leader = client.leader("t")
    follower = next(node for node in (1, 2, 3) if node != leader)
    response = client.ask(follower, client.fetch_request("t", 0))
    answer = response.responses[0].partitions[0]
    assert answer.error_code == NotLeaderOrFollower.code
    assert answer.current_leader.leader_id == leader
    assert [(e.node_id, e.host) for e in response.node_endpoints] == [(leader, f"broker-{leader}")]


def test_a_reader_of_an_older_epoch_is_fenced(start):
    client = start()
    client.create("t", partitions=3)
    index = next(i for i in range(3) if client.leader("t", i) != 1)
    dead = client.leader("t", index)
    client.cluster.kill_node(dead)
    client.wait_for_leader("t", index, other_than=dead)
    answer = client.fetch("t", 0, index=index, leader_epoch=0)
    assert answer.error_code == FencedLeaderEpoch.code
    assert answer.current_leader.leader_epoch == client.partition("t", index).leader_epoch


def test_a_client_that_says_it_is_a_replica_is_refused(start):
    client = start()
    client.create("t")
    request = client.fetch_request("t", 0)
    request.replica_state = ReplicaState(replica_id=2, replica_epoch=-1)
    answer = client.ask(client.leader("t"), request).responses[0].partitions[0]
    assert answer.error_code == TopicAuthorizationFailed.code


@pytest.mark.parametrize(("version", "code"), [(12, UnknownTopicOrPartition.code), (18, UnknownTopicId.code)])
def test_an_unknown_topic_has_its_own_error(start, version, code):
    client = start(brokers=1)
    client.create("t", copies=1)
    request = client.fetch_request("t", 0)
    request.topics[0].topic, request.topics[0].topic_id = "other", bytes(15) + b"\1"
    answer = client.ask(1, request, version=version).responses[0].partitions[0]
    assert (answer.error_code, answer.records, answer.high_watermark) == (code, b"", -1)


def test_a_reader_whose_log_parts_from_the_leaders_is_told_where(start):
    client = start()
    client.create("t", partitions=3)
    index = next(i for i in range(3) if client.leader("t", i) != 1)
    client.produce("t", b"a", b"b", index=index)
    dead = client.leader("t", index)
    client.cluster.kill_node(dead)
    client.wait_for_leader("t", index, other_than=dead)
    client.produce("t", b"c", index=index)
    answer = client.fetch("t", 5, index=index, last_fetched_epoch=0)
    assert (answer.error_code, answer.records) == (0, b"")
    assert (answer.diverging_epoch.epoch, answer.diverging_epoch.end_offset) == (0, 2)


@pytest.mark.parametrize("version", [4, 7, 11, 12, 13, 18])
def test_every_version_reads(start, version):
    client = start(brokers=1, wire=True)
    client.create("t", copies=1)
    client.produce("t", b"a")
    request = client.fetch_request("t", 0)
    answer = client.ask(1, request, version=version).responses[0].partitions[0]
    assert values(answer.records) == [b"a"]


def test_a_committed_reader_gets_an_empty_list_of_aborted_transactions(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"a")
    assert client.fetch("t", 0, isolation_level=1).aborted_transactions == []
    assert client.fetch("t", 0).aborted_transactions is None


@pytest.mark.parametrize("version", [4, 11, 12, 18])
@pytest.mark.parametrize("parked", [True, False])
def test_a_committed_reader_is_told_which_transactions_were_aborted(start, version, parked):
    client = start(brokers=1, wire=True)
    client.create("t", copies=1)
    request = client.fetch_request("t", 0, isolation_level=1, max_wait_ms=5000)
    outcomes = client.send(1, request, version=version, connection=1) if parked else []
    client.run(0.1)
    replica = client.replica(1, "t")
    begun = parse_batches(batch(b"never", producer_id=7, producer_epoch=0, base_sequence=0, transactional=True))
    marker = parse_batches(end_transaction_batch(EndTransactionMarker(False, 0), begun[0].max_timestamp, 7, 0))
    log, now_ms = replica.log, begun[0].max_timestamp
    guard = AppendOptions(log.producers.start_verification(7, 0, 0, now_ms, bumps_epochs=False))
    log.append_as_leader([begun, marker], replica.leader_epoch, now_ms, from_client=False, options=[guard, None])
    client.produce("t", b"after")
    if not parked:
        outcomes = client.send(1, request, version=version)
    client.cluster.wait_for(lambda: outcomes, 60)
    found = outcomes[0].responses[0].partitions[0]
    assert [(each.producer_id, each.first_offset) for each in found.aborted_transactions] == [(7, 0)]
    assert found.last_stable_offset == found.high_watermark == 3
    assert client.fetch("t", 2, isolation_level=1).aborted_transactions == []
    assert client.fetch("t", 0).aborted_transactions is None


@pytest.mark.parametrize("isolation", [0, 1])
def test_a_fetch_tells_the_last_stable_offset_whatever_its_isolation(start, isolation):
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"before")
    log = client.replica(1, "t").log
    open_one = parse_batches(batch(b"open", producer_id=7, producer_epoch=0, base_sequence=0, transactional=True))
    guard = AppendOptions(log.producers.start_verification(7, 0, 0, 0, bumps_epochs=False))
    log.append_as_leader([open_one], log.latest_epoch, open_one[0].max_timestamp, options=[guard])
    client.produce("t", b"after")
    found = client.fetch("t", 0, isolation_level=isolation)
    assert (found.high_watermark, found.last_stable_offset) == (3, 1)
    assert len(values(found.records)) == (1 if isolation else 3)


def test_reading_from_files_gives_the_same_bytes_as_reading_at_the_tail(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    sent = [batch(b"%d" % number * 10) for number in range(20)]
    for records in sent:
        client.ask(1, client.produce_request("t", records))
    hot = client.fetch("t", 3)
    log = client.replica(1, "t").log
    log.hot.clear()
    cold = client.fetch("t", 3)
    assert values(hot.records) == values(cold.records)
    assert len(values(cold.records)) == 17
