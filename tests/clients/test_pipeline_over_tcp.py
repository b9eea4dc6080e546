"""The pipeline of ``docs/delivery.md`` over TCP: its worker is a process that is killed by SIGKILL and started again,
many times, while the orders that are left become fewer; each time at another moment.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from clients.conftest import SERVE_OPTIONS
from clients.pipeline import (
    AT_LEAST,
    EXACTLY,
    GROUP,
    PORTION,
    begin,
    due,
    invoices,
    size,
    without_repetitions,
)
from clients.targets import OverTcp
from processes import Server
from waiting import wait_until

TESTS = Path(__file__).parents[1]
BROKERS = 3
LOOKS_LIKE = "asked 3 times who coordinates group"
"""A server says so of clients that do nothing after that, as some do that are killed there one after the other."""
IN_A_PORTION = 3
"""A worker that dies with this order in hand has sent the invoices before it, and committed nothing of its portion."""


@pytest.fixture
def target() -> Iterator[OverTcp]:
    server = Server("--brokers", str(BROKERS), "--listen", "127.0.0.1:0", *SERVE_OPTIONS)
    found = OverTcp("serve", server.bootstrap, brokers=BROKERS)
    yield found
    found.close()
    server.kill()
    assert [line for line in server.errors if LOOKS_LIKE not in line] == []


def worker(target: OverTcp, recipe: str, message: int, record: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "clients.pipeline_worker", target.bootstrap, recipe, str(message), str(record)]
    return subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True)


def killed(target: OverTcp, recipe: str, message: int, record: int = 0) -> list[str]:
    """What a worker printed that has killed itself."""
    with worker(target, recipe, message, record) as process:
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
    return printed.splitlines()


def run(target: OverTcp, recipe: str, messages: Iterable[int], count: int) -> int:
    """Kill workers after so many messages, and one with an order in hand, then let one do the rest. How many orders
    were in hand, in all of them.
    """
    begin(target, count, BROKERS)
    in_hand = len(killed(target, recipe, 0, IN_A_PORTION))
    in_hand += sum(len(killed(target, recipe, message)) for message in messages)
    with worker(target, recipe, 0) as last, target.admin() as admin:
        wait_until(
            lambda: sum(at.offset for at in admin.list_group_offsets({GROUP: None})[GROUP].values()) == count,
            what="the last order",
            timeout_s=60,
        )
        last.kill()
        in_hand += len(last.communicate()[0].splitlines())
    return in_hand


@pytest.mark.parametrize("recipe", [EXACTLY, AT_LEAST])
@pytest.mark.parametrize("kills", [6, pytest.param(100, marks=pytest.mark.full)])
def test_a_process_that_is_killed_again_and_again(target: OverTcp, recipe: str, kills: int) -> None:
    count = kills * PORTION
    messages = [20 + 100 * number // kills for number in range(kills)]
    in_hand = run(target, recipe, messages, count)
    found = invoices(target)
    assert without_repetitions(found) == due(count)
    twice = size(found) - count
    print(f"{recipe}: {kills + 1} kills, {in_hand} orders in hand of {count}, {twice} invoices twice")
    assert (twice == 0) == (recipe == EXACTLY)
    assert in_hand > count
