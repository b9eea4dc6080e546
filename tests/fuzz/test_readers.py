"""Bad input into every reader of files and messages: a typed error or something that was read, in bounded memory.

``make bad-input`` has a million cases on an AddressSanitizer build, and ``make test-full`` runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fuzz.readers.bombs import INFLATED_BYTES, Bomb, bombs
from fuzz.readers.cases import Case, Cases
from fuzz.readers.reader import Reader
from fuzz.readers.trial import Trial
from fuzz.readers_campaign import cases, readers

from kstore.codec import decompress
from kstore.errors import CorruptMessage, MessageTooLarge

HERE = Path(__file__).parent
CORPUS = sorted((HERE / "corpus").rglob("*.bin"))
READERS = {each.name.replace(" ", "-"): each for each in readers()}


def campaign(*options: str) -> dict[str, Any]:
    """What a campaign in a process of its own has seen."""
    done = subprocess.run(
        [sys.executable, str(HERE / "readers_campaign.py"), *options], stdout=subprocess.PIPE, text=True, check=False
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    print(f"{seen['cases']} cases, {seen['seen']}, at most {seen['slowest ms']} ms, {seen['largest KiB']} KiB")
    assert seen["faults"] == []
    assert done.returncode == 0, seen
    return seen


def test_twenty_thousand_bad_inputs_are_refused_or_read(seed: int) -> None:
    seen = campaign("--cases", "20000", "--seed", str(seed))
    assert seen["cases"] == 20_000
    assert seen["seen"]["read"] > 1_000
    assert len(seen["seen"]) > 8, "errors of all kinds"


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_input_that_was_once_a_fault_is_none_any_more(path: Path) -> None:
    reader = READERS[path.parent.name]
    with Trial() as trial:
        trial.run(0, Case(reader, path.read_bytes()))
    assert trial.faults == []


@pytest.mark.parametrize("name", READERS)
def test_sound_bytes_are_read(name: str) -> None:
    """Otherwise nothing behind the first look would be tried."""
    reader = READERS[name]
    read = 0
    for data in reader.sound:
        assert reader.fit(data) == data or not data, "the checksums fit already"
        with Trial() as trial:
            trial.run(0, Case(reader, data))
        assert trial.faults == []
        read += trial.seen["read"]
    assert read


def _fails(data: bytes) -> None:
    if len(data) > 2 and data[0] == 7:
        raise IndexError(data[2])


def _hoards(data: bytes) -> None:
    bytearray(1 << 20 if data[:1] == b"\7" else 0)


def _never_ends(data: bytes) -> None:
    while data[:1] == b"\7":
        pass


@pytest.mark.parametrize(
    ("read", "what"), [(_fails, "IndexError"), (_hoards, "bytes of memory for"), (_never_ends, "still not done after")]
)
def test_a_reader_with_a_fault_is_found_out(read: Any, what: str, seed: int) -> None:
    drawn = Cases(seed, [Reader("planted", read, (b"\7abc",))], [])
    with Trial(memory_every=1, seconds_max=0.02) as trial:
        for number in range(60):
            trial.run(number, drawn.case(number))
    assert trial.faults
    assert what in trial.faults[0].what


def test_every_cut_and_every_flipped_bit_comes_once() -> None:
    """And cases are the same whenever they are drawn."""
    sound = bytes(range(40))
    drawn = Cases(1, [Reader("any", lambda _: None, (sound[:5], sound))], [])
    assert drawn.systematic == 9 * 45
    found = [drawn.case(2 * turn).data for turn in range(drawn.systematic)]
    assert len(found) == drawn.systematic
    assert {
        each for each in found if len(each) == 40 and sum(a != b for a, b in zip(each, sound, strict=True)) == 1
    } == {sound[: bit // 8] + bytes((sound[bit // 8] ^ 1 << bit % 8,)) + sound[bit // 8 + 1 :] for bit in range(320)}
    assert {sound[:length] for length in range(40)} <= set(found)
    again = cases(7)
    assert [again.case(number) for number in (1, 5, 9)] == [again.case(number) for number in (1, 5, 9)]


BOMB_PROGRAM = """
import resource, sys
from fuzz.readers.bombs import bombs, batch_around
from fuzz.readers_campaign import is_sanitized, limit_memory
from kstore.errors import CorruptMessage, InvalidRecord, MessageTooLarge
from kstore.log.cleaned_transactions import CleanedTransactions
from kstore.log.key_pass import KeyPass
from kstore.log.offset_map import OffsetMap
from kstore.records import parse_batches, recompressed, validate_for_append

LIMIT = 1 << 20
batches = [parse_batches(batch_around(bomb, 5))[0] for bomb in bombs()]
batches[0].verify_crc()
if sys.platform == "linux" and not is_sanitized():
    limit_memory(400 << 20)
keys = KeyPass(OffsetMap(1 << 12), CleanedTransactions(), 0, LIMIT)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for batch in batches:
    for read in (
        lambda: batch.records(limit_bytes=LIMIT),
        lambda: validate_for_append(batch, max_decompressed_bytes=LIMIT),
        lambda: batch.decompressed(LIMIT),
        lambda: keys.note([batch], batch.size_bytes),
    ):
        try:
            read()
        except (MessageTooLarge, CorruptMessage, InvalidRecord):
            continue
        raise SystemExit(f"{batch} was read")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("bomb", bombs(), ids=lambda bomb: bomb.name.replace(" ", "-"))
def test_a_bomb_of_gigabytes_is_refused(bomb: Bomb) -> None:
    assert len(bomb.data) < INFLATED_BYTES / 20
    with pytest.raises((MessageTooLarge, CorruptMessage)):
        decompress(bomb.codec, bomb.data, limit_bytes=1 << 20)


def test_bombs_cost_every_reader_of_batches_no_more_than_what_it_may_take() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BOMB_PROGRAM],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])},
    )
    assert int(done.stdout) < 48 << 10  # KiB
