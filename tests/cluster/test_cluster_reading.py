"""Reading from a cluster: fetches that wait, limits, sessions, offsets by time and by epoch, and what idling costs."""

from typing import Any

import pytest
from cluster.speaking import Speaker
from partition.client import batch, values

from kstore.errors import FetchSessionIdNotFound, InvalidFetchSessionEpoch, OffsetOutOfRange
from kstore.records import BatchBuilder
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic

EARLIEST, LATEST, MAX_TIMESTAMP = -2, -1, -3
IDLE_PARTITIONS = 300


def now_s(client: Speaker) -> float:
    return client.cluster.world.clock.now_us() / 1e6


def stamped(*times: int) -> bytes:
    """A batch whose records have these timestamps."""
    builder = BatchBuilder()
    for time_ms in times:
        builder.append(time_ms, None, b"%d" % time_ms)
    return builder.build()


def fetch_later(client: Speaker, topic: str, offset: int, **how: Any) -> list[Any]:
    request = client.fetch_request(topic, offset, **how)
    return client.send(client.leader(topic), request, connection=2)


def test_a_fetch_at_the_end_waits_and_is_woken_by_the_commit_of_an_append(start):
    client = start()
    client.create("t")
    waiting = fetch_later(client, "t", 0, max_wait_ms=60_000)
    client.run(5)
    assert not waiting
    before = now_s(client)
    client.say("t", b"a")
    client.cluster.wait_for(lambda: waiting)
    assert now_s(client) - before < 0.05
    assert values(waiting[0].responses[0].partitions[0].records) == [b"a"]


def test_a_fetch_that_finds_nothing_ends_with_its_time(start):
    client = start()
    client.create("t")
    before = now_s(client)
    answer = client.fetch("t", 0, max_wait_ms=2_000)
    assert not answer.records
    assert (answer.error_code, answer.high_watermark, answer.log_start_offset) == (0, 0, 0)
    assert 1.998 <= now_s(client) - before < 2.05


def test_a_fetch_waits_for_as_many_bytes_as_it_wants(start):
    client = start()
    client.create("t")
    waiting = fetch_later(client, "t", 0, max_wait_ms=60_000, min_bytes=300)
    for said in (b"x" * 50, b"y" * 50):
        client.say("t", said)
        client.run(1)
        assert not waiting
    client.say("t", b"z" * 50)
    client.cluster.wait_for(lambda: waiting, 1)
    assert [said[:1] for said in values(waiting[0].responses[0].partitions[0].records)] == [b"x", b"y", b"z"]


def test_a_fetch_with_too_little_ends_with_its_time_and_brings_what_there_is(start):
    client = start()
    client.create("t")
    client.say("t", b"a")
    before = now_s(client)
    assert values(client.fetch("t", 0, max_wait_ms=1_000, min_bytes=1_000_000).records) == [b"a"]
    assert 0.998 <= now_s(client) - before < 1.05


def test_limits_end_a_fetch_at_a_batch_but_the_first_batch_always_comes(start, kept):
    client = start(**kept)
    client.create("t")
    for number in range(5):
        client.say("t", b"%d" % number * 1000)
    one = len(client.log_bytes(client.leader("t"), "t")) // 5
    assert len(values(client.fetch("t", 0, partition_max_bytes=1).records)) == 1
    assert len(values(client.fetch("t", 0, max_bytes=1).records)) == 1
    assert len(values(client.fetch("t", 0, partition_max_bytes=3 * one + 10).records)) == 3
    assert len(values(client.fetch("t", 0, max_bytes=2 * one).records)) == 2
    assert len(values(client.fetch("t", 2).records)) == 3


def test_an_offset_outside_of_the_log_is_out_of_range(start):
    client = start()
    client.create("t")
    client.say("t", b"a")
    for offset in (2, 100, -1):
        answer = client.fetch("t", offset)
        assert (answer.error_code, bool(answer.records)) == (OffsetOutOfRange.code, False)
    assert client.fetch("t", 1, max_wait_ms=0).error_code == 0


