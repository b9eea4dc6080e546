"""What a client does grows with what its user does, not with all that it knows: counted, never timed."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest
from clients.targets import FAST
from present import present

from actors.clients.consumer.subscription import Position
from actors.clients.coroutine import Gate, Wait
from actors.runtime.coroutine import Eventually
from kstore import Cluster, TopicPartition
from kstore.errors import NotLeaderOrFollower
from kstore.schema.messages.fetch import (
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    LeaderIdAndEpoch,
    PartitionData,
)
from kstore.schema.messages.metadata import MetadataRequest


@pytest.fixture
def cluster():
    with Cluster(3, config=FAST, seed=7) as found:
        yield found


class Sent:
    """The requests that a client sends from now on, by kind."""

    def __init__(self, client: Any) -> None:
        self.requests: list[Any] = []
        transport = client._transport
        make = transport.link

        def link(address: Any, config: Any, *args: Any) -> Any:
            made = make(address, config, *args)
            ask = made.ask

            def noted(request: Any, *args: Any) -> None:
                self.requests.append(request)
                ask(request, *args)

            made.ask = noted
            return made

        transport.link = link

    def of(self, kind: type) -> list[Any]:
        return [request for request in self.requests if type(request) is kind]

    def topics_asked_for(self) -> list[list[str]]:
        """What each Metadata request names."""
        return [[topic.name for topic in request.topics or ()] for request in self.of(MetadataRequest)]

    def partitions_fetched(self) -> list[int]:
        """How many partitions each Fetch request names."""
        return [sum(len(topic.partitions) for topic in request.topics) for request in self.of(FetchRequest)]


def topics(cluster: Cluster, count: int) -> list[str]:
    names = [f"t{number}" for number in range(count)]
    with cluster.admin() as admin:
        admin.create_topics(names)
    return names


def test_a_producer_asks_for_each_topic_once_when_it_meets_it(cluster: Cluster) -> None:
    names = topics(cluster, 20)
    with cluster.producer() as producer:
        sent = Sent(producer)
        for name in names:
            producer.send(name, b"x").get(10)
        assert sent.topics_asked_for() == [[name] for name in names]


def test_a_topic_that_is_met_does_not_make_the_others_fresh(cluster: Cluster) -> None:
    names = topics(cluster, 8)
    with cluster.producer(metadata_max_age_ms=1_000) as producer:
        sent = Sent(producer)
        for name in names:
            producer.send(name, b"x").get(10)
            cluster.run_for(0.4)
        whole = [asked for asked in sent.topics_asked_for() if len(asked) > 1]
        assert len(whole) == 3, "once a second, whatever else was asked for"


def test_coroutines_that_meet_topics_at_the_same_time_share_a_request(cluster: Cluster) -> None:
    names = topics(cluster, 10)
    with cluster.producer() as producer:
        sent, actor = Sent(producer), producer._sender

        def many() -> Eventually[None]:
            gate, left = Gate(), set(names)

            def learned(name: str, *_: object) -> None:
                left.discard(name)
                gate.open()

            for name in names:
                actor.begin(actor.metadata.learn([name]), partial(learned, name))
            while left:
                yield Wait(gate)

        producer._calls.run("many", many, timeout_s=10)
        assert sent.topics_asked_for() == [names[:1], names[1:]]
        assert set(actor.view.topics) >= set(names)


def test_refreshes_that_wait_share_the_one_that_is_sent_after_them(cluster: Cluster) -> None:
    topics(cluster, 1)
    with cluster.producer() as producer:
        producer.send("t0", b"x").get(10)
        actor = producer._sender

        def many() -> Eventually[None]:
            gate, done = Gate(), []

            def refreshed(*_: object) -> None:
                done.append(1)
                gate.open()

            for _ in range(10):
                actor.begin(actor.metadata.refresh(), refreshed)
            while len(done) < 10:
                yield Wait(gate)

        before = actor.view.version
        producer._calls.run("many", many, timeout_s=10)
        assert actor.view.version == before + 2, "one was under way when the others began"


def test_a_topic_that_nothing_is_sent_to_is_no_longer_asked_for(cluster: Cluster) -> None:
    topics(cluster, 2)
    with cluster.producer(metadata_max_age_ms=1_000, metadata_max_idle_ms=5_000) as producer:
        producer.send("t0", b"first").get(10)
        identity = present(producer._sender.idempotence).identity
        sent = Sent(producer)
        producer._sender.links.clear()
        for _ in range(16):
            producer.send("t1", b"x").get(10)
            cluster.run_for(0.5)
        assert sent.topics_asked_for()[1] == ["t0", "t1"]
        assert sent.topics_asked_for()[-1] == ["t1"]
        assert set(producer._sender.view.topics) == {"t1"}
        assert producer.send("t0", b"second").get(10).offset == 1, "its sequence goes on where it was"
        assert present(producer._sender.idempotence).identity == identity
        assert producer.partitions_for("t0") == {0}


def test_a_consumer_that_asks_for_one_topic_after_the_other_names_each_once(cluster: Cluster) -> None:
    names = topics(cluster, 12)
    with cluster.consumer() as consumer:
        sent = Sent(consumer)
        for name in names:
            assert consumer.partitions_for_topic(name) == {0}
        assert sum(map(len, sent.topics_asked_for())) == len(names)


def test_offsets_of_many_new_topics_are_asked_for_at_once(cluster: Cluster) -> None:
    names = topics(cluster, 12)
    with cluster.consumer() as consumer:
        sent = Sent(consumer)
        assert len(consumer.end_offsets([TopicPartition(name, 0) for name in names])) == len(names)
        assert sent.topics_asked_for() == [names]


def test_all_leaders_that_an_answer_names_are_taken_at_once(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.create_topic("t", partitions=20, replication_factor=3)
    partitions = [TopicPartition("t", number) for number in range(20)]
    with cluster.consumer(auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        consumer.poll(1_000)
        actor = consumer._actor
        fetcher, views = actor.fetcher, []
        on_view = actor.on_view

        def noted(*args: Any) -> None:
            views.append(args)
            on_view(*args)

        monkeypatch.setattr(actor, "on_view", noted)
        source = next(source for source in fetcher.sources.values() if source.usual.asked)
        data = [
            PartitionData(
                partition_index=each.partition,
                error_code=NotLeaderOrFollower.code,
                current_leader=LeaderIdAndEpoch(leader_id=source.node % 3 + 1, leader_epoch=99),
            )
            for each in source.usual.asked
        ]
        answer = FetchResponse(responses=[FetchableTopicResponse(topic="t", partitions=data)])
        fetcher._take(answer, source, source.usual.asked)
        assert len(views) == 1
        led = [present(actor.view.partition("t", each.partition_index)).leader_epoch for each in data]
        assert led == [99] * len(data)


def looks(consumer: Any) -> Counter[str]:
    """How often the fetcher looks at a partition, from now on."""
    fetcher, found = consumer._actor.fetcher, Counter[str]()
    see_to = fetcher._see_to

    def counted(state: Any, now_us: int) -> None:
        found["looks"] += 1
        see_to(state, now_us)

    fetcher._see_to = counted
    return found


def filled(cluster: Cluster, partitions: int) -> list[TopicPartition]:
    cluster.create_topic("t", partitions=partitions, replication_factor=1)
    with cluster.producer() as producer:
        for number in range(partitions):
            producer.send("t", b"x", partition=number)
    return [TopicPartition("t", number) for number in range(partitions)]


@pytest.mark.parametrize("count", [16, 64])
def test_reading_a_record_from_each_partition_looks_at_each_a_few_times(cluster: Cluster, count: int) -> None:
    partitions = filled(cluster, count)
    with cluster.consumer(auto_offset_reset="earliest") as consumer:
        found = looks(consumer)
        consumer.assign(partitions)
        read: set[int] = set()
        while len(read) < count:
            read |= {each.partition for each in consumer.poll(1_000)}
        assert found["looks"] <= 6 * count


@pytest.mark.parametrize("count", [16, 64])
def test_seeking_and_pausing_one_partition_after_the_other_looks_at_that_one(cluster: Cluster, count: int) -> None:
    partitions = filled(cluster, count)
    with cluster.consumer(auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        consumer.poll(1_000)
        found = looks(consumer)
        for each in partitions:
            consumer.seek(each, 0)
        for each in partitions:
            consumer.pause(each)
        for each in partitions:
            consumer.resume(each)
        assert found["looks"] <= 3 * count + count
        read: set[int] = set()
        while len(read) < count:
            read |= {each.partition for each in consumer.poll(1_000)}


def test_a_fetch_names_only_the_partitions_of_which_something_has_changed(cluster: Cluster) -> None:
    partitions = filled(cluster, 30)
    with (
        cluster.consumer(auto_offset_reset="earliest", fetch_max_wait_ms=100) as consumer,
        cluster.producer() as producer,
    ):
        sent = Sent(consumer)
        consumer.assign(partitions)
        read: set[int] = set()
        while len(read) < 30:
            read |= {each.partition for each in consumer.poll(1_000)}
        consumer.poll(200)
        found, before = looks(consumer), len(sent.requests)
        for number in range(10):
            producer.send("t", b"y", partition=number).get(10)
            assert consumer.poll(1_000)
        assert sum(sent.partitions_fetched()) - 2 * 30 <= 2 * 10
        assert len(sent.requests) > before
        assert found["looks"] <= 30 + 5 * 10, "all are looked at once, when the metadata log has moved"


def test_what_is_asked_for_beside_is_left_out_of_the_session_until_it_is_answered(cluster: Cluster) -> None:
    partitions = filled(cluster, 6)
    with cluster.consumer(auto_offset_reset="latest", fetch_max_wait_ms=300) as consumer:
        sent = Sent(consumer)
        consumer.assign(partitions)
        consumer.poll(20)  # the usual fetches are parked
        consumer.seek(partitions[0], 0)
        assert consumer.poll(50)[partitions[0]][0].offset == 0
        consumer.poll(2_000)
        beside = [request for request in sent.of(FetchRequest) if request.session_epoch == -1]
        assert [len(request.topics[0].partitions) for request in beside] == [1] * len(beside)
        gone = [
            part
            for request in sent.of(FetchRequest)
            for each in request.forgotten_topics_data
            for part in each.partitions
        ]
        assert set(gone) <= {0}
        assert consumer._actor.subscription.consumed()[partitions[0]] == Position(1, 0)


def test_what_a_rebalance_takes_away_is_gone_through_once(cluster: Cluster) -> None:
    partitions = filled(cluster, 12)

    class Gone(list[TopicPartition]):
        walks = 0

        def __iter__(self) -> Any:
            Gone.walks += 1
            return super().__iter__()

    with cluster.consumer("t", group_id="g") as consumer:
        while len(consumer.assignment()) < 12:
            consumer.poll(100)
        actor = consumer._actor
        consumer._calls.now("poll", actor.member.gave_up, Gone(partitions[:6]))
        assert set(actor.subscription.partitions) == set(partitions[6:])
        assert Gone.walks == 1
