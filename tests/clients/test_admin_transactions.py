"""Transactions by an admin: listed, described, fenced, found where they hang, and aborted; on every target."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from clients.targets import Target
from clients.transacting import NEVER_GIVEN, hang, partitions_of, read
from waiting import wait_until

from actors.clients.admin.descriptions import TRANSACTION_STATES, TransactionDescription
from actors.clients.errors import SeveralFailed
from actors.transactions.states import BY_NAME
from kstore import AbortTransactionSpec, Admin, Producer, TopicPartition
from kstore.errors import (
    BrokerNotAvailable,
    InvalidProducerEpoch,
    InvalidRegularExpression,
    InvalidTransactionTimeout,
    NotLeaderOrFollower,
    ProducerFenced,
    TransactionalIdNotFound,
    TransactionCoordinatorFenced,
    UnknownTopicOrPartition,
)


def opened(target: Target, name: str, topic: str, partitions: int = 1, **keywords: int) -> Producer:
    """A producer with a transaction that has a record in each partition."""
    producer = target.producer(transactional_id=name, **keywords)
    producer.init_transactions()
    producer.begin_transaction()
    for each in range(partitions):
        producer.send(topic, b"open", partition=each).get(30)
    return producer


def described(admin: Admin, name: str) -> TransactionDescription:
    return admin.describe_transactions([name])[name]


def ended(admin: Admin, name: str) -> TransactionDescription:
    """The id when its transaction is over: its markers are written a moment after the decision."""
    wait_until(lambda: described(admin, name).state.startswith("Complete"), what="the end")
    return described(admin, name)


def test_the_states_are_those_of_the_coordinator() -> None:
    assert set(TRANSACTION_STATES) == set(BY_NAME)


def test_ids_are_listed_with_their_state_producer_and_coordinator(target: Target) -> None:
    admin, topic, name, other = target.admin(), target.topic(), target.fresh("tx"), target.fresh("tx")
    opened(target, name, topic)
    target.producer(transactional_id=other).init_transactions()
    found = {each.transactional_id: each for each in admin.list_transactions()}
    assert list(found) == sorted(found)
    assert (found[name].state, found[other].state) == ("Ongoing", "Empty")
    told = described(admin, name)
    assert found[name] == (name, told.producer_id, "Ongoing", told.coordinator)


def test_a_list_has_only_what_its_filters_let_through(target: Target) -> None:
    admin, topic, name, other = target.admin(), target.topic(), target.fresh("filter"), target.fresh("filter")
    opened(target, name, topic)
    target.producer(transactional_id=other).init_transactions()
    here = {name, other}

    def listed(**filters: Any) -> set[str]:
        return {each.transactional_id for each in admin.list_transactions(**filters)} & here

    assert listed() == here
    assert listed(state_filters=["Ongoing"]) == {name}
    assert listed(state_filters=["Empty", "Dead"]) == {other}
    assert listed(producer_id_filters=[described(admin, other).producer_id]) == {other}
    assert listed(transactional_id_pattern=f"{name[:-1]}.*") >= {name}
    assert listed(transactional_id_pattern=name) == {name}
    assert listed(transactional_id_pattern=name[1:]) == set()
    assert name not in listed(duration_filter_ms=3_600_000)
    assert name in listed(duration_filter_ms=0)
    everywhere = {node.id for node in admin.describe_cluster().nodes}
    of_each = [listed(broker_ids=[each]) for each in everywhere]
    assert set.union(*of_each) == here
    assert sum(map(len, of_each)) == 2


def test_a_pattern_that_is_none_is_told(target: Target) -> None:
    with pytest.raises(InvalidRegularExpression, match=r"transactional_id_pattern .*RE2.*got '\('"):
        target.admin().list_transactions(transactional_id_pattern="(")


def test_a_state_that_there_is_none_of_is_refused_before_it_is_sent(target: Target) -> None:
    with pytest.raises(ValueError, match=r"state_filters is one of .*did you mean Ongoing"):
        target.admin().list_transactions(state_filters=["ongoing"])


def test_an_open_transaction_is_described_with_its_partitions_and_its_time(target: Target) -> None:
    admin, topic, name = target.admin(), target.topic(2), target.fresh("tx")
    producer = opened(target, name, topic, 2, transaction_timeout_ms=50_000)
    found = described(admin, name)
    assert (found.state, found.transaction_timeout_ms) == ("Ongoing", 50_000)
    assert found.topic_partitions == tuple(partitions_of(topic, 2))
    assert found.transaction_start_time_ms is not None
    assert found.coordinator in {node.id for node in admin.describe_cluster().nodes}
    (state,) = admin.describe_producers(partitions_of(topic, 1))[TopicPartition(topic, 0)]
    assert (state.producer_id, state.producer_epoch) == (found.producer_id, found.producer_epoch)
    producer.commit_transaction()
    assert (ended(admin, name).state, ended(admin, name).topic_partitions) == ("CompleteCommit", ())


def test_an_id_that_has_begun_nothing_has_no_time(target: Target) -> None:
    admin, name = target.admin(), target.fresh("tx")
    target.producer(transactional_id=name).init_transactions()
    found = described(admin, name)
    assert (found.state, found.transaction_start_time_ms, found.topic_partitions) == ("Empty", None, ())


def test_an_id_that_is_not_there_is_told_and_does_not_hold_up_others(target: Target) -> None:
    admin, name = target.admin(), target.fresh("tx")
    target.producer(transactional_id=name).init_transactions()
    with pytest.raises(TransactionalIdNotFound, match="there is no transactional id never-was"):
        admin.describe_transactions(["never-was"])
    with pytest.raises(SeveralFailed) as failed:
        admin.describe_transactions(["never-was", name])
    assert list(failed.value.results) == [name]
    assert isinstance(failed.value.errors["never-was"], TransactionalIdNotFound)


def test_the_producers_of_a_partition_are_described_by_its_leader_and_by_each_replica(target: Target) -> None:
    admin, topic = target.admin(), target.topic(replication_factor=min(2, target.brokers))
    place = TopicPartition(topic, 0)
    target.producer().send(topic, b"idempotent", timestamp_ms=5_000).get(30)
    name = target.fresh("tx")
    producer = opened(target, name, topic)
    states = admin.describe_producers([place])[place]
    assert list(states) == sorted(states)
    idempotent, transactional = sorted(states, key=lambda each: each.is_in_transaction)
    assert (idempotent.last_sequence, idempotent.last_timestamp, idempotent.coordinator_epoch) == (0, 5_000, -1)
    assert not idempotent.is_in_transaction
    assert transactional.is_in_transaction
    assert transactional.current_transaction_start_offset == 1
    for replica in admin.describe_topics([topic])[0].partitions[0].replicas:
        wait_until(
            partial(lambda of: admin.describe_producers([place], of)[place] == states, replica),
            what="the replica's state",
        )
    producer.abort_transaction()
    ended(admin, name)
    after = next(each for each in admin.describe_producers([place])[place] if each.producer_id == transactional[0])
    assert (after.current_transaction_start_offset, after.coordinator_epoch >= 0) == (-1, True)


def test_a_partition_that_is_not_there_has_no_producers(target: Target) -> None:
    with pytest.raises(UnknownTopicOrPartition):
        target.admin().describe_producers([TopicPartition(target.topic(), 7)])


def test_a_broker_without_a_replica_says_so_at_once(target: Target) -> None:
    admin, topic = target.admin(), target.topic()
    (only,) = admin.describe_topics([topic])[0].partitions[0].replicas
    other = next((node.id for node in admin.describe_cluster().nodes if node.id != only), None)
    if other is None:
        return  # a cluster of one broker
    with pytest.raises(NotLeaderOrFollower, match=f"broker {other} has no replica of {topic}-0"):
        admin.describe_producers([TopicPartition(topic, 0)], other)


def test_a_broker_that_is_not_there_is_told_at_once_with_those_that_are(target: Target) -> None:
    with pytest.raises(BrokerNotAvailable, match="there is no broker 77; there are "):
        target.admin().describe_producers([TopicPartition(target.topic(), 0)], 77)


def test_fencing_aborts_what_is_open_and_the_producer_is_told(target: Target) -> None:
    admin, topic, name, other = target.admin(), target.topic(), target.fresh("tx"), target.fresh("tx")
    producer = opened(target, name, topic)
    before = described(admin, name)
    fenced = admin.fence_producers([name, other])
    assert list(fenced) == [name, other]
    assert (fenced[name].producer_id, fenced[name].producer_epoch > before.producer_epoch) == (before.producer_id, True)
    with pytest.raises(ProducerFenced):
        producer.commit_transaction()
    assert read(target, topic) == []
    assert described(admin, other).state == "Empty"


def test_a_terminated_transaction_is_aborted(target: Target) -> None:
    admin, topic, name = target.admin(), target.topic(), target.fresh("tx")
    producer = opened(target, name, topic)
    admin.force_terminate_transaction(name)
    assert described(admin, name).topic_partitions == ()
    with pytest.raises(ProducerFenced):
        producer.commit_transaction()
    assert read(target, topic) == []


def test_a_timeout_that_brokers_do_not_allow_is_told(target: Target) -> None:
    with pytest.raises(InvalidTransactionTimeout):
        target.admin().fence_producers([target.fresh("tx")], timeout_ms=10**9)


def test_a_transaction_that_its_coordinator_knows_does_not_hang(target: Target) -> None:
    admin, topic = target.admin(), target.topic()
    opened(target, target.fresh("tx"), topic)
    assert admin.find_hanging_transactions([topic], max_transaction_timeout_ms=0) == []


def test_a_hanging_transaction_is_found_and_aborted_and_readers_go_on(target: Target) -> None:
    admin, topic = target.admin(), target.topic()
    place = TopicPartition(topic, 0)
    hang(admin, topic)
    target.producer().send(topic, b"behind it").get(30)
    reader = target.consumer(isolation_level="read_committed", auto_offset_reset="earliest", fetch_max_wait_ms=20)
    reader.assign([place])
    assert reader.poll(200) == {}
    (found,) = admin.find_hanging_transactions([topic])
    assert found.topic_partition == place
    assert (found.producer.producer_id, found.producer.current_transaction_start_offset) == (NEVER_GIVEN, 0)
    assert admin.find_hanging_transactions({topic: [0]}, max_transaction_timeout_ms=2**45) == []
    (leader,) = admin.describe_topics([topic])[0].partitions[0].replicas
    assert admin.find_hanging_transactions(broker_id=leader) == [found]
    assert admin.find_hanging_transactions() == [found]
    admin.abort_transaction(AbortTransactionSpec.of(*found))
    assert admin.find_hanging_transactions([topic]) == []
    assert [each.value for each in reader.poll(10_000)[place]] == [b"behind it"]


def test_an_abort_of_an_older_epoch_is_refused_and_says_where_to_look(target: Target) -> None:
    admin, topic = target.admin(), target.topic()
    hang(admin, topic, NEVER_GIVEN + 1)
    (found,) = admin.find_hanging_transactions([topic])
    spec = AbortTransactionSpec.of(*found)
    with pytest.raises(InvalidProducerEpoch, match=r"a newer epoch in .* than 2: describe_producers"):
        admin.abort_transaction(spec._replace(producer_epoch=2))
    admin.abort_transaction(spec._replace(coordinator_epoch=5))
    with pytest.raises(TransactionCoordinatorFenced, match=r"an epoch after 4 .*describe_producers"):
        admin.abort_transaction(spec._replace(coordinator_epoch=4))