def session_request(client: Speaker, session: int, epoch: int, offsets: dict[int, int], **how: Any) -> FetchRequest:
    """A fetch of some partitions, by partition and offset, in a session."""
    parts = [FetchPartition(partition=i, fetch_offset=at, partition_max_bytes=1 << 20) for i, at in offsets.items()]
    topics = [FetchTopic(topic="t", topic_id=client.topic_id("t"), partitions=parts)] if parts else []
    forgotten = [ForgottenTopic(topic="t", topic_id=client.topic_id("t"), partitions=how.pop("forgotten", []))]
    how.setdefault("max_wait_ms", 0)
    how.setdefault("min_bytes", 1)
    return FetchRequest(
        session_id=session,
        session_epoch=epoch,
        topics=topics,
        max_bytes=1 << 20,
        forgotten_topics_data=forgotten if forgotten[0].partitions else [],
        **how,
    )


def test_a_session_names_only_what_has_changed(start):
    client = start(1)
    client.create("t", partitions=3, copies=1)

    def fetch(epoch: int, offsets: dict[int, int], session: int, **how: Any) -> Any:
        return client.ask(1, session_request(client, session, epoch, offsets, **how))

    def changed(response: Any) -> dict[int, list[bytes]]:
        parts = [part for topic in response.responses for part in topic.partitions]
        return {part.partition_index: values(part.records) if part.records else [] for part in parts}

    first = fetch(0, {0: 0, 1: 0, 2: 0}, 0)
    session = first.session_id
    assert session != 0
    assert changed(first) == {0: [], 1: [], 2: []}
    assert changed(fetch(1, {}, session)) == {}
    client.say("t", b"a", index=1)
    assert changed(fetch(2, {}, session)) == {1: [b"a"]}
    assert changed(fetch(3, {1: 1}, session)) == {}
    client.say("t", b"b", index=1)
    client.say("t", b"c", index=2)
    assert changed(fetch(4, {}, session)) == {1: [b"b"], 2: [b"c"]}
    assert changed(fetch(5, {}, session, forgotten=[2])) == {1: [b"b"]}
    assert fetch(5, {}, session).error_code == InvalidFetchSessionEpoch.code
    assert fetch(6, {}, session + 1).error_code == FetchSessionIdNotFound.code
    assert fetch(-1, {}, session).session_id == 0
    assert fetch(6, {}, session).error_code == FetchSessionIdNotFound.code


def test_a_long_poll_of_a_session_is_woken_by_any_of_its_partitions(start):
    client = start(1)
    client.create("t", partitions=3, copies=1)
    session = client.ask(1, session_request(client, 0, 0, {0: 0, 1: 0, 2: 0})).session_id
    read: dict[int, int] = {}
    for epoch, index in enumerate((2, 0, 2), start=1):
        waiting = client.send(1, session_request(client, session, epoch, read, max_wait_ms=60_000), connection=2)
        client.run(3)
        assert not waiting
        offset = client.say("t", b"a", index=index)
        client.cluster.wait_for(lambda waiting=waiting: waiting, 1)
        (part,) = waiting[0].responses[0].partitions
        assert part.partition_index == index
        assert values(part.records) == [b"a"]
        read = {index: offset + 1}


@pytest.mark.parametrize(("max_wait_ms", "min_bytes"), [(0, 0), (0, 1), (0, 5), (500, 0)])
def test_a_fetch_that_may_not_wait_brings_what_is_there_already(start, max_wait_ms, min_bytes):
    client = start(1)
    client.create("t", partitions=2, copies=1)
    session = client.ask(1, session_request(client, 0, 0, {0: 0, 1: 0})).session_id
    client.ask(1, session_request(client, session, 1, {}))
    client.say("t", b"a", index=1)
    before = now_s(client)
    response = client.ask(
        1, session_request(client, session, 2, {}, max_wait_ms=max_wait_ms, min_bytes=min_bytes), connection=2
    )
    assert [values(part.records) for topic in response.responses for part in topic.partitions] == [[b"a"]]
    assert now_s(client) - before < 0.02


