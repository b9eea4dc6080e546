"""The same records through kcat and through kstore: what one writes the other prints, byte for byte."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = pytest.mark.interop

INPUT = b"k1:v1\n\nnokey\nk2:\n:v3\nk4:a:b\n\xff\xfe:\x00bytes\n"
FORMAT = r"%t|%p|%o|%k|%K|%s|%S|%h|%%|%R|\x41\t\n"


@pytest.fixture
def kcat_run(kcat: str, bootstrap: str):
    """Run kcat against the same Kafka; what it printed."""

    def run(*words: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            [kcat, *words, "-b", bootstrap, "-q"], input=stdin, capture_output=True, timeout=60, check=True
        )
        return done.stdout

    return run


def everything(kcat_run, topic: str) -> bytes:
    return kcat_run("-C", "-t", topic, "-e", "-Z", "-f", r"%k|%K|%s|%S|%h\n")


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-K:"],
        ["-K:", "-Z"],
        ["-K:", "-k", "fixed"],
        ["-k", "fixed"],
        ["-H", "a=1", "-H", "b", "-H", "c="],
        ["-c", "2"],
        ["-z", "gzip", "-K:"],
        ["-p", "0"],
        ["-D", "k"],
        ["-D", r"\x0a"],
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_what_is_produced_is_what_kcat_would_have_produced(options, ok, kcat_run, topic) -> None:
    ok("produce", topic, *options, stdin=INPUT)
    ours = everything(kcat_run, topic)
    ok("topics", "create", f"{topic}-kcat", "--partitions", "1")
    kcat_run("-P", "-t", f"{topic}-kcat", *options, stdin=INPUT)
    assert ours == everything(kcat_run, f"{topic}-kcat")
    assert ours


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-f", FORMAT],
        ["-f", r"%k=%s;", "-Z"],
        ["-f", "no token at all;"],
        ["-K:"],
        ["-K", "::", "-Z"],
        ["-D", "::"],
        ["-c", "3"],
        ["-o", "2"],
        ["-o", "-2"],
        ["-o", "beginning"],
        ["-o", "end"],
        ["-o", "s@0", "-o", "e@99999999999999"],
        ["-o", "s@1", "-o", "e@2"],
        ["-p", "0", "-u"],
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_what_is_printed_is_what_kcat_prints(options, ok, kcat_run, topic) -> None:
    kcat_run("-P", "-t", topic, "-K:", "-Z", "-H", "a=1", "-H", "b", stdin=INPUT)
    assert ok("consume", topic, "-e", *options) == kcat_run("-C", "-t", topic, "-e", *options)


def test_files_become_one_record_each_and_with_l_a_record_a_line(ok, kcat_run, topic, tmp_path) -> None:
    (tmp_path / "a").write_bytes(b"one\ntwo")
    (tmp_path / "b").write_bytes(b"three\n")
    ok("produce", topic, "a", "b")
    assert kcat_run("-C", "-t", topic, "-e", "-f", "[%s]") == b"[one\ntwo][three\n]"
    ok("produce", topic, "-l", "a", "-T")
    assert kcat_run("-C", "-t", topic, "-e", "-o", "2", "-f", "[%s]") == b"[one][two]"


def test_keys_go_to_the_partitions_that_every_client_of_java_s_kind_chooses(ok, kcat_run, topic) -> None:
    ok("topics", "alter", topic, "--partitions", "6")
    keys = b"".join(b"user%d:x\n" % number for number in range(60))
    ok("produce", topic, "-K:", stdin=keys)
    ok("topics", "create", f"{topic}-kcat", "--partitions", "6")
    kcat_run("-P", "-t", f"{topic}-kcat", "-K:", "-X", "partitioner=murmur2_random", stdin=keys)
    ours = ok("consume", topic, "-e", "-f", r"%k %p\n").splitlines()
    theirs = ok("consume", f"{topic}-kcat", "-e", "-f", r"%k %p\n").splitlines()
    assert sorted(ours) == sorted(theirs)
