"""Every example of every ``--help`` is run, in bash, beside a live server; each must end with 0."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.transacting import hang
from commands import Commands
from processes import Program

from actors.cli.main import VERBS, parser
from actors.cluster.graduation import graduate
from kstore import Admin, Cluster, Producer


def parsers(of: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its verbs."""
    yield of
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers(inner)


def examples(of: argparse.ArgumentParser) -> list[str]:
    """The examples of one help text."""
    lines = (of.epilog or "").splitlines()
    return [line.strip() for line in lines if line.startswith("  ")]


EVERY = list(parsers(parser()))


@pytest.mark.parametrize("of", EVERY, ids=lambda each: each.prog)
def test_every_help_has_an_example_of_its_own_verb(of: argparse.ArgumentParser) -> None:
    found = examples(of)
    assert found
    assert any(
        line.split("kstore", 1)[-1].split()[: len(of.prog.split()) - 1] == of.prog.split()[1:]
        for line in [*found, "kstore"]
        if "kstore" in line
    )
    assert all(found[0] in each.format_help() for each in [of])


@pytest.fixture
def workplace(ok, tmp_path: Path) -> Path:
    """What the examples take for granted: topics orders, payments and archive, a group that has read, a trace."""
    for name in ("orders", "payments", "archive"):
        ok("topics", "delete", name, "--if-exists")
        ok("topics", "create", name, "--partitions", "1")
    for name in ("invoices", "receipts", "refunds"):
        ok("topics", "delete", name, "--if-exists")
    ok("produce", "orders", stdin=b"".join(b"%d\n" % number for number in range(20)))
    ok("groups", "delete", "billing", "--if-exists")
    ok("consume", "-G", "billing", "-o", "beginning", "orders", "-c", "5")
    return tmp_path


def leave_a_trace(folder: Path) -> None:
    """A file that ``kstore trace``'s examples can be asked."""
    with Cluster(3) as cluster:
        cluster.create_topic("orders", partitions=1, replication_factor=3)
        with cluster.producer() as producer:
            producer.send_many("orders", [b"%d" % number for number in range(50)]).get(timeout=30)
        with cluster.consumer("orders", group_id="order-processors", auto_offset_reset="earliest") as consumer:
            assert len([next(consumer) for _ in range(50)]) == 50
            consumer.commit()
        with cluster.producer(transactional_id="invoices-1") as producer:
            producer.init_transactions()
            with producer.transaction():
                producer.send("invoices", b"an invoice", partition=0)
        cluster.trace.save(str(folder / "run.ktrace"))


def leave_folders(folder: Path, *, kafka: bool) -> None:
    """The folders of a stopped cluster, and those of the nodes of Apache Kafka that it has become."""
    with Cluster(3, data_dir=str(folder / "data")) as cluster:
        cluster.create_topic("orders", partitions=1, replication_factor=3)
        with cluster.producer() as producer:
            producer.send_many("orders", [b"%d" % number for number in range(50)]).get(timeout=30)
        with cluster.consumer("orders", group_id="billing", auto_offset_reset="earliest") as consumer:
            next(consumer)
            consumer.commit()
    if kafka:
        graduate(str(folder / "data"), str(folder / "kafka"))


def run_all(lines: list[str], environment: dict[str, str], folder: Path) -> None:
    for line in lines:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=folder,
            timeout=120,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert "kstore:" not in done.stderr, f"{line}\n{done.stderr}"


def of_verb(verb: str) -> list[str]:
    """All examples of a verb and its own verbs, in the order in which they are told."""
    return [line for each in EVERY if each.prog.split()[1:2] == [verb] for line in examples(each)]


@pytest.fixture
def at_once(environment: dict[str, str], commands: Commands) -> dict[str, str]:
    """A shell whose kstore needs no start."""
    return {**environment, "PATH": os.pathsep.join((str(commands.program.parent), environment["PATH"]))}


def leave_transactions(bootstrap: str) -> None:
    """What the examples of transactions are about: one that is open, and two that hang."""
    with (
        Producer(bootstrap_servers=bootstrap, transactional_id="biller-1") as producer,
        Admin(bootstrap_servers=bootstrap) as admin,
    ):
        producer.init_transactions()
        hang(admin, "orders")
        hang(admin, "payments", producer_id=4)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("serve", "demo")])
def test_every_example_of_a_verb_runs(verb, at_once, environment, workplace) -> None:
    if verb == "trace":
        leave_a_trace(workplace)
    if verb == "transactions":
        leave_transactions(environment["KSTORE_BOOTSTRAP"])
    if verb in ("log", "graduate", "adopt"):
        leave_folders(workplace, kafka=verb != "graduate")
    run_all(of_verb(verb), at_once, workplace)


def test_the_command_s_own_examples_run(environment, tmp_path) -> None:
    run_all(examples(EVERY[0]), environment, tmp_path)


@pytest.mark.full
def test_every_example_of_the_demo_runs(environment, tmp_path) -> None:
    run_all(of_verb("demo"), environment, tmp_path)


def test_every_example_of_serve_starts_a_server(environment, tmp_path) -> None:
    for line in of_verb("serve"):
        words = line.replace("127.0.0.1:9092", "127.0.0.1:0").replace("./", f"{tmp_path}/")
        server = Program("bash", "-c", f"PATH='{environment['PATH']}' exec {words}")
        server.wait_for(lambda lines: lines, "ready line")
        assert "ready on" in server.lines[0]
        server.process.send_signal(signal.SIGTERM)
        assert server.finish() == 0
