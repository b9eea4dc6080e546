"""What brokers, coordinators and time do to an admin's calls about transactions, on virtual time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from actors.clients.actor import TRANSACTION, ClientActor
from actors.clients.admin.asking import at_coordinators
from actors.runtime.coroutine import Eventually
from kstore import AbortTransactionSpec, Admin, Cluster, Producer, TopicPartition
from kstore.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    KafkaError,
    NotCoordinator,
    NotLeaderOrFollower,
    ProducerFenced,
    TransactionalIdAuthorizationFailed,
    UnknownServerError,
)

PLACE = TopicPartition("t", 0)
REPLICATED = {"transaction.state.log.replication.factor": "3", "transaction.state.log.min.isr": "1"}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(3, seed=23, config=REPLICATED) as found:
        found.create_topic("t", partitions=1, replication_factor=3)
        yield found


@pytest.fixture
def admin(cluster: Cluster) -> Admin:
    return cluster.admin()


@pytest.fixture
def producer(cluster: Cluster) -> Producer:
    """One with an open transaction."""
    found = cluster.producer(transactional_id="tx")
    found.init_transactions()
    found.begin_transaction()
    found.send("t", b"x").get(10)
    return found


@pytest.mark.parametrize(
    ("api", "error"),
    [
        ("ListTransactions", CoordinatorLoadInProgress),
        ("DescribeTransactions", NotCoordinator),
        ("DescribeTransactions", CoordinatorLoadInProgress),
        ("FindCoordinator", CoordinatorNotAvailable),
        ("DescribeProducers", NotLeaderOrFollower),
        ("InitProducerId", ConcurrentTransactions),
        ("InitProducerId", NotCoordinator),
        ("WriteTxnMarkers", NotLeaderOrFollower),
    ],
)
def test_what_passes_is_tried_again(
    cluster: Cluster, admin: Admin, producer: Producer, api: str, error: type[KafkaError]
) -> None:
    cluster.faults.error(api, error, times=2)
    assert [each.state for each in admin.list_transactions()] == ["Ongoing"]
    assert admin.describe_transactions(["tx"])["tx"].topic_partitions == (PLACE,)
    (known,) = admin.describe_producers([PLACE])[PLACE]
    admin.abort_transaction(AbortTransactionSpec.of(PLACE, known))
    (known,) = admin.describe_producers([PLACE])[PLACE]
    assert not known.is_in_transaction
    admin.force_terminate_transaction("tx")
    assert admin.describe_transactions(["tx"])["tx"].topic_partitions == ()
    with pytest.raises(ProducerFenced):
        producer.commit_transaction()


def test_a_coordinator_that_dies_is_looked_for_anew(cluster: Cluster, admin: Admin) -> None:
    names = [f"tx-{number}" for number in range(12)]
    for name in names:
        cluster.producer(transactional_id=name).init_transactions()
    at = {each.transactional_id: each.coordinator for each in admin.list_transactions()}
    assert set(at) == set(names)
    name = next(name for name in names if at[name] != 1)
    assert admin.describe_transactions([name])[name].coordinator == at[name]
    cluster.faults.kill(at[name])
    assert admin.describe_transactions([name])[name].coordinator != at[name]
    assert {each.transactional_id for each in admin.list_transactions()} == set(names)
    assert list(admin.fence_producers(names)) == names


def test_an_id_that_may_not_be_used_is_told_at_once(cluster: Cluster, admin: Admin, producer: Producer) -> None:
    cluster.faults.error("InitProducerId", TransactionalIdAuthorizationFailed)
    with pytest.raises(TransactionalIdAuthorizationFailed):
        admin.force_terminate_transaction("tx")
    producer.commit_transaction()


def test_a_transaction_whose_coordinator_forgot_its_id_while_it_was_looked_for_hangs(cluster: Cluster) -> None:
    admin = cluster.admin()
    producer = cluster.producer(transactional_id="tx")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send("t", b"x", timestamp_ms=1_000).get(10)
    assert admin.find_hanging_transactions(["t"]) == []
    cluster.faults.error("DescribeTransactions", "TRANSACTIONAL_ID_NOT_FOUND")
    (found,) = admin.find_hanging_transactions(["t"])
    assert found.topic_partition == PLACE
    producer.commit_transaction()


def test_an_id_that_a_coordinator_leaves_out_of_its_answer_has_an_error(admin: Admin) -> None:
    def asked(actor: ClientActor) -> Eventually[Mapping[str, KafkaError | None]]:
        def ask(_: int, names: list[str]) -> Eventually[Mapping[str, KafkaError | None]]:
            yield actor.backoff(0)
            return dict.fromkeys(names[1:])

        return (yield from at_coordinators(actor, ["a", "b"], ask, TRANSACTION))

    found = admin._do("asked", asked)
    assert sum(isinstance(each, UnknownServerError) and "leaves it out" in each.message for each in found.values()) >= 1