def test_offsets_are_found_by_time(start, kept):
    client = start(**kept)
    client.create("t")
    client.put("t", stamped(1_000, 3_000, 2_000))
    client.put("t", stamped(5_000))
    client.put("t", stamped(4_000, 4_500))
    wanted = {0: 0, 1_000: 0, 1_001: 1, 3_000: 1, 3_001: 3, 5_000: 3, 5_001: -1}
    assert {time_ms: client.latest("t", timestamp=time_ms).offset for time_ms in wanted} == wanted
    assert client.latest("t", timestamp=1_500).timestamp == 3_000
    newest = client.latest("t", timestamp=MAX_TIMESTAMP)
    assert (newest.offset, newest.timestamp) == (3, 5_000)
    assert client.latest("t", timestamp=EARLIEST).offset == 0
    latest = client.latest("t", timestamp=LATEST)
    assert (latest.offset, latest.timestamp, latest.leader_epoch) == (6, -1, client.partition("t").leader_epoch)


def test_the_end_of_each_leader_epoch_is_known_also_to_the_next_leaders(start, kept):
    client = start(**kept)
    client.create("t", partitions=3)
    index, _, _ = client.led_elsewhere("t")
    ends: dict[int, int] = {}
    end = 0
    for count in (2, 3):
        leader = client.leader("t", index)
        client.say("t", *[b"a"] * count, index=index)
        end += count
        ends[client.partition("t", index).leader_epoch] = end
        client.cluster.kill_node(leader)
        client.run(1)
        if leader == 1:
            client.cluster.restart_node(leader)
        client.wait_for_leader("t", index, other_than=leader)
        client.say("t", b"b", index=index)
        end += 1
        if leader != 1:
            client.cluster.restart_node(leader)
        client.wait_for_isr("t", index=index)
        ends[client.partition("t", index).leader_epoch] = end
    for epoch, end in ends.items():
        answer = client.epoch_end("t", epoch, index=index)
        assert (answer.error_code, answer.leader_epoch, answer.end_offset) == (0, epoch, end)
    beyond = client.epoch_end("t", max(ends) + 1, index=index)
    assert (beyond.leader_epoch, beyond.end_offset) == (-1, -1)
    gap = client.epoch_end("t", max(ends) - 1, index=index)
    assert gap.leader_epoch <= max(ends) - 1


def test_a_consumer_that_read_what_was_cut_off_is_told_where_the_logs_part(start):
    client = start()
    client.create("t", partitions=3)
    index, old, _ = client.led_elsewhere("t")
    epoch = client.partition("t", index).leader_epoch
    client.say("t", b"kept", index=index)
    client.cluster.kill_node(old)
    client.wait_for_leader("t", index, other_than=old)
    client.say("t", b"new", b"newer", index=index)
    answer = client.fetch("t", 2, index=index, last_fetched_epoch=epoch)
    assert (answer.diverging_epoch.epoch, answer.diverging_epoch.end_offset) == (epoch, 1)


@pytest.mark.parametrize("version", [4, 7, 11, 12, 13, 17])
def test_every_version_of_fetch_reads_the_same(start, version):
    client = start(wire=True)
    client.create("t")
    client.say("t", b"a", b"b")
    assert values(client.fetch("t", 1, version=version).records)[-1:] == [b"b"]


def test_an_idle_cluster_only_beats_and_waits(start):
    client = start()
    client.create("t", partitions=IDLE_PARTITIONS)
    for index in range(IDLE_PARTITIONS):
        client.say("t", b"a", index=index)
    client.run(40)
    world, net = client.cluster.world, client.cluster.net
    turns, messages = world.queue.turns, net.messages_carried
    client.run(60)
    fetches, beats = 3 * 2 * 2 * 60, 3 * 30
    assert net.messages_carried - messages < 2 * (fetches + beats + 2 * 2 * 60)
    assert world.queue.turns - turns < 5_000


def test_an_idle_cluster_goes_on_reading_and_writing_at_once(start):
    client = start()
    client.create("t")
    client.run(3_600)
    before = now_s(client)
    client.put("t", batch(b"a"))
    assert client.everything("t") == [b"a"]
    assert now_s(client) - before < 0.05
