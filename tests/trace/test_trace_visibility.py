"""What keeps records from readers of committed ones: an open transaction, a marker on its way, replication, nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from cluster.speaking import Speaker
from transactions.producers import TransactionalProducer, seen

from actors.runtime.clock import Clock
from actors.runtime.recorder import Recorder
from actors.trace import Trace
from actors.trace.visibility import Visibility
from kstore import Cluster

UNVERIFIED = {"transaction.partition.verification.enable": "false"}


def why(client: Speaker, index: int = 0, topic: str = "t") -> Visibility:
    return Trace.of(client.cluster.world).why_not_visible(topic, index)


def begun(client: Speaker, name: str, *texts: bytes, second: bool = True, **how: Any) -> TransactionalProducer:
    producer = TransactionalProducer(client, name, second=second, **how)
    producer.init()
    producer.send(*texts)
    return producer


def ended(client: Speaker, producer: TransactionalProducer, *, commit: bool = True) -> None:
    producer.end(commit=commit)
    producer.wait_until("CompleteCommit" if commit else "CompleteAbort")


@pytest.mark.parametrize("second", [False, True], ids=["the first protocol", "the second"])
def test_an_open_transaction_holds_readers_until_it_ends_or_times_out(start: Any, second: bool) -> None:
    client = start()
    ended(client, begun(client, "done", b"a", second=second))
    open_one = begun(client, "open", b"b", second=second, timeout_ms=100_000)
    for text in (b"c", b"d"):
        ended(client, begun(client, "done", text, second=second))
    client.run(10)
    found = why(client)
    assert found.holder is not None
    assert (found.kind, found.holder.transactional_id, found.holder.first_offset) == ("transaction", "open", 2)
    assert (found.last_stable_offset, found.high_watermark, found.end_offset) == (2, 7, 7)
    assert found.last_stable_offset == client.latest("t", isolation_level=1).offset
    assert found.holder.to_dict()["since_us"] == Trace.of(client.cluster.world).transaction("open").began_us
    assert found.ends[0] == "its producer commits or aborts it"
    assert found.ends[1].startswith("its time is over, in ")
    assert "t-0: the transaction of open (producer " in str(found)
    assert "read_committed readers stop at offset 2, read_uncommitted readers at 7: 5 offsets held back" in str(found)
    ended(client, open_one)
    now = why(client)
    assert (now.kind, now.last_stable_offset, now.holder) == ("nothing", 8, None)
    assert now.last_stable_offset == client.latest("t", isolation_level=1).offset
    assert str(now) == "t-0: read_committed readers can see all there is, up to offset 8"


def test_who_would_hold_it_next_is_named_in_their_order(start: Any) -> None:
    client = start()
    for name in ("first", "second", "third"):
        begun(client, name, b"a")
    found = why(client)
    assert found.holder is not None
    assert [each.transactional_id for each in (found.holder, *found.behind)] == ["first", "second", "third"]
    assert "then it is held by second (producer " in str(found)
    assert "and by 1 other transaction after that" in str(found)


def test_a_new_leader_tells_of_the_transactions_that_it_finds_open(start: Any) -> None:
    client = start()
    ended(client, begun(client, "done", b"a"))
    begun(client, "open", b"b")
    dead = client.leader("t")
    client.cluster.faults.kill(dead)
    client.wait_for_leader("t", other_than=dead)
    client.run(1)
    found = why(client)
    assert found.holder is not None
    assert (found.holder.transactional_id, found.holder.opened.kind) == ("open", "TransactionFoundOpen")
    assert found.last_stable_offset == client.latest("t", isolation_level=1).offset == 2


def test_after_a_clean_stop_what_is_still_open_holds_readers_of_the_next_start(start: Any, tmp_path: Path) -> None:
    client = start(data_dir=str(tmp_path))
    client.say("t", b"before")
    begun(client, "open", b"a", timeout_ms=600_000)
    for number in range(3):
        client.say("t", b"%d" % number)
    client.say("t", b"no transaction", index=1)
    client.run(10)
    client.cluster.close()
    again = start(data_dir=str(tmp_path), topic=False)
    again.wait_for_leader("t")
    again.run(1)
    recording = Trace.of(again.cluster.world).recording
    assert recording.last_of("HighWatermarkAdvanced", partition="t-0") is None  # it is at the end already
    found = why(again)
    assert found.holder is not None
    assert (found.kind, found.holder.transactional_id, found.holder.first_offset) == ("transaction", "open", 1)
    assert (found.last_stable_offset, found.high_watermark, found.end_offset) == (1, 5, 5)
    assert found.last_stable_offset == again.latest("t", isolation_level=1).offset
    assert str(why(again, 1)) == "t-1: read_committed readers can see all there is, up to offset 1"


def test_of_an_empty_partition_readers_can_see_all(start: Any) -> None:
    client = start()
    client.wait_for_leader("t", 1)
    found = why(client, 1)
    assert (found.kind, found.last_stable_offset, found.high_watermark, found.end_offset) == ("nothing", 0, 0, 0)
    assert str(found) == "t-1: read_committed readers can see all there is, up to offset 0"


def test_without_a_high_watermark_in_the_trace_nothing_is_counted_from_it() -> None:
    rows = Recorder(Clock(True), 1024)
    rows.note(0, "BecameLeader", 0, "t-0", 2, 4)
    unknown = Trace(rows).why_not_visible("t", 0)
    assert (unknown.kind, unknown.found, unknown.high_watermark) == ("unknown", False, -1)
    assert str(unknown) == "t-0: the trace doesn't tell its high watermark"
    rows.note(0, "TransactionFoundOpen", 0, "t-0", 1, 7)
    found = Trace(rows).why_not_visible("t", 0)
    assert found.holder is not None
    assert (found.kind, found.last_stable_offset, found.high_watermark, found.end_offset) == ("transaction", 1, -1, 4)
    assert "\n  read_committed readers stop at offset 1\n" in str(found)
    rows.note(0, "MarkerAppended", 0, "t-0", 4, 7, "commit")
    marker = Trace(rows).why_not_visible("t", 0)
    assert (marker.kind, marker.ends) == ("marker", ["the high watermark passes the marker"])
    rows.note(0, "HighWatermarkAdvanced", 0, "t-0", 5)
    rows.note(0, "BatchAppended", 0, "t-0", 5, 5)
    assert "1 record from offset 5 on must be replicated first" in str(Trace(rows).why_not_visible("t", 0))


def test_a_topic_that_is_made_anew_has_nothing_of_the_old_one(start: Any) -> None:
    client = start()
    client.say("t", b"a")
    begun(client, "open", b"b")
    client.delete("t")
    client.create("t", partitions=2, copies=3)
    found = why(client)
    assert (found.kind, found.holder, found.high_watermark, found.end_offset) == ("nothing", None, 0, 0)
    for follower in client.followers("t"):
        client.cluster.faults.pause(follower)
    client.say("t", b"new", acks=1)
    assert "1 record from offset 0 on must be replicated first" in str(why(client))


def test_a_marker_that_is_not_replicated_holds_them_too(start: Any) -> None:
    client = start()
    producer = begun(client, "tx", b"a")
    producer.end(commit=True)
    kinds: list[str] = []
    while not kinds or kinds[-1] != "nothing":
        found = why(client)
        kinds.append(found.kind)
        if found.kind == "marker":
            assert found.ends == ["the high watermark, which is 1, passes the marker"]
            assert "is at offset 1, and isn't replicated yet" in found.why
        client.run(0.0002)
    assert "marker" in kinds


def test_a_decision_whose_marker_cannot_be_written_waits_for_a_leader(start: Any) -> None:
    client = start(config={"transaction.state.log.num.partitions": "1"})
    producer = TransactionalProducer(client, "tx")
    producer.init()
    client.create("alone", copies=1, partitions=3)
    index = next(n for n in range(3) if client.leader("alone", n) != producer.coordinator())
    place = "alone", index
    producer.add(place)
    assert producer._send((b"a",), place) == 0
    client.cluster.faults.kill(client.leader("alone", index))
    client.run(1)
    producer.end(commit=True)
    client.run(5)
    found = why(client, index, "alone")
    assert found.kind == "transaction"
    assert found.why.startswith("no broker leads it: ")
    assert "is committing, and its marker isn't here yet: commit by " in found.why
    assert found.ends == ["its coordinator's marker is appended"]


def test_a_transaction_that_its_coordinator_takes_for_ended_hangs(start: Any) -> None:
    client = start(config=UNVERIFIED)
    producer = begun(client, "tx", b"a", second=False)
    ended(client, producer)
    producer.added.add(("t", 0))
    assert producer.send(b"late") == 0  # a batch of the transaction that is over: nobody verifies it
    client.run(60)
    found = why(client)
    assert found.holder is not None
    assert (found.kind, found.holder.transactional_id, found.last_stable_offset) == ("transaction", "tx", 2)
    assert " hangs: it has been open for 6" in found.why
    assert found.ends == ["an administrator aborts it: kstore transactions abort t:0 --start-offset 2"]
    assert seen(client) == [b"a"]


def test_aborted_records_are_told_as_they_are_left_out(start: Any) -> None:
    client = start()
    ended(client, begun(client, "tx", b"a", b"b"), commit=False)
    found = why(client)
    assert found.kind == "nothing"
    assert [step.what for step in found.aborted] == [
        "records of tx, from offset 0 on, aborted by the marker at offset 2"
    ]
    assert "left out by read_committed readers, as they were aborted:" in str(found)


def test_records_that_are_not_replicated_are_told_apart(start: Any) -> None:
    client = start()
    client.say("t", b"a")
    for follower in client.followers("t"):
        client.cluster.faults.pause(follower)
    client.say("t", b"b", acks=1)
    found = why(client)
    assert (found.kind, found.high_watermark, found.end_offset) == ("replication", 1, 2)
    assert "1 record from offset 1 on must be replicated first" in str(found)


def test_a_partition_without_a_leader_says_so(start: Any) -> None:
    client = start()
    client.create("alone", partitions=3, copies=1)
    index = next(n for n in range(3) if client.leader("alone", n) != 1)
    client.say("alone", b"a", index=index)
    client.cluster.faults.kill(client.leader("alone", index))
    client.run(1)
    found = why(client, index, "alone")
    assert (found.kind, found.why.startswith("no broker leads it: broker ")) == ("no leader", True)


def test_of_a_partition_that_never_was_nothing_is_told(start: Any) -> None:
    found = why(start(), 0, "none")
    assert (found.found, str(found)) == (False, "none-0: the trace has nothing about this partition")


def test_what_was_open_before_the_first_row_is_not_guessed(start: Any) -> None:
    client = start(trace_rows=1024)
    begun(client, "open", b"a", timeout_ms=600_000)
    for number in range(60):
        client.say("t", b"%d" % number)
    found = why(client)
    assert (found.found, found.holder) == (False, None)
    assert str(found).startswith("t-0: history was overwritten: ")
    begun(client, "later", b"b", timeout_ms=600_000)
    later = why(client)
    assert later.holder is not None
    assert later.holder.transactional_id == "later"
    assert later.missing.startswith("older transactions may be open: history was overwritten: ")


def test_a_holder_whose_id_was_overwritten_is_told_by_its_producer(start: Any) -> None:
    client = start(trace_rows=1024)
    begun(client, "open", b"a", timeout_ms=600_000)
    for number in range(60):
        client.say("t", b"%d" % number)
    dead = client.leader("t")
    client.cluster.faults.kill(dead)
    client.wait_for_leader("t", other_than=dead)
    found = why(client)
    assert found.holder is not None
    assert found.holder.first_offset == 0
    assert found.kind == "transaction"


def test_the_answer_is_ready_for_json(start: Any) -> None:
    client = start()
    begun(client, "one", b"a")
    begun(client, "two", b"a")
    told = json.loads(json.dumps(why(client).to_dict()))
    assert (told["holder"]["transactional_id"], told["behind"][0]["transactional_id"]) == ("one", "two")
    assert told["holder"]["marker_offset"] == -1


def test_a_stuck_reader_reads_on_when_what_was_named_has_ended(seed: int) -> None:
    with Cluster(brokers=3, seed=seed) as cluster:
        cluster.create_topic("t", replication_factor=3)
        stuck = cluster.producer(transactional_id="stuck", transaction_timeout_ms=60_000)
        stuck.init_transactions()
        stuck.begin_transaction()
        stuck.send("t", b"never").get(timeout=60)
        cluster.producer().send("t", b"a").get(timeout=60)
        consumer = cluster.consumer("t", auto_offset_reset="earliest", isolation_level="read_committed")
        assert consumer.poll(timeout_ms=5_000) == {}
        found = cluster.trace.why_not_visible("t", 0)
        assert found.holder is not None
        assert found.holder.transactional_id == "stuck"
        (records,) = consumer.poll(timeout_ms=90_000).values()
        assert [record.value for record in records] == [b"a"]
        cluster.run_for(1)
        life = cluster.trace.transaction("stuck")
        assert (life.state, life.ended_by) == ("aborted", "timeout")
        assert cluster.trace.why_not_visible("t", 0).kind == "nothing"
