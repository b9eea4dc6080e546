"""What happens to a consumer when brokers, clients or logs fail; in the process, where they can be made to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from clients.consuming import QUICK, crash, numbers, poll_until, shared
from clients.targets import FAST

from actors.clients.actor import GROUP
from actors.clients.errors import (
    ClientClosed,
    LogTruncated,
    NoOffsetForPartition,
    SerializationFailed,
    UnexpectedConcurrency,
    WokenUp,
)
from kstore import Cluster, NewPartitions, TopicPartition
from kstore.errors import CorruptMessage
from kstore.records import BatchBuilder


@pytest.fixture
def topic(cluster: Cluster) -> str:
    """A topic of two partitions on three replicas."""
    cluster.create_topic("orders", partitions=2, replication_factor=3)
    return "orders"


def fill(cluster: Cluster, topic: str, *values: bytes, partition: int = 0) -> None:
    with cluster.producer() as producer:
        for value in values:
            producer.send(topic, value, partition=partition)
        producer.flush()


def test_the_partitions_of_a_killed_member_go_to_the_others_when_its_session_ends(cluster: Cluster, topic: str) -> None:
    how = QUICK | {"group_id": "g", "session_timeout_ms": 500}
    first, second = cluster.consumer(topic, **how), cluster.consumer(topic, **how)
    poll_until(lambda: shared(2, first, second), first, second)
    crash(cluster, first)
    poll_until(lambda: numbers(second) == {0, 1}, second)
    with pytest.raises(ClientClosed):
        first.poll(0)
    first.close()
    second.close()


@pytest.mark.parametrize("group", [None, "g"])
def test_a_partition_that_nobody_leads_holds_up_no_other(cluster: Cluster, group: str | None) -> None:
    cluster.create_topic("single", partitions=3, replication_factor=1)
    with cluster.producer() as producer:
        for number in range(3):
            producer.send("single", b"%d" % number, partition=number).get()
        dead = cluster.leader("single", 0)
        cluster.faults.kill(dead)
        cluster.wait_for(lambda: cluster.leader("single", 0) == -1)
        stuck = producer.send("single", b"later", partition=0)
        assert producer.send("single", b"3", partition=1).get(timeout=20).offset == 1
        with cluster.consumer(**QUICK, group_id=group) as consumer:
            _, second, third = parts = [TopicPartition("single", number) for number in range(3)]
            consumer.assign(parts)
            records = poll_until(lambda: consumer.highwater(second) == 2 and consumer.highwater(third) == 1, consumer)
            records += poll_until(lambda: consumer.position(second) == 2 and consumer.position(third) == 1, consumer)
            assert sorted(record.value for record in records) == [b"1", b"2", b"3"]
        assert not stuck.done()
        cluster.faults.restart(dead)
        assert stuck.get(timeout=20).offset == 1


def test_reading_goes_on_when_a_leader_is_killed(cluster: Cluster, topic: str) -> None:
    fill(cluster, topic, b"a")
    with cluster.consumer(topic, **QUICK) as consumer:
        assert next(consumer).value == b"a"
        dead = cluster.leader(topic, 0)
        cluster.faults.kill(dead)
        cluster.wait_for(lambda: cluster.leader(topic, 0) not in (-1, dead))
        fill(cluster, topic, b"b")
        assert next(consumer).value == b"b"
        assert consumer.position(TopicPartition(topic, 0)) == 2


def test_a_group_goes_on_when_its_coordinator_is_killed(cluster: Cluster, topic: str) -> None:
    with cluster.consumer(topic, group_id="g", **QUICK) as consumer:
        poll_until(lambda: numbers(consumer) == {0, 1}, consumer)
        consumer.commit({TopicPartition(topic, 0): 0})
        dead = consumer._actor.coordinators[GROUP, "g"]
        cluster.faults.kill(dead)
        cluster.wait_for(lambda: cluster.leader(topic, 0) not in (-1, dead))
        fill(cluster, topic, b"a")
        assert next(consumer).value == b"a"
        consumer.commit()
        assert consumer.committed(TopicPartition(topic, 0)) == 1


def test_nothing_committed_and_no_reset_is_told_until_a_seek(cluster: Cluster, topic: str) -> None:
    fill(cluster, topic, b"a")
    with cluster.consumer(topic, group_id="g", **(QUICK | {"auto_offset_reset": "none"})) as consumer:
        for _ in range(2):
            with pytest.raises(NoOffsetForPartition, match=r"orders-0.*seek"):
                poll_until(lambda: False, consumer)
        for partition in consumer.assignment():
            consumer.seek(partition, 0)
        assert next(consumer).value == b"a"


def test_a_record_that_cannot_be_deserialized_is_passed_over_by_a_seek(cluster: Cluster, topic: str) -> None:
    fill(cluster, topic, b"1", b"two", b"3")
    partition = TopicPartition(topic, 0)
    with cluster.consumer(value_deserializer=int, **QUICK) as consumer:
        consumer.assign([partition])
        assert next(consumer).value == 1
        for _ in range(2):
            with pytest.raises(SerializationFailed, match="offset 1 of orders-0"):
                next(consumer)
        assert consumer.position(partition) == 1
        consumer.seek(partition, 2)
        assert next(consumer).value == 3


def test_a_batch_with_a_wrong_checksum_is_told_and_passed_over_by_a_seek(
    cluster: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cluster, topic, b"a")
    partition = TopicPartition(topic, 0)
    with cluster.consumer(**QUICK) as consumer:
        consumer.assign([partition])
        real = consumer._actor.fetcher._take_records

        def damaged(each: Any, data: Any) -> None:
            records = b"".join(batch.to_bytes() for batch in data.records.batches)
            data.records = records[:-1] + bytes((records[-1] ^ 1,))
            real(each, data)

        monkeypatch.setattr(consumer._actor.fetcher, "_take_records", damaged)
        with pytest.raises(CorruptMessage, match=r"offset 0 of orders-0.*seek to 1"):
            next(consumer)
        monkeypatch.setattr(consumer._actor.fetcher, "_take_records", real)
        fill(cluster, topic, b"b")
        consumer.seek(partition, 1)
        assert next(consumer).value == b"b"


def test_wakeup_ends_a_poll_that_waits(cluster: Cluster, topic: str) -> None:
    with cluster.consumer(topic, **QUICK) as consumer:
        waker = threading.Timer(0.05, consumer.wakeup)
        waker.start()
        with pytest.raises(WokenUp):
            consumer.poll(60_000)
        waker.join()
        consumer.wakeup()
        with pytest.raises(WokenUp):
            consumer.poll(0)
        assert consumer.poll(0) == {}


def test_two_threads_in_one_consumer_are_told(cluster: Cluster, topic: str) -> None:
    with cluster.consumer(topic, **QUICK) as consumer:
        inside = threading.Event()
        raised: list[BaseException] = []

        def wait() -> None:
            inside.set()
            try:
                consumer.poll(60_000)
            except WokenUp as error:
                raised.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        inside.wait()
        cluster.wait_for(lambda: consumer._actor.member.polling)
        with pytest.raises(UnexpectedConcurrency, match="one thread at a time"):
            consumer.poll(0)
        consumer.wakeup()
        thread.join()
        assert len(raised) == 1


def test_a_closed_consumer_says_so_and_closes_once(cluster: Cluster, topic: str) -> None:
    consumer = cluster.consumer(topic, group_id="g", **QUICK)
    poll_until(lambda: numbers(consumer), consumer)
    consumer.close()
    consumer.close()
    for call in (lambda: consumer.poll(0), lambda: next(consumer), lambda: consumer.commit(), consumer.unsubscribe):
        with pytest.raises(ClientClosed):
            call()
    assert cluster.world.driver.drive(lambda: True, 1)


def test_a_consumer_that_closes_leaves_nothing_behind_at_the_brokers(cluster: Cluster, topic: str) -> None:
    def kept() -> list[int]:
        services: list[Any] = [node.actors[f"{node.name}/fetch-service"] for node in cluster.nodes.values()]
        return [len(service.sessions) for service in services]

    def read() -> None:
        with cluster.consumer(topic, group_id="g", **QUICK) as consumer:
            poll_until(lambda: numbers(consumer) and consumer.highwater(TopicPartition(topic, 0)), consumer)
            assert sum(kept()) > followers or not followers

    followers = 0
    fill(cluster, topic, b"a")
    read()  # the topic of the groups' offsets is there from now on, with followers who have sessions as well
    cluster.wait_for(lambda: all(len(cluster.isr("__consumer_offsets", number)) == 3 for number in range(4)))
    followers = sum(kept())
    for _ in range(3):
        read()
    cluster.wait_for(lambda: sum(kept()) == followers)


def test_a_cluster_that_closes_first_takes_its_consumers_along() -> None:
    cluster = Cluster(1, config=FAST)
    cluster.create_topic("t")
    consumer = cluster.consumer("t", group_id="g", **QUICK)
    poll_until(lambda: numbers(consumer), consumer)
    cluster.close()
    with pytest.raises(ClientClosed):
        consumer.poll(1000)
    consumer.close()


def test_a_cluster_that_is_emptied_ends_a_poll_that_waits(cluster: Cluster, topic: str) -> None:
    consumer = cluster.consumer(topic, group_id="g", **QUICK)
    poll_until(lambda: numbers(consumer), consumer)
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            next(consumer)
        except ClientClosed as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    cluster.wait_for(lambda: consumer._actor.member.polling)
    cluster.reset()
    thread.join()
    assert len(raised) == 1
    consumer.close()


@pytest.fixture
def unclean() -> Iterator[Cluster]:
    """A cluster that elects any replica that is there, whatever it has."""
    with Cluster(3, config=FAST | {"unclean.leader.election.enable": "true"}) as found:
        yield found


def partition_of_two(cluster: Cluster) -> TopicPartition:
    """A partition of two replicas, neither of them on the controller's node."""
    cluster.create_topic("t", partitions=6, replication_factor=2)
    for number, found in sorted(cluster.image().topics["t"].partitions.items()):
        if 1 not in found.replicas:
            return TopicPartition("t", number)
    raise AssertionError("every partition has a replica on node 1")


