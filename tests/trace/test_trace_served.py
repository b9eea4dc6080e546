"""``kstore serve --trace-file``: a server's whole trace in a file, ended in order or cut off by SIGKILL."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from processes import Server
from waiting import wait_until

from actors.trace import Trace
from kstore import Admin, Cluster, NewTopic, Producer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server("--listen", "127.0.0.1:0", "--trace-file", str(tmp_path / "run.ktrace"))
    yield server
    server.kill()


def write(server: Server) -> None:
    with Admin(bootstrap_servers=server.bootstrap) as admin:
        admin.create_topics([NewTopic("orders", 1, 1)])
    with Producer(bootstrap_servers=server.bootstrap, client_id="till-4") as producer:
        for number in range(500):
            producer.send("orders", b"%d" % number).get(timeout=30)


def test_a_server_that_is_stopped_leaves_its_whole_trace(server: Server, tmp_path: Path) -> None:
    write(server)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    trace = Trace.load(tmp_path / "run.ktrace")
    assert (trace.recording.damage, trace.recording.first) == ("", 1)
    life = trace.record("orders", 0, 499)
    assert life.root is not None
    assert life.root.what.startswith("a request of till-4 at 127.0.0.1")
    assert "committed: the high watermark is 500" in [step.what for step in life.steps]


def test_a_server_that_is_killed_leaves_what_was_written_until_then(server: Server, tmp_path: Path) -> None:
    write(server)
    path = tmp_path / "run.ktrace"
    wait_until(lambda: Trace.load(path).record("orders", 0, 499).steps, what="the rows of the last record")
    server.kill()
    trace = Trace.load(path)
    assert "no end" in trace.recording.damage
    assert trace.recording.first == 1


def test_a_trace_file_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    from actors.cli.main import main

    assert main(["serve", "--listen", "127.0.0.1:0", "--trace-file", str(tmp_path / "no" / "run.ktrace")]) != 0


def test_a_second_server_is_refused_the_trace_file_of_the_first(server: Server, tmp_path: Path, capsys: Any) -> None:
    from actors.cli.main import main

    file = str(tmp_path / "run.ktrace")
    write(server)
    assert main(["serve", "--listen", "127.0.0.1:0", "--trace-file", file]) == 2
    assert capsys.readouterr().err == (
        f"kstore: {file} is being written by another server or cluster: name another trace file\n"
    )
    assert Trace.load(file).recording.first == 1


def test_after_a_crash_the_next_server_keeps_the_trace_and_says_so(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "run.ktrace"
    write(server)
    wait_until(lambda: Trace.load(path).record("orders", 0, 499).steps, what="the rows of the last record")
    server.kill()
    with Cluster(trace_file=path) as cluster:
        assert cluster.warnings == ["the trace file was there already and is now called run.ktrace.1"]
    assert Trace.load(tmp_path / "run.ktrace.1").record("orders", 0, 499).steps


@pytest.mark.parametrize("end", [Server.kill, Server.stop], ids=["killed", "stopped"])
def test_a_transaction_of_another_client_is_told_and_so_is_what_the_next_server_finds_of_it(
    tmp_path: Path, end: Callable[[Server], object]
) -> None:
    def serve(number: int) -> Server:
        files = ["--data-dir", str(tmp_path / "data"), "--trace-file", str(tmp_path / f"{number}.ktrace")]
        return Server("--listen", "127.0.0.1:0", *files)

    def traced(number: int) -> Trace:
        return Trace.load(tmp_path / f"{number}.ktrace")

    server = serve(1)
    try:
        with Admin(bootstrap_servers=server.bootstrap) as admin:
            admin.create_topics([NewTopic("orders", 1, 1)])
        how = {"transactional.id": "tx", "client.id": "till-4", "transaction.timeout.ms": 600_000, "log_level": 0}
        producer = confluent_kafka.Producer({"bootstrap.servers": server.bootstrap} | how)
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce("orders", b"a book")
        producer.flush(30)
        wait_until(lambda: traced(1).why_not_visible("orders", 0).holder, what="the rows of the transaction")
        assert traced(1).transaction("tx").client.startswith("till-4 at ")
        end(server)
    finally:
        server.kill()
    server = serve(2)
    try:
        wait_until(lambda: traced(2).transaction("tx").steps, what="what the coordinator finds")
        found, stuck = traced(2).transaction("tx"), traced(2).why_not_visible("orders", 0)
        assert (found.state, found.missing) == ("open", "it began before this trace")
        words = "coordinates it now, and finds it open, begun "
        assert any(step.what.startswith(words) for step in found.steps)
        assert stuck.holder is not None
        assert (stuck.holder.transactional_id, stuck.last_stable_offset, stuck.ends) == ("tx", 0, found.ends)
        assert (stuck.high_watermark, stuck.end_offset) == (1, 1)
    finally:
        server.kill()
