"""``kstore demo`` from its first broker to its counts, without a terminal, on one, and interrupted."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from cli.conftest import COMMAND
from processes import Program

from actors.cli.story import telling
from actors.cli.story.exactly_once import telling as exactly_once
from actors.cli.story.frames import BEGIN, END
from actors.cli.story.wrapping import UUID

COUNTS = "lost doubled disordered replicas_differ failed unread".split()


def test_the_story_is_told_and_nothing_is_lost_doubled_or_out_of_order() -> None:
    done = subprocess.run([COMMAND, "demo", "--json"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["good"]
    assert [told[name] for name in COUNTS] == [0] * len(COUNTS)
    assert told["acknowledged"] == told["found"] > 4 * telling.SCENE_ORDERS
    killed, joined = told["why_rebalance"]
    assert "session expired" in killed
    assert "join" in joined
    assert all(f"{telling.GROUP} rebalanced" in cause for cause in (killed, joined))


def test_the_exactly_once_story_makes_one_invoice_of_each_order() -> None:
    done = subprocess.run(
        [COMMAND, "demo", "--story", "exactly-once", "--json"], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["good"]
    assert told["acknowledged"] == told["committed"] == told["read_committed"] > 3 * exactly_once.SCENE_ORDERS
    assert told["read_uncommitted"] - told["read_committed"] == told["aborted"] > 0
    assert (told["lost"], told["doubled"], told["disordered"], told["misread"], told["fenced"]) == (0, 0, 0, 0, 1)
    held, killed, frozen = told["why_aborted"]
    assert "read_committed readers stop at offset " in held
    assert "invoicing-A" in held
    assert "fenced by InitProducerId of A2 at " in killed
    assert "fenced by InitProducerId of B2 at " in frozen


@pytest.mark.full
def test_the_exactly_once_story_without_a_terminal_is_lines() -> None:
    done = subprocess.run([COMMAND, "demo", "--story", "exactly-once"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("SIGKILL", "SIGSTOP", "the read_committed reader waits", "a zombie", "ProducerFenced", "(must be 0)"):
        assert words in done.stdout
    assert "\x1b" not in done.stdout
    assert "why invoices were held back or aborted (3 of 3)" in done.stdout.partition("what was counted")[0]


@pytest.mark.full
def test_an_interrupted_exactly_once_story_ends_the_frozen_worker_too(tmp_path: Path) -> None:
    demo = Program("env", f"TMPDIR={tmp_path}", COMMAND, "demo", "--story", "exactly-once", "--plain")
    demo.wait_for(lambda lines: any("freezes" in line for line in lines), "a frozen worker")
    children = Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children")
    started = [int(child) for child in children.read_text().split()] if children.exists() else []
    demo.process.send_signal(signal.SIGINT)
    assert demo.finish() == 1
    assert demo.errors == ["kstore: interrupted"]
    assert list(tmp_path.iterdir()) == []
    assert not [child for child in started if Path(f"/proc/{child}").exists()]


@pytest.mark.full
def test_without_a_terminal_each_step_is_a_line() -> None:
    done = subprocess.run([COMMAND, "demo"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("three brokers are ready", "SIGKILL", "a fourth consumer, D", "was killed", "is back", "(must be 0)"):
        assert words in done.stdout
    assert "\x1b" not in done.stdout
    assert "why the group rebalanced" not in done.stdout.partition("what was counted")[2]
    assert not UUID.search(done.stdout)


@pytest.mark.full
def test_on_a_terminal_the_picture_is_redrawn_in_whole_frames_and_the_counts_come_last() -> None:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment["TERM"] = "xterm"
    demo = subprocess.Popen([COMMAND, "demo"], stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    seen = b""
    while chunk := read(master):
        seen += chunk
    os.close(master)
    assert demo.wait(60) == 0
    told = seen.decode()
    assert told.count("kstore demo") > 20
    for words in ("SIGKILL", "controller", "order-processors", "killed"):
        assert words in told
    *drawn, after = told.split(END)
    assert all(frame.startswith(BEGIN) for frame in drawn)
    assert "\x1b" not in after
    kept = [line.rstrip("\r") for line in after.splitlines()]
    assert max(map(len, kept)) <= 80
    assert not UUID.search(after)
    last_screen = "\n".join(kept[-23:])
    assert "what was counted" in last_screen
    assert "why the group rebalanced (2 of 2)" in after
    assert "redelivered to the group" in "\n".join(kept[-4:])


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # what Linux says when the other side is closed
        return b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_story_leaves_no_process_and_no_folder(tmp_path: Path, number: int) -> None:
    demo = Program("env", f"TMPDIR={tmp_path}", COMMAND, "demo", "--plain")
    demo.wait_for(lambda lines: any("group is stable" in line for line in lines), "stable group")
    children = Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children")
    started = [int(child) for child in children.read_text().split()] if children.exists() else []
    demo.process.send_signal(number)
    assert demo.finish() == 1
    assert demo.errors == ["kstore: interrupted"]
    assert list(tmp_path.iterdir()) == []
    assert not [child for child in started if Path(f"/proc/{child}").exists()]


def test_ctrl_c_while_the_clients_start_is_one_line_from_the_demo_and_none_from_them(tmp_path: Path) -> None:
    """As a terminal sends it: to the demo and to its clients."""
    demo = Program("setsid", "env", f"TMPDIR={tmp_path}", COMMAND, "demo", "--plain")
    demo.wait_for(lambda lines: any("topic order-events has" in line for line in lines), "started clients")
    os.killpg(demo.process.pid, signal.SIGINT)
    assert demo.finish() == 1
    assert demo.errors == ["kstore: interrupted"]
    assert list(tmp_path.iterdir()) == []


def test_the_demo_needs_no_client_but_kstore_s_own() -> None:
    program = (
        "import sys; import actors.cli.story.clients, actors.cli.story.telling, actors.cli.story.screen; "
        "from actors.cli.story.exactly_once import clients, telling, screen; "
        "print(*{'kafka', 'confluent_kafka', 'aiokafka'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
