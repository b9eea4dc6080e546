"""The life of a transaction, asked of real runs: committed, aborted in each way, open; by both protocols."""

import json
from pathlib import Path
from typing import Any

import pytest
from clients.transacting import set_level
from cluster.speaking import Speaker
from transactions.producers import TransactionalProducer, seen

from actors.trace import Trace
from actors.trace.transaction_life import TransactionLife
from kstore import Cluster
from kstore.errors import InvalidProducerEpoch, ProducerFenced


@pytest.fixture(params=[False, True], ids=["the first protocol", "the second"])
def second(request: Any) -> bool:
    chosen: bool = request.param
    return chosen


def begun(client: Speaker, *, second: bool, **how: Any) -> TransactionalProducer:
    """A producer whose transaction has a record in each partition."""
    producer = TransactionalProducer(client, second=second, **how)
    producer.init()
    for index in (0, 1):
        producer.send(b"a", index=index)
    return producer


def life(client: Speaker, name: str = "tx") -> TransactionLife:
    return Trace.of(client.cluster.world).transaction(name)


def whats(found: TransactionLife) -> list[str]:
    return [step.what for step in found.steps]


def test_a_committed_transaction_is_told_from_its_beginning_to_its_markers(start: Any, second: bool) -> None:
    client = start()
    producer = begun(client, second=second)
    producer.end(commit=True)
    producer.wait_until("CompleteCommit")
    found = life(client)
    assert (found.state, found.ended_by, found.producer_id, found.producer_epoch) == ("committed", "producer", 0, 0)
    assert found.reason.startswith("commit by ")
    assert found.client
    assert found.missing == ""
    assert found.took_us > 0
    told = whats(found)
    assert told[0] == "it begins; times out after 60000 ms, which is looked at every 10000 ms"
    assert told[-1] == "it is committed: all markers are written"
    for index in (0, 1):
        order = [
            f"t-{index} joins it",
            f"its first record is in t-{index}, at offset 0",
            f"read_uncommitted readers can see it in t-{index}: the high watermark is 1",
            f"asked to {found.reason}",
            "the decision is in the log: commit",
            f"its commit marker is in t-{index}, at offset 1",
            f"read_committed readers can see it in t-{index}: the last stable offset is 2",
        ]
        assert [told.index(what) for what in order] == sorted(told.index(what) for what in order)
    for place in found.to_dict()["partitions"]:
        assert (place["first_offset"], place["marker_offset"]) == (0, 1)
        assert 0 < place["uncommitted_us"] < place["committed_us"]


def test_a_transaction_that_its_producer_aborts(start: Any, second: bool) -> None:
    client = start()
    producer = begun(client, second=second)
    producer.end(commit=False)
    producer.wait_until("CompleteAbort")
    found = life(client)
    assert (found.state, found.ended_by) == ("aborted", "producer")
    assert found.reason.startswith("abort by ")
    assert "read_committed readers pass over it in t-0: the last stable offset is 2" in whats(found)


def test_a_transaction_whose_time_is_over(start: Any, second: bool) -> None:
    client = start()
    producer = begun(client, second=second, timeout_ms=20_000)
    client.run(19)
    assert life(client).state == "open"
    client.run(15)
    producer.wait_until("CompleteAbort")
    found = life(client)
    assert (found.state, found.ended_by, found.reason) == ("aborted", "timeout", "abort: timed out after 20000 ms")
    assert found.root is not None
    assert (found.root.sort, "it is to be aborted: timed out after 20000 ms" in whats(found)) == ("timer", True)
    assert found.took_us > 20_000_000