@pytest.mark.parametrize("reset", ["earliest", "none"])
def test_a_log_that_was_cut_below_what_was_read_is_noticed(unclean: Cluster, reset: str) -> None:
    cluster = unclean
    partition = partition_of_two(cluster)
    topic, number = partition
    fill(cluster, topic, b"a", partition=number)
    cluster.wait_for(lambda: len(cluster.isr(topic, number)) == 2)
    with cluster.consumer(**(QUICK | {"auto_offset_reset": reset})) as consumer:
        consumer.assign([partition])
        consumer.seek(partition, 0)
        assert next(consumer).value == b"a"
        first = cluster.leader(topic, number)
        (other,) = set(cluster.isr(topic, number)) - {first}
        cluster.faults.kill(other)
        cluster.wait_for(lambda: set(cluster.isr(topic, number)) == {first})
        fill(cluster, topic, b"b", b"c", partition=number)
        assert [next(consumer).value for _ in range(2)] == [b"b", b"c"]
        cluster.faults.kill(first)
        cluster.faults.restart(other)
        cluster.wait_for(lambda: cluster.leader(topic, number) == other)
        fill(cluster, topic, b"x", b"y", b"z", partition=number)
        if reset == "none":
            with pytest.raises(LogTruncated, match="was truncated at offset 1"):
                consumer.poll(20_000)
            consumer.seek(partition, 1)
        assert [next(consumer).value for _ in range(3)] == [b"x", b"y", b"z"]


