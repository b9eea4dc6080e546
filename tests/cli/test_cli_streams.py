"""Pipes, signals and exit codes: a reader that leaves, Ctrl-C, brokers that aren't there, options that are wrong."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys

import pytest
from cli.conftest import COMMAND
from present import present
from processes import Server
from waiting import wait_until

MANY = b"".join(b"%d %s\n" % (number, b"x" * 80) for number in range(50_000))


@pytest.fixture
def shell(environment, tmp_path):
    """Run a line of bash; its exit code, stdout and stderr."""

    def run(line: str) -> tuple[int, str, str]:
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=60
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_reader_that_has_had_enough_is_no_error(ok, topic, shell) -> None:
    ok("produce", topic, stdin=MANY)
    printed = shell(f"kstore consume {topic} -e | head -n 1; echo ${{PIPESTATUS[0]}}")
    assert printed == (0, MANY.splitlines()[0].decode() + "\n0\n", "")


def test_a_reader_that_leaves_ends_a_consumer_that_waits(ok, topic, shell) -> None:
    ok("produce", topic, stdin=b"a\n")
    assert shell(f"kstore consume {topic} | head -n 1; echo ${{PIPESTATUS[0]}}") == (0, "a\n0\n", "")


def test_a_list_into_a_reader_that_left_is_no_error(topic, shell) -> None:
    assert shell("kstore topics list | true; echo ${PIPESTATUS[0]}")[1:] == ("0\n", "")


def test_nothing_is_committed_that_could_not_be_printed(ok, topic, group, shell) -> None:
    ok("produce", topic, stdin=b"a\nb\nc\n")
    assert shell(f"kstore consume -G {group} -o beginning {topic} | true; echo ${{PIPESTATUS[0]}}")[1:] == ("0\n", "")
    assert ok("consume", "-G", group, "-o", "beginning", topic, "-e") == b"a\nb\nc\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_consumer_ends_in_order_when_told_to(ok, topic, environment, number) -> None:
    ok("produce", topic, stdin=b"a\n")
    consumer = subprocess.Popen(
        [COMMAND, "consume", topic], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert present(consumer.stdout).readline() == b"a\n"
    consumer.send_signal(number)
    assert consumer.communicate(timeout=60) == (b"", b"")
    assert consumer.returncode == 0


def test_what_is_typed_goes_out_line_by_line_and_ctrl_c_loses_none_of_it(ok, topic, environment) -> None:
    producer = subprocess.Popen(
        [COMMAND, "produce", topic], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    present(producer.stdin).write(b"first\nsecond\n")
    present(producer.stdin).flush()
    wait_until(lambda: ok("consume", topic, "-e") == b"first\nsecond\n", what="two records")
    producer.send_signal(signal.SIGINT)
    said = present(producer.stderr).read()
    assert producer.wait(60) == 1
    assert said == b"kstore: interrupted after 2 records, which are sent\n"
    present(producer.stdin).close()
    present(producer.stderr).close()


@pytest.mark.parametrize(
    "words",
    [["topics", "list"], ["produce", "t"], ["consume", "t"], ["consume", "-G", "g", "t"], ["groups", "list"]],
    ids=" ".join,
)
def test_a_broker_that_is_not_there_is_said_at_once(kstore, words) -> None:
    done = kstore(*words, "-b", "127.0.0.1:1", stdin=b"a\n")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        "kstore: NO_BROKERS_AVAILABLE: no broker could be reached: 127.0.0.1:1: Connection refused "
        "(kstore serve starts one; -b or KSTORE_BOOTSTRAP names others)\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "there is no verb nothing"),
        (["consume"], "TOPIC"),
        (["consume", "t", "-o", "x"], "'x' is not an offset"),
        (["consume", "t", "-o", "stored"], "-G"),
        (["consume", "t", "-f", "%q"], "unknown token %q"),
        (["consume", "t", "--json", "-f", "%s"], "--json has a form of its own"),
        (["consume", "t", "-p", "a"], "names no partitions"),
        (["consume", "-G", "g", "t", "-p", "1"], "leave out -p or -G"),
        (["consume", "-G", "g", "t", "-o", "-5"], "reset-offsets"),
        (["consume", "^t"], "-G"),
        (["consume", "t", "--frob"], "--frob"),
        (["produce", "t", "-D", ""], "at least one byte"),
        (["produce", "t", "-H", "=x"], "has no name"),
        (["produce", "t", "-l"], "-l reads one FILE"),
        (["produce", "t", "-z", "rar"], "not one of none, gzip"),
        (["produce", "t", "-X", "linger"], "not KEY=VALUE"),
        (["produce", "t", "-X", "linger_mss=5"], "did you mean linger_ms?"),
        (["produce", "t", "-X", "transactional_id=x"], "transactional_id"),
        (["topics", "list", "-b", "host:port"], "host:port"),
        (["completion", "tcsh"], "not one of bash, zsh, fish"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_asked_for_wrongly_is_one_line_and_exit_code_2(kstore, words, said) -> None:
    done = kstore(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr.decode()


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (["consume", "no-such-topic", "-e"], b"", "there is no topic no-such-topic"),
        (["consume", "{topic}", "-p", "7", "-e"], b"", "has no partition 7, but 1"),
        (["produce", "{topic}", "no-such-file"], b"", "no-such-file: No such file or directory"),
        (["produce", "{topic}", "--json-in"], b'{"value": 1}\n', "kstore: record 1 of the input: the value is neither"),
        (["produce", "{topic}", "-p", "7"], b"a\n", "has no partition 7, but 1"),
        (["produce", "{topic}", "--json-in"], b'{"value": "a", "partition": 7}\n', "has no partition 7, but 1"),
        (["produce", "{topic}", "-H", "a=1", "-X", "max_request_size=100"], b"x" * 200, "MESSAGE_TOO_LARGE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_fails_is_one_line_and_exit_code_1(kstore, topic, words, stdin, said) -> None:
    done = kstore(*(word.format(topic=topic) for word in words), stdin=stdin)
    assert (done.returncode, done.stdout) == (1, b"")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr.decode()


def test_long_work_shows_its_progress_on_a_terminal_and_only_there(environment, topic, tmp_path) -> None:
    master, slave = pty.openpty()
    program = (
        "import sys; from actors.cli import progress; progress.PATIENCE_S = 0; "
        "from actors.cli.main import main; sys.exit(main())"
    )
    (tmp_path / "input").write_bytes(MANY)
    with open(tmp_path / "input", "rb") as stdin:
        done = subprocess.run(
            [sys.executable, "-c", program, "produce", topic],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=slave,
            env={**environment, "TERM": "xterm"},
            timeout=60,
        )
    os.close(slave)
    drawn = os.read(master, 100_000).decode()
    os.close(master)
    assert done.returncode == 0
    assert f"to {topic}" in drawn
    assert "MB" in drawn


@pytest.mark.parametrize(
    "verb", ["serve", "topics", "produce", "consume", "groups", "transactions", "demo", "trace", "completion", "help"]
)
def test_help_loads_nothing_that_takes_time(verb) -> None:
    program = (
        f"import sys; from actors.cli.main import parser; parser({verb!r}); "
        "print(*{'numpy', 'rich', 'asyncio', 'pykka', 'ssl', 'kstore.schema'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("line", "code", "printed"),
    [
        ("kstore topics list >&-", 0, b""),
        ("kstore consume {topic} -e >&-", 0, b""),
        ("kstore produce {topic} <&-", 0, b""),
        ("kstore topics crate 2>&-", 2, b""),
        ("kstore consume {topic} -e 2>&-", 0, b"a\n"),
    ],
)
def test_a_stream_that_was_closed_is_an_empty_one(environment, ok, topic, line, code, printed) -> None:
    ok("produce", topic, stdin=b"a\n")
    done = subprocess.run(
        ["bash", "-c", line.format(topic=topic)], stdin=subprocess.DEVNULL, capture_output=True, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, printed, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_what_can_t_be_written_is_one_line(environment) -> None:
    done = subprocess.run(["bash", "-c", "kstore topics list > /dev/full"], capture_output=True, env=environment)
    assert (done.returncode, done.stderr) == (1, b"kstore: No space left on device\n")


def test_letters_that_a_terminal_lacks_are_spelled_out(environment) -> None:
    ascii_only = {**environment, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([COMMAND, "help", "configs"], capture_output=True, env=ascii_only)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert b"\\u2026" in done.stdout


def test_a_terminal_is_told_what_a_producer_waits_for_and_ctrl_c_gives_up(environment) -> None:
    server = Server("--listen", "127.0.0.1:0")
    terminal, slave = pty.openpty()
    program = (
        "import sys; from actors.cli import sending; sending.PATIENCE_S = 0.1; "
        "from actors.cli.main import main; sys.exit(main())"
    )
    producer = subprocess.Popen(
        [sys.executable, "-c", program, "produce", "typed", "-b", server.bootstrap],
        stdin=slave,
        stdout=subprocess.DEVNULL,
        stderr=slave,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    os.close(slave)
    read_until(terminal, b"reading records from the terminal, one per line (Ctrl-D ends)")
    os.write(terminal, b"kept\n")
    words = [COMMAND, "consume", "typed", "-c", "1", "-b", server.bootstrap]
    wait_until(lambda: subprocess.run(words, capture_output=True).stdout == b"kept\n", what="a record")
    server.kill()
    os.write(terminal, b"never kept\n\x04")
    read_until(terminal, b"still waiting (Ctrl-C gives up)")
    producer.send_signal(signal.SIGINT)
    read_until(terminal, b"kstore: interrupted")
    assert producer.wait(60) == 1
    os.close(terminal)


def read_until(terminal: int, words: bytes) -> None:
    """Read a terminal until it has said something."""
    seen = b""
    while words not in seen:
        seen += os.read(terminal, 1000)