def test_a_transaction_that_another_producer_fences_names_it_and_what_its_own_tried_later(
    start: Any, second: bool
) -> None:
    client = start()
    zombie, other = begun(client, second=second), TransactionalProducer(client, second=second)
    other.init()
    assert zombie.send(b"late") == InvalidProducerEpoch.code
    assert zombie.end(commit=True) == ProducerFenced.code
    found = life(client)
    assert (found.state, found.ended_by) == ("aborted", "fenced")
    assert found.reason.startswith("abort: fenced by InitProducerId of ")
    told = whats(found)
    assert "records for t-0 are refused, as epoch 0 is fenced" in told
    assert any(what.startswith("refused, as epoch 0 is fenced: EndTxn of ") for what in told)
    other.send(b"b")
    now = life(client)
    assert (now.state, now.producer_epoch > 0, [step.what for step in now.earlier]) == (
        "open",
        True,
        [f"aborted: {found.reason.removeprefix('abort: ')}"],
    )
    assert "  before it, in this trace: 1 aborted\n" in str(now)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_at_each_level_of_the_feature_a_fenced_transaction_is_told(level: int, seed: int) -> None:
    with Cluster(brokers=1, seed=seed) as cluster:
        set_level(cluster, level)
        cluster.create_topic("t")
        zombie, other = (cluster.producer(transactional_id="tx", client_id=each) for each in ("zombie", "other"))
        zombie.init_transactions()
        zombie.begin_transaction()
        zombie.send("t", b"a").get(timeout=60)
        other.init_transactions()
        found = cluster.trace.transaction("tx")
        assert (found.state, found.ended_by, found.client.split(" ")[0]) == ("aborted", "fenced", "zombie")
        assert found.reason.startswith("abort: fenced by InitProducerId of other at ")
        assert str(found.root).startswith("Producer.init_transactions at ")


def test_an_open_transaction_says_what_would_end_it(start: Any, second: bool) -> None:
    client = start()
    begun(client, second=second)
    client.run(15)
    found = life(client)
    assert (found.state, found.took_us, found.reason) == ("open", -1, "")
    assert found.ends[0] == "its producer commits or aborts it"
    assert found.ends[1].startswith("its time is over, in 4")
    assert found.ends[2:] == [
        "another producer with transactional_id='tx' calls init_transactions()",
        "an administrator ends it: kstore transactions force-terminate tx",
    ]
    assert 14_900_000 < found.steps[-1].time_us - found.began_us < 15_100_000
    assert str(found).startswith("tx: a transaction has been open for 1")
    assert whats(found)[-1] == "the trace ends, and it is open"


def test_a_transaction_that_goes_on_with_another_coordinator(start: Any, second: bool) -> None:
    client = start()
    producer = begun(client, second=second)
    dead = producer.coordinator()
    client.cluster.faults.kill(dead)
    client.wait_for_leader("t", 0)
    producer.end(commit=True)
    producer.wait_until("CompleteCommit")
    found = life(client)
    assert (found.state, found.missing) == ("committed", "")
    told = whats(found)
    assert told.index(f"broker-{dead}#1 was killed") < next(
        number for number, what in enumerate(told) if what.startswith("coordinates it now, and finds it open, begun ")
    )
    assert found.coordinator != f"broker-{dead}#1"


def test_offsets_that_were_committed_in_it_are_told_with_their_group(seed: int) -> None:
    with Cluster(brokers=1, seed=seed) as cluster:
        for topic in ("orders", "invoices"):
            cluster.create_topic(topic)
        cluster.producer().send("orders", b"a book").get(timeout=60)
        consumer = cluster.consumer("orders", group_id="g", enable_auto_commit=False, auto_offset_reset="earliest")
        producer = cluster.producer(transactional_id="tx")
        producer.init_transactions()
        records = consumer.poll(timeout_ms=60_000)
        producer.begin_transaction()
        producer.send("invoices", b"an invoice")
        offsets = {each: consumer.position(each) for each in records}
        producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
        producer.flush()
        (pending,) = cluster.trace.transaction("tx").to_dict()["offsets"]
        assert pending == {"group": "g", "topic": "orders", "partition": 0, "offset": 1, "committed": False}
        readers = {
            level: cluster.consumer("invoices", auto_offset_reset="earliest", isolation_level=level)
            for level in ("read_committed", "read_uncommitted")
        }
        assert readers["read_committed"].poll(timeout_ms=1_000) == {}
        assert len(readers["read_uncommitted"].poll(timeout_ms=60_000)) == 1
        producer.commit_transaction()
        assert len(readers["read_committed"].poll(timeout_ms=60_000)) == 1
        cluster.run_for(1)
        found = cluster.trace.transaction("tx")
        assert [each["committed"] for each in found.to_dict()["offsets"]] == [True]
        assert whats(found).index("offset 1 of orders-0 for group g counts") > 0
        assert str(found.root).startswith("Producer.commit_transaction at ")
        (place,) = [each for each in found.to_dict()["partitions"] if each["topic"] == "invoices"]
        first, then = place["readers"]
        assert (first["isolation_level"], then["isolation_level"]) == ("read_uncommitted", "read_committed")
        assert place["uncommitted_us"] <= first["time_us"] < place["committed_us"] <= then["time_us"]