def test_control_records_are_never_given_out(cluster: Cluster) -> None:
    from cluster.speaking import Speaker

    from kstore.records import EndTransactionMarker, end_transaction_batch

    cluster.create_topic("t")
    speaker = Speaker(cluster, -77)
    marker = end_transaction_batch(EndTransactionMarker(True, 0), 1, 1, 0)
    builder = BatchBuilder()
    builder.append(1, None, b"a")
    assert speaker.put("t", builder.build()).error_code == 0
    assert speaker.put("t", marker).error_code != 0  # clients may not write them: they come with transactions
    with cluster.consumer("t", **QUICK) as consumer:
        assert next(consumer).value == b"a"
    speaker.leave()


def test_in_the_process_new_partitions_and_topics_are_noticed_without_waiting_for_metadata_to_grow_old(
    cluster: Cluster, topic: str
) -> None:
    with cluster.admin() as admin, cluster.consumer(group_id="g", **QUICK) as consumer:
        consumer.subscribe(pattern="orders.*")
        poll_until(lambda: numbers(consumer) == {0, 1}, consumer)
        admin.create_partitions({topic: NewPartitions(3)})
        poll_until(lambda: numbers(consumer) == {0, 1, 2}, consumer)
        admin.create_topics(["orders-more"])
        poll_until(lambda: {each.topic for each in consumer.assignment()} == {topic, "orders-more"}, consumer)


def test_a_follower_that_the_leader_names_is_asked_until_it_refuses(
    cluster: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cluster, topic, b"a")
    partition = TopicPartition(topic, 0)
    leader = cluster.leader(topic, 0)
    follower = next(node for node in cluster.isr(topic, 0) if node != leader)
    with cluster.consumer(client_rack="here", **QUICK) as consumer:
        fetcher = consumer._actor.fetcher
        asked: list[Any] = []
        take, ask = fetcher._take_records, fetcher._ask

        def named(each: Any, data: Any) -> None:
            if not asked or follower not in asked:
                data.preferred_read_replica, data.records = follower, None
            take(each, data)

        def seen(source: Any, link: Any) -> None:
            asked.append(source.node)
            ask(source, link)

        monkeypatch.setattr(fetcher, "_take_records", named)
        monkeypatch.setattr(fetcher, "_ask", seen)
        consumer.assign([partition])
        assert next(consumer).value == b"a"
        assert asked[0] == leader
        assert follower in asked


def test_a_cluster_that_listens_serves_consumers_in_the_process_as_well() -> None:
    with Cluster(3, config=FAST, listen="127.0.0.1:0") as cluster:
        cluster.create_topic("orders", partitions=2)
        fill(cluster, "orders", b"a", b"b")
        how = QUICK | {"group_id": "g"}
        with cluster.consumer("orders", **how) as first, cluster.consumer("orders", **how) as second:
            records = poll_until(lambda: shared(2, first, second), first, second)
            while len(records) < 2:
                records += [each for consumer in (first, second) for got in consumer.poll(50).values() for each in got]
            assert sorted(record.value for record in records) == [b"a", b"b"]
            first.commit()
            second.seek_to_beginning()
            second.commit_async().get(timeout=10)
