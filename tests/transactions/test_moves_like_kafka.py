"""States, moves and records of transactional ids are Apache Kafka's: scripts of moves, and the record that Kafka's own
classes made of each.

``golden/transaction_moves.tsv``, which ``TransactionMoves.java`` wrote, begins with the states (number, name, whether
an id may expire in it, from which states it is entered) and a record's key. ``begin`` is the start of a script: the
level of ``transaction.version``, and the epoch that the id has already. Then a line is a move: its name, the protocol
of the client, the time, the timeout, what else the move is given, and the record, or why there is none. No request
leads to a move that there isn't: the coordinator has answered with an error before.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.transactions import transitions
from actors.transactions.metadata import TransactionMetadata, new
from actors.transactions.records import TransactionRecord, decode_entry, encode_entry
from actors.transactions.states import AT_REST, CODES, COMPLETED, PREVIOUS_STATES, TransactionState
from bench.peers import kafka
from kstore.errors import KafkaError

PROGRAM = Path(__file__).parent / "golden" / "TransactionMoves.java"
GOLDEN = PROGRAM.with_name("transaction_moves.tsv")
LINES = [line.split("\t") for line in GOLDEN.read_text().splitlines()]
KEY = next(bytes.fromhex(line[1]) for line in LINES if line[0] == "key")
NO_SUCH_MOVE = "no such move"
ID, FIRST_PRODUCER, TIMEOUT_MS, START_MS = "tx-ä", 1000, 60_000, 1_700_000_000_000


def scripts() -> Iterator[tuple[int, int, list[list[str]]]]:
    """The level, the epoch at the start, and the moves of each."""
    moves: list[list[str]] = []
    for line in LINES:
        if line[0] == "begin":
            moves = []
            yield int(line[1]), int(line[2]), moves
        elif line[0] not in ("state", "key"):
            moves.append(line)


SCRIPTS = list(scripts())


def outcome(
    now: TransactionMetadata, move: str, client: int, at_ms: int, timeout_ms: int, given: list[str]
) -> TransactionMetadata | str:
    """What the record of a move says, or why there is none."""
    try:
        return moved(now, move, client, at_ms, timeout_ms, given)
    except AssertionError:
        return NO_SUCH_MOVE
    except KafkaError as error:
        return str(error.name)


def moved(
    now: TransactionMetadata, move: str, client: int, at_ms: int, timeout_ms: int, given: list[str]
) -> TransactionMetadata:
    """What the record of a move says.

    Raises:
        AssertionError: there is no such move.
    """
    if move == "add":
        return transitions.added(now, frozenset({(given[0], int(given[1]))}), client, at_ms)
    if move in ("commit", "abort"):
        return transitions.decided(now, move == "commit", client, at_ms, int(given[0]))
    if move == "complete":
        assert now.state in COMPLETED
        return transitions.completed(now, at_ms)
    if move == "init":
        assert not now.is_exhausted
        return transitions.initialized(now, int(given[0]) if given else None, timeout_ms, at_ms)
    return transitions.rotated(now, int(given[0]), given[1] == "true", timeout_ms, at_ms)


def test_the_states_their_numbers_and_their_moves_are_those_of_kafka() -> None:
    told = {line[2]: line for line in LINES if line[0] == "state"}
    assert list(told) == [state.value for state in TransactionState]
    for state in TransactionState:
        _, number, name, expires, previous = told[state.value]
        assert int(number) == CODES[state], name
        assert (expires == "true") == (state in AT_REST), name
        assert previous.split(",") == sorted(each.value for each in PREVIOUS_STATES[state]), name


@pytest.mark.parametrize(("level", "epoch", "moves"), SCRIPTS, ids=range(len(SCRIPTS)))
def test_each_move_makes_the_record_that_kafka_makes(level: int, epoch: int, moves: list[list[str]]) -> None:
    """A record with two partitions has them in the order of a hash table in Kafka: it is compared as what it says."""
    now = new(FIRST_PRODUCER, TIMEOUT_MS, START_MS)._replace(epoch=epoch)
    assert len(moves) > 10
    for move, client, at_ms, timeout_ms, given, told in moves:
        then = outcome(now, move, int(client), int(at_ms), int(timeout_ms), given.split())
        if isinstance(then, str):
            assert told == then, (move, now)
            continue
        written = encode_entry(TransactionRecord(ID, then), level)
        assert told != NO_SUCH_MOVE, (move, now)
        theirs = bytes.fromhex(told)
        assert written[0] == KEY
        assert decode_entry(KEY, theirs) == decode_entry(*written)
        if len(then.partitions) < 2:
            assert written[1] == theirs, (move, now)
        else:
            assert sorted(written[1] or b"") == sorted(theirs), (move, now)
        now = then


def test_the_scripts_make_every_move_of_the_table_that_a_record_tells_of() -> None:
    made = set()
    for _, _, moves in SCRIPTS:
        before = TransactionState.EMPTY
        for *_, told in moves:
            record = decode_entry(KEY, bytes.fromhex(told)) if told.startswith("00") else None
            if record is not None and record.metadata is not None:
                made.add((before, record.metadata.state))
                before = record.metadata.state
    unwritten = {TransactionState.DEAD, TransactionState.PREPARE_EPOCH_FENCE}
    wanted = {(each, state) for state, previous in PREVIOUS_STATES.items() for each in previous}
    assert made == {(before, state) for before, state in wanted if not {before, state} & unwritten}


@pytest.mark.oracle
def test_kafka_still_makes_these_records() -> None:
    if lacking := kafka.missing():
        pytest.fail(lacking)
    command = ["java", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", f"{kafka.libs()}/*"]
    done = subprocess.run([*command, str(PROGRAM)], capture_output=True, text=True, check=True)
    assert done.stdout == GOLDEN.read_text()
