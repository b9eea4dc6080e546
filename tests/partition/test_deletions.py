"""DeleteRecords: where logs begin afterwards, at the leader and at its followers, and when that is answered."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from partition.client import Client, values
from present import present

from actors.clients.structs import TopicPartition
from actors.cluster import Cluster
from kstore.errors import (
    InvalidTopic,
    NotLeaderOrFollower,
    OffsetOutOfRange,
    PolicyViolation,
    RequestTimedOut,
    UnknownTopicOrPartition,
)
from kstore.log.checkpoints import START_OFFSETS, read_offsets
from kstore.records import BatchBuilder, parse_batches
from kstore.schema.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
)
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest


def request(offset: int, *, topic: str = "t", index: int = 0, timeout_ms: int = 10_000) -> DeleteRecordsRequest:
    part = DeleteRecordsPartition(partition_index=index, offset=offset)
    return DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=topic, partitions=[part])], timeout_ms=timeout_ms)


def deleted(client: Client, offset: int, *, node: int | None = None, version: int | None = None, **how):
    """The answer for one partition."""
    node = client.leader("t") if node is None else node
    response = client.ask(node, request(offset, **how), version=version)
    (part,) = response.topics[0].partitions
    assert isinstance(part, DeleteRecordsPartitionResult)
    return part.low_watermark, part.error_code


def starts(client: Client, *nodes: int) -> list[int]:
    return [client.replica(node, "t").log.start_offset for node in nodes or client.living()]


def die_and_return(client: Client, node: int) -> None:
    client.cluster.faults.kill(node)  # the controller beside node 1 lives on, and elects another leader
    client.cluster.wait_for(lambda: node not in client.partition("t").isr)
    client.cluster.faults.restart(node)
    client.cluster.wait_for(lambda: len(client.partition("t").isr) == 3)


def filled(client: Client, batches: int = 10, **configs: Any) -> Client:
    client.create("t", **configs)
    for number in range(batches):
        client.produce("t", b"%d" % number, b"%d!" % number)
    return client


@pytest.mark.parametrize("version", [0, 1, 2])
def test_every_replica_begins_where_the_records_were_deleted_to(start, version):
    client = filled(start(wire=True))
    assert deleted(client, 7, version=version) == (7, 0)
    assert starts(client) == [7, 7, 7]
    assert client.latest("t", timestamp=-2).offset == 7
    assert client.fetch("t", 6).error_code == OffsetOutOfRange.code
    assert values(client.fetch("t", 7).records)[:2] == [b"3", b"3!"]
    assert client.produce("t", b"more").log_start_offset == 7


def test_minus_one_deletes_all_that_is_committed(start):
    client = filled(start())
    assert deleted(client, -1) == (20, 0)
    assert starts(client) == [20, 20, 20]
    assert client.produce("t", b"next").base_offset == 20
    assert values(client.fetch("t", 20).records) == [b"next"]


def test_what_is_deleted_already_is_answered_at_once(start):
    client = filled(start())
    assert deleted(client, 7) == (7, 0)
    assert deleted(client, 3) == (7, 0)
    assert deleted(client, 0) == (7, 0)


@pytest.mark.parametrize("offset", [21, 1 << 40, -2])
def test_nothing_is_deleted_beyond_what_is_committed(start, offset):
    client = filled(start())
    assert deleted(client, offset) == (-1, OffsetOutOfRange.code)
    assert starts(client) == [0, 0, 0]


def test_what_cannot_be_deleted_from_says_why(start):
    client = filled(start())
    follower = next(node for node in (1, 2, 3) if node != client.leader("t"))
    assert deleted(client, 1, node=follower) == (-1, NotLeaderOrFollower.code)
    assert deleted(client, 1, topic="u") == (-1, UnknownTopicOrPartition.code)
    assert deleted(client, 1, index=1) == (-1, UnknownTopicOrPartition.code)
    client.ask(1, FindCoordinatorRequest(key_type=0, coordinator_keys=["g"]))
    leader = client.leader("t")
    client.cluster.wait_for(lambda: "__consumer_offsets" in client.cluster.image(leader).topics)
    assert deleted(client, 1, topic="__consumer_offsets") == (-1, InvalidTopic.code)


def test_a_follower_that_is_not_heard_of_is_waited_for_until_the_time_is_over(start):
    client = filled(start())
    leader = client.leader("t")
    lost = next(node for node in (2, 3) if node != leader)
    client.cluster.net.cut([lost], [leader])
    before_ms = client.cluster.world.clock.now_ms()
    assert deleted(client, 7, timeout_ms=2_000) == (0, RequestTimedOut.code)
    assert client.cluster.world.clock.now_ms() - before_ms in range(2_000, 2_100)
    assert starts(client, leader) == [7]
    client.cluster.net.heal()
    assert deleted(client, 7, timeout_ms=60_000) == (7, 0)
    assert starts(client, lost) == [7]


def test_a_follower_that_is_dead_is_not_waited_for(start):
    client = filled(start())
    leader = client.leader("t")
    lost = next(node for node in (2, 3) if node != leader)
    client.cluster.net.cut([lost], [leader])
    waiting = client.send(leader, request(7, timeout_ms=600_000))
    client.run(1)
    assert not waiting
    client.cluster.kill_node(lost)
    client.cluster.wait_for(lambda: waiting)
    assert waiting[0].topics[0].partitions[0].low_watermark == 7


def test_who_waits_while_the_leader_changes_is_told_so(start):
    client = filled(start())
    leader = client.leader("t")
    if leader == 1:
        die_and_return(client, 1)
        leader = client.wait_for_leader("t", other_than=1)
    other = next(node for node in (2, 3) if node != leader)
    client.cluster.net.cut([leader], [other])
    waiting = client.send(leader, request(7, timeout_ms=600_000))
    client.run(1)
    client.cluster.net.cut([leader], [1])
    client.wait_for_leader("t", other_than=leader)
    # It hears of the new leader before the other replica can tell it anything.
    client.cluster.net.restore([leader], [1])
    client.cluster.wait_for(lambda: waiting)
    assert waiting[0].topics[0].partitions[0].error_code == NotLeaderOrFollower.code


def test_whole_segments_go_and_their_files_with_them(start):
    client = filled(start(), internal_segment_bytes="200")
    sizes = [client.replica(node, "t").log.size_bytes for node in (1, 2, 3)]
    assert deleted(client, 13) == (13, 0)
    client.run(5)
    for node, size in zip((1, 2, 3), sizes, strict=True):
        log, fs = client.replica(node, "t").log, client.cluster.nodes[node].fs
        assert log.size_bytes < size / 2
        assert log.segments.first.base_offset <= 13 < log.segments.base_offsets[1]
        assert not [name for name in fs.listdir("t-0") if name.endswith(".deleted")]
        assert min(int(name[:20]) for name in fs.listdir("t-0") if name[0] == "0") == log.segments.first.base_offset


def test_where_a_log_begins_outlasts_a_stop_and_a_crash(start):
    client = filled(start())
    deleted(client, 7)
    client.run(61)
    assert [read_offsets(client.cluster.nodes[n].fs, START_OFFSETS) for n in (1, 2, 3)] == [{("t", 0): 7}] * 3
    for node in (2, 3):
        die_and_return(client, node)
    assert starts(client) == [7, 7, 7]
    assert client.latest("t", timestamp=-2).offset == 7


def test_a_topic_made_anew_under_a_name_begins_at_nothing(start):
    client = filled(start())
    deleted(client, 7)
    client.run(61)
    gone = DeleteTopicsRequest(topics=[DeleteTopicState(name="t")], timeout_ms=10_000)
    assert [topic.error_code for topic in client.ask(1, gone).responses] == [0]
    client.run(2)
    assert [read_offsets(client.cluster.nodes[n].fs, START_OFFSETS) for n in (1, 2, 3)] == [{}] * 3
    client.create("t")
    client.produce("t", b"a")
    for node in (2, 3):
        die_and_return(client, node)
    assert starts(client) == [0, 0, 0]
    assert values(client.fetch("t", 0).records) == [b"a"]


def test_a_follower_that_was_away_begins_where_the_leader_does(start):
    client = filled(start())
    leader = client.leader("t")
    lost = next(node for node in (2, 3) if node != leader)
    client.cluster.kill_node(lost)
    assert deleted(client, 15) == (15, 0)
    client.cluster.restart_node(lost)
    client.cluster.wait_for(lambda: len(client.partition("t").isr) == 3)
    client.cluster.wait_for(lambda: starts(client, lost) == [15])


def test_a_follower_that_missed_all_begins_with_the_batch_in_which_the_leader_does(start):
    client = start()
    client.create("t")
    leader = client.leader("t")
    lost = next(node for node in (2, 3) if node != leader)
    client.cluster.kill_node(lost)
    for number in range(10):
        client.produce("t", b"%d" % number, b"%d!" % number)
    assert deleted(client, 15) == (15, 0)
    client.cluster.restart_node(lost)
    client.cluster.wait_for(lambda: len(client.partition("t").isr) == 3)
    log = client.replica(lost, "t").log
    assert (log.start_offset, log.end_offset, log.segments.base_offsets) == (15, 20, [14])


def readable(client: Client, begin: int, end: int) -> list[bytes]:
    """All the values from an offset on; an answer has the batches of one segment, and its first may begin earlier."""
    found: list[bytes] = []
    while len(found) < end - begin:
        records = client.fetch("t", begin + len(found), max_wait_ms=1_000).records
        data = b"".join(bytes(c.read(0, c.nbytes)) if hasattr(c, "read") else bytes(c) for c in records)
        batches = parse_batches(data, allow_partial=True)
        found += [bytes(present(r.value)) for b in batches for r in b.records() if r.offset >= begin + len(found)]
    return found


@settings(max_examples=20)
@given(
    seed=st.integers(0, 1 << 30),
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("produce"), st.integers(1, 3)),
            st.tuples(st.just("delete"), st.integers(-1, 30)),
            st.tuples(st.just("restart"), st.integers(2, 3)),
        ),
        max_size=12,
    ),
)
def test_a_partition_holds_what_a_list_would(seed: int, steps: list[tuple[str, int]]) -> None:
    cluster = Cluster(brokers=3, seed=seed)
    client = Client(cluster)
    try:
        client.create("t", internal_segment_bytes="200")
        model: list[bytes] = []
        begin = 0
        for action, number in steps:
            client.wait_for_leader("t")
            if action == "produce":
                more = [b"%d" % (len(model) + place) for place in range(number)]
                assert client.produce("t", *more).error_code == 0
                model += more
            elif action == "delete":
                offset = len(model) if number < 0 else number
                if offset <= len(model):
                    begin = max(begin, offset)
                    assert deleted(client, number) == (begin, 0)
                else:
                    assert deleted(client, number) == (-1, OffsetOutOfRange.code)
            else:
                client.run(61)  # what was deleted is in the checkpoint then
                die_and_return(client, number)
        client.wait_for_leader("t")
        assert client.latest("t", timestamp=-2).offset == begin
        assert readable(client, begin, len(model)) == model[begin:]
        assert set(starts(client)) == {begin}
    finally:
        cluster.close()


def test_a_follower_whose_fetch_was_on_its_way_hears_of_a_deletion_all_the_same() -> None:
    """The answer to its last fetch had just left, so that the next one came for a log that began later already."""
    cluster = Cluster(brokers=3, seed=1301)
    client = Client(cluster)
    try:
        client.create("t", internal_segment_bytes="200")
        for node in (2, 2, 3, 3):
            client.run(61)
            die_and_return(client, node)
        client.produce("t", b"a")
        client.run(61)
        die_and_return(client, 2)
        assert deleted(client, 1) == (1, 0)
    finally:
        cluster.close()


@pytest.mark.parametrize(
    ("policy", "answer"),
    [("compact", (-1, PolicyViolation.code)), ("compact,delete", (3, 0)), ("delete", (3, 0)), ("", (3, 0))],
)
def test_records_that_go_by_their_keys_alone_are_not_deleted(start, policy: str, answer: tuple[int, int]) -> None:
    client = filled(start(), batches=0, cleanup_policy=policy)
    builder = BatchBuilder()
    for number in range(4):
        builder.append(1_577_836_800_000, b"%d" % number, b"a book")
    client.ask(client.leader("t"), client.produce_request("t", builder.build()))
    assert deleted(client, 3) == answer


def test_a_committed_reader_that_waits_for_a_transaction_is_told_when_its_records_are_deleted() -> None:
    with Cluster(seed=1) as cluster:
        cluster.create_topic("orders")
        producer = cluster.producer(transactional_id="writer")
        producer.init_transactions()
        producer.begin_transaction()
        producer.send("orders", b"open").get()
        partition = TopicPartition("orders", 0)
        with cluster.consumer(isolation_level="read_committed", fetch_max_wait_ms=20_000) as reader:
            reader.assign([partition])
            reader.seek(partition, 0)
            assert not reader.poll(100)
            before = cluster.now
            with cluster.admin() as admin:
                admin.delete_records({partition: -1})
            while reader.position(partition) == 0:
                reader.poll(100)
            assert (reader.position(partition), cluster.now - before < 2) == (1, True)
