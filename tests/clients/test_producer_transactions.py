"""Transactions as their user has them: a reader of committed records gets all of one or nothing, on each target.

What makes them fail is in ``test_transaction_faults``; the states are in ``test_transaction_machine``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn

import pytest
from clients.targets import Target
from clients.transacting import partitions_of, read

from actors.clients.errors import TransactionAborted
from kstore import Cluster, ConfigError, ConsumerRecord, KafkaTimeout, TopicPartition
from kstore.errors import InvalidTransactionTimeout, MessageTooLarge, ProducerFenced, TransactionAbortable


def fail_after(action: Callable[[], object]) -> NoReturn:
    action()
    raise ZeroDivisionError


def test_what_is_committed_is_there_in_every_partition(target: Target) -> None:
    topic = target.topic(3)
    producer = target.producer(transactional_id=target.fresh("tx"))
    producer.init_transactions()
    sent = []
    for number in range(3):
        producer.begin_transaction()
        sent += [b"%d-%d" % (number, i) for i in range(30)]
        for value in sent[-30:]:
            producer.send(topic, value, key=value)
        producer.commit_transaction()
        assert read(target, topic, 3) == sorted(sent)


def test_what_is_aborted_is_not_there_for_a_reader_of_committed_records(target: Target) -> None:
    topic = target.topic()
    producer = target.producer(transactional_id=target.fresh("tx"), batch_size=100)
    producer.init_transactions()
    for number in range(6):
        producer.begin_transaction()
        for i in range(10):
            producer.send(topic, b"%d-%d" % (number, i))
        producer.flush()
        producer.commit_transaction() if number % 2 else producer.abort_transaction()
    assert read(target, topic) == sorted(b"%d-%d" % (n, i) for n in (1, 3, 5) for i in range(10))
    assert len(read(target, topic, committed=False)) == 60


def test_to_a_reader_of_committed_records_the_log_ends_before_an_open_transaction(target: Target) -> None:
    topic = target.topic()
    (partition,) = partitions_of(topic, 1)
    outside = target.producer()
    outside.send(topic, b"before").get(30)
    producer = target.producer(transactional_id=target.fresh("tx"))
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, b"inside").get(30)
    outside.send(topic, b"after").get(30)
    committed = target.consumer(isolation_level="read_committed", auto_offset_reset="earliest", fetch_max_wait_ms=20)
    every = target.consumer(auto_offset_reset="latest", fetch_max_wait_ms=20)
    committed.assign([partition])
    every.assign([partition])
    assert committed.end_offsets([partition]) == {partition: 1}
    assert every.end_offsets([partition]) == {partition: 3}
    assert every.position(partition) == 3
    committed.seek_to_end()
    assert committed.position(partition) == 1
    committed.seek_to_beginning()
    assert [each.value for each in committed.poll(10_000)[partition]] == [b"before"]
    assert committed.position(partition) == 1
    producer.abort_transaction()
    found: list[ConsumerRecord] = []
    while not found:
        found = committed.poll(1000).get(partition, [])
    assert [each.value for each in found] == [b"after"]
    while committed.position(partition) < 4:  # behind the marker
        committed.poll(100)
    assert committed.end_offsets([partition]) == {partition: 4}


def test_a_block_commits_at_its_end_and_aborts_when_an_exception_leaves_it(target: Target) -> None:
    topic = target.topic()
    producer = target.producer(transactional_id=target.fresh("tx"), linger_ms=60_000)
    producer.init_transactions()
    with producer.transaction():
        kept = producer.send(topic, b"kept")
    assert kept.get(0).offset == 0
    dropped = []
    with pytest.raises(ZeroDivisionError), producer.transaction():
        fail_after(lambda: dropped.append(producer.send(topic, b"dropped")))
    assert isinstance(dropped[0].exception, TransactionAborted)
    with producer.transaction():
        producer.send(topic, b"kept too")
    assert read(target, topic) == [b"kept", b"kept too"]


def test_many_records_by_send_many_are_in_the_transaction_as_well(target: Target) -> None:
    topic = target.topic(2)
    producer = target.producer(transactional_id=target.fresh("tx"), compression_type="gzip")
    producer.init_transactions()
    values = [b"%05d" % i for i in range(5000)]
    with producer.transaction():
        producer.send_many(topic, values)
    with pytest.raises(ZeroDivisionError), producer.transaction():
        fail_after(lambda: producer.send_many(topic, values).get(30))
    assert read(target, topic, 2) == values


def test_a_second_producer_of_the_id_fences_the_first_and_what_that_had_open_is_aborted(target: Target) -> None:
    topic, name = target.topic(), target.fresh("tx")
    first, second = target.producer(transactional_id=name), target.producer(transactional_id=name)
    first.init_transactions()
    first.begin_transaction()
    first.send(topic, b"of the first").get(30)
    second.init_transactions()
    with pytest.raises(ProducerFenced, match="another producer has transactional id"):
        first.commit_transaction()
    with pytest.raises(ProducerFenced):
        first.begin_transaction()
    with second.transaction():
        second.send(topic, b"of the second")
    assert read(target, topic) == [b"of the second"]


def test_a_block_of_a_fenced_producer_raises_that_it_is_fenced(target: Target) -> None:
    topic, name = target.topic(), target.fresh("tx")
    first, second = target.producer(transactional_id=name), target.producer(transactional_id=name)
    first.init_transactions()
    second.init_transactions()
    with pytest.raises(ProducerFenced), first.transaction():
        first.send(topic, b"of a zombie")
    assert read(target, topic) == []


def test_a_record_that_was_not_taken_leaves_the_transaction_to_be_aborted(target: Target) -> None:
    topic = target.topic(max_message_bytes="1000")
    producer = target.producer(transactional_id=target.fresh("tx"), max_request_size=5000)
    producer.init_transactions()
    for size in (3000, 6000):  # refused by the broker, and by the producer itself
        producer.begin_transaction()
        producer.send(topic, b"beside")
        future = producer.send(topic, bytes(size))
        with pytest.raises(TransactionAbortable, match=r"MESSAGE_TOO_LARGE.*call abort_transaction\(\)"):
            producer.commit_transaction()
        assert isinstance(future.exception, MessageTooLarge)
        producer.abort_transaction()
    with producer.transaction():
        producer.send(topic, b"kept")
    assert read(target, topic) == [b"kept"]


def test_a_transaction_in_which_nothing_was_sent_is_committed_and_aborted(target: Target) -> None:
    topic = target.topic()
    producer = target.producer(transactional_id=target.fresh("tx"))
    producer.init_transactions()
    for _ in range(2):
        with producer.transaction():
            pass
        producer.begin_transaction()
        producer.abort_transaction()
    with producer.transaction():
        producer.send(topic, b"kept")
    assert read(target, topic) == [b"kept"]


def test_a_producer_that_is_closed_aborts_its_transaction(target: Target) -> None:
    topic = target.topic()
    with target.producer(transactional_id=target.fresh("tx")) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"inside").get(30)
    with target.producer() as outside:
        outside.send(topic, b"outside").get(30)
    assert read(target, topic) == [b"outside"]


def test_threads_share_a_transaction(target: Target) -> None:
    topic = target.topic(2)
    producer = target.producer(transactional_id=target.fresh("tx"), batch_size=200)
    producer.init_transactions()

    def send(number: int) -> None:
        for i in range(200):
            producer.send(topic, b"%d-%03d" % (number, i))

    with producer.transaction():
        threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert read(target, topic, 2) == sorted(b"%d-%03d" % (n, i) for n in range(3) for i in range(200))


def test_outside_of_a_transaction_nothing_is_sent(target: Target) -> None:
    topic = target.topic()
    producer = target.producer(transactional_id=target.fresh("tx"))
    with pytest.raises(ValueError, match=r"begins with init_transactions\(\)"):
        producer.send(topic, b"early")
    producer.init_transactions()
    with pytest.raises(ValueError, match=r"send\(\) needs an open transaction"):
        producer.send(topic, b"early")
    with pytest.raises(ValueError, match=r"needs an open transaction"):
        producer.send_many(topic, [b"early"])
    with producer.transaction():
        producer.send(topic, b"kept")
    with pytest.raises(ValueError, match=r"needs an open transaction"):
        producer.send(topic, b"late")
    assert read(target, topic) == [b"kept"]


def test_a_block_whose_transaction_the_program_ended_itself_says_so_and_nothing_of_it_is_undone(target: Target) -> None:
    topic = target.topic()
    producer = target.producer(transactional_id=target.fresh("tx"))
    producer.init_transactions()

    def ended_inside(end: Callable[[], None]) -> None:
        with producer.transaction():
            producer.send(topic, end.__name__.encode())
            end()

    for end in (producer.commit_transaction, producer.abort_transaction):
        with pytest.raises(ValueError, match="ended inside it"):
            ended_inside(end)
    assert read(target, topic) == [b"commit_transaction"]


def test_a_timeout_that_brokers_do_not_allow_is_told_at_the_beginning(target: Target) -> None:
    producer = target.producer(transactional_id=target.fresh("tx"), transaction_timeout_ms=10**9)
    with pytest.raises(InvalidTransactionTimeout, match=r"transaction.max.timeout.ms"):
        producer.init_transactions()


@pytest.mark.parametrize("keywords", [{"acks": 1}, {"retries": 0}, {"enable_idempotence": False}])
def test_what_a_transactional_producer_cannot_be_is_refused(keywords) -> None:
    (name,) = keywords
    with Cluster(1) as cluster, pytest.raises(ConfigError, match=f"with a transactional_id is idempotent.*{name}"):
        cluster.producer(transactional_id="tx", **keywords)


def test_a_producer_without_an_id_has_no_transactions() -> None:
    with Cluster(1) as cluster, cluster.producer() as producer:
        for call in (producer.init_transactions, producer.begin_transaction, producer.transaction):
            with pytest.raises(ValueError, match="give it a transactional_id"):
                call()


def test_a_call_that_times_out_goes_on_and_can_be_made_again() -> None:
    with Cluster(1, seed=5) as cluster:
        cluster.create_topic("t")
        producer = cluster.producer(transactional_id="tx", max_block_ms=500)
        producer.init_transactions()
        producer.begin_transaction()
        producer.send("t", b"kept").get(10)
        cluster.faults.kill(1)
        with pytest.raises(KafkaTimeout, match=r"call commit_transaction\(\) again"):
            producer.commit_transaction()
        with pytest.raises(ValueError, match=r"commit_transaction\(\) is not over"):
            producer.abort_transaction()
        cluster.faults.restart(1)
        cluster.run_for(10)
        producer.commit_transaction()
        assert read(cluster, "t") == [b"kept"]


def test_the_groups_offsets_are_those_of_a_consumer_that_reads_by_hand() -> None:
    with Cluster(1) as cluster:
        cluster.create_topic("t")
        with cluster.consumer(group_id="g") as consumer:
            consumer.assign([TopicPartition("t", 0)])
            assert consumer.group_metadata()[:3] == ("g", -1, "")
        producer = cluster.producer(transactional_id="tx")
        producer.init_transactions()
        with producer.transaction(), pytest.raises(TypeError, match=r"group_metadata is consumer.group_metadata\(\)"):
            producer.send_offsets_to_transaction({TopicPartition("t", 0): 3}, "g")  # type: ignore[arg-type]