def test_aborted_offsets_never_count(seed: int) -> None:
    with Cluster(brokers=1, seed=seed) as cluster:
        cluster.create_topic("orders")
        cluster.producer().send("orders", b"a book").get(timeout=60)
        consumer = cluster.consumer("orders", group_id="g", enable_auto_commit=False, auto_offset_reset="earliest")
        producer = cluster.producer(transactional_id="tx")
        producer.init_transactions()
        records = consumer.poll(timeout_ms=60_000)
        producer.begin_transaction()
        producer.send_offsets_to_transaction(dict.fromkeys(records, 1), consumer.group_metadata())
        producer.abort_transaction()
        cluster.run_for(1)
        found = cluster.trace.transaction("tx")
        assert [(each["offset"], each["committed"]) for each in found.to_dict()["offsets"]] == [(1, False)]
        assert str(found.root).startswith("Producer.abort_transaction at ")


def test_a_transaction_whose_beginning_was_overwritten_says_so(start: Any, second: bool) -> None:
    client = start(trace_rows=1024)
    producer = begun(client, second=second)
    for number in range(60):
        client.say("t", b"%d" % number)
    gone = life(client)
    assert (gone.state, gone.found) == ("none", False)
    assert str(gone).startswith("tx: history was overwritten: ")
    producer.end(commit=True)
    producer.wait_until("CompleteCommit")
    found = life(client)
    assert found.state == "committed"
    assert str(found).splitlines()[-1].startswith("  history was overwritten: ")


def test_of_an_id_that_never_was_nothing_is_told(start: Any) -> None:
    found = life(start(), "nobody")
    assert (found.found, str(found)) == (False, "nobody: the trace has no transaction of this id")


def test_a_file_gives_the_same_answer(start: Any, tmp_path: Path) -> None:
    client = start()
    begun(client, second=True).end(commit=True)
    client.run(1)
    Trace.of(client.cluster.world).save(tmp_path / "run.ktrace")
    saved = Trace.load(tmp_path / "run.ktrace").transaction("tx")
    assert str(saved) == str(life(client))
    assert json.dumps(saved.to_dict()) == json.dumps(life(client).to_dict())


def test_records_outside_of_transactions_have_no_rows_of_them(start: Any) -> None:
    client = start()
    client.say("t", b"a", b"b")
    client.run(1)
    kinds = {row.kind for row in Trace.of(client.cluster.world).recording.rows()}
    assert not {each for each in kinds if each.startswith(("Transaction", "Marker", "LastStable"))}


def test_in_real_time_a_transaction_is_told_too() -> None:
    with Cluster(brokers=3) as cluster:
        cluster.create_topic("t", replication_factor=3)
        producer = cluster.producer(transactional_id="tx")
        producer.init_transactions()
        with producer.transaction():
            producer.send("t", b"a")
        consumer = cluster.consumer("t", auto_offset_reset="earliest", isolation_level="read_committed")
        assert next(consumer).value == b"a"
        cluster.wait_for(lambda: cluster.trace.transaction("tx").state == "committed")
        found = cluster.trace.transaction("tx")
        (place,) = found.to_dict()["partitions"]
        assert (place["first_offset"], place["marker_offset"], len(place["readers"])) == (0, 1, 1)


def test_the_reader_by_hand_sees_what_the_trace_says(start: Any) -> None:
    client = start()
    producer = begun(client, second=True)
    producer.end(commit=False)
    producer.wait_until("CompleteAbort")
    assert (seen(client), seen(client, committed=False)) == ([], [b"a"])
    assert life(client).state == "aborted"
