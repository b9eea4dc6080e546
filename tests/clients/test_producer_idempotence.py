"""The machine of an idempotent producer: sequences, retries, and when the epoch goes up."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from actors.clients.producer.idempotence import Idempotence, Identity, after, sequences_of
from actors.clients.producer.partition_queues import PartitionQueue
from kstore.errors import (
    ClusterAuthorizationFailed,
    InvalidRecord,
    NotLeaderOrFollower,
    OutOfOrderSequenceNumber,
    UnknownProducerId,
    UnknownServerError,
    for_code,
)
from kstore.errors.arguments import SHORT_MAX

SCRIPTS = [
    list(lines)
    for _, lines in groupby(
        (
            line.split("\t")
            for line in (Path(__file__).parent / "golden/producer_sequences.tsv").read_text().splitlines()
        ),
        key=lambda line: line[0],
    )
]


class Batch:
    """As much of a batch as has to do with sequences."""

    def __init__(self, count: int = 10) -> None:
        self.count = count
        self.producer_id = self.producer_epoch = self.base_sequence = -1
        self.sequence_was_reset = False

    def number_as(self, producer_id: int, epoch: int, sequence: int, reset: bool = False) -> None:
        self.producer_id, self.producer_epoch, self.base_sequence = producer_id, epoch, sequence
        self.sequence_was_reset = reset

    @property
    def has_sequence(self) -> bool:
        return self.base_sequence >= 0

    @property
    def last_sequence(self) -> int:
        return after(self.base_sequence, self.count - 1)


@pytest.fixture
def machine() -> Idempotence:
    found = Idempotence()
    found.begin(7, 0)
    return found


@pytest.fixture
def queue() -> PartitionQueue:
    return PartitionQueue("t", 0)


def drain(machine: Idempotence, queue: PartitionQueue, *counts: int) -> list[Any]:
    """Number batches of so many records, after a first one of 1 record that is acknowledged."""
    found: list[Any] = []
    for count in (1, *counts):
        batch: Any = Batch(count)
        assert machine.may_drain(queue, batch)
        machine.number(queue, batch)
        if count == 1 and not found and sequences_of(queue).acknowledged < 0:
            machine.acknowledged(queue, batch)
        else:
            found.append(batch)
    return found


def test_batches_are_numbered_one_after_the_other(machine, queue) -> None:
    assert [batch.base_sequence for batch in drain(machine, queue, 10, 5, 20)] == [1, 11, 16]
    assert sequences_of(queue).next == 36


def test_sequences_wrap_where_javas_do() -> None:
    assert after(2**31 - 1, 1) == 0
    assert after(2**31 - 10, 20) == 10


def test_what_is_acknowledged_wraps_too(machine, queue) -> None:
    drain(machine, queue)
    sequences = sequences_of(queue)
    sequences.next, sequences.acknowledged = 2**31 - 10, 2**31 - 11
    _, one, two = drain(machine, queue, 5, 10)
    machine.acknowledged(queue, one)
    machine.acknowledged(queue, two)
    assert sequences.acknowledged == 5
    machine.acknowledged(queue, one)
    assert sequences.acknowledged == 5
    assert sequences.is_next(6)


def test_until_the_first_batch_is_acknowledged_no_second_one_goes(machine, queue) -> None:
    first: Any = Batch()
    assert machine.may_drain(queue, first)
    machine.number(queue, first)
    assert not machine.may_drain(queue, Batch())
    machine.acknowledged(queue, first)
    assert machine.may_drain(queue, Batch())


def test_only_the_first_batch_under_way_is_tried_again(machine, queue) -> None:
    one, two = drain(machine, queue, 10, 10)
    assert not machine.may_drain(queue, two)
    assert machine.may_drain(queue, one)
    machine.acknowledged(queue, one)
    assert machine.may_drain(queue, two)


@pytest.mark.parametrize("error", [NotLeaderOrFollower(), InvalidRecord()])
def test_other_errors_are_tried_again_if_they_may_pass(machine, queue, error) -> None:
    (batch,) = drain(machine, queue, 10)
    assert machine.may_retry(queue, batch, error, -1) == error.retriable
    machine.settle()
    assert machine.identity == (7, 0)


def test_out_of_order_behind_a_batch_that_is_tried_again_is_only_tried_again(machine, queue) -> None:
    _, two = drain(machine, queue, 10, 10)
    assert machine.may_retry(queue, two, OutOfOrderSequenceNumber(), -1)
    machine.settle()
    assert machine.identity == (7, 0)


def test_a_gap_before_the_next_batch_raises_the_epoch_and_numbers_anew(machine, queue) -> None:
    one, two = drain(machine, queue, 10, 5)
    assert machine.may_retry(queue, one, OutOfOrderSequenceNumber(), -1)
    machine.settle()
    assert machine.identity == (7, 1)
    assert [(b.producer_epoch, b.base_sequence, b.sequence_was_reset) for b in (one, two)] == [
        (1, 0, True),
        (1, 10, True),
    ]
    assert sequences_of(queue).next == 15
    assert machine.may_retry(queue, two, OutOfOrderSequenceNumber(), -1)
    machine.settle()
    assert machine.identity == (7, 1)


@pytest.mark.parametrize(("log_start_offset", "epoch"), [(-1, 0), (0, 1), (500, 1)])
def test_a_producer_that_was_forgotten_begins_anew(machine, queue, log_start_offset, epoch) -> None:
    (batch,) = drain(machine, queue, 10)
    assert machine.may_retry(queue, batch, UnknownProducerId(), log_start_offset)
    machine.settle()
    assert machine.identity.epoch == epoch
    assert batch.sequence_was_reset == bool(epoch)


def test_after_a_failure_that_is_sure_the_next_epoch_begins(machine, queue) -> None:
    one, two = drain(machine, queue, 10, 10)
    machine.failed(queue, one, InvalidRecord(), surely=True)
    machine.settle()
    assert machine.identity == (7, 1)
    assert (two.producer_epoch, two.base_sequence) == (1, 0)


def test_other_partitions_keep_their_epoch_until_nothing_is_under_way(machine, queue) -> None:
    other = PartitionQueue("t", 1)
    (batch,) = drain(machine, queue, 10)
    (far,) = drain(machine, other, 10)
    machine.failed(queue, batch, InvalidRecord(), surely=True)
    machine.settle()
    fresh: Any = Batch()
    assert (far.producer_epoch, far.base_sequence) == (0, 1)
    assert not machine.may_drain(other, fresh)
    machine.acknowledged(other, far)
    assert machine.may_drain(other, fresh)
    machine.number(other, fresh)
    assert (fresh.producer_epoch, fresh.base_sequence) == (1, 0)


def test_while_an_expired_batch_may_have_been_written_nothing_new_goes(machine, queue) -> None:
    one, two = drain(machine, queue, 10, 10)
    machine.failed(queue, one, UnknownServerError(), surely=False)
    machine.expired(queue, one)
    machine.settle()
    assert not machine.may_drain(queue, Batch())
    machine.acknowledged(queue, two)
    machine.settle()
    assert machine.identity == (7, 0)
    assert machine.may_drain(queue, Batch())


def test_when_the_batch_behind_an_expired_one_is_out_of_order_the_epoch_goes_up(machine, queue) -> None:
    one, two, three = drain(machine, queue, 10, 10, 10)
    machine.failed(queue, one, UnknownServerError(), surely=False)
    machine.expired(queue, one)
    assert machine.may_retry(queue, three, OutOfOrderSequenceNumber(), -1)
    machine.settle()
    assert machine.identity == (7, 0)
    assert machine.may_retry(queue, two, OutOfOrderSequenceNumber(), -1)
    machine.settle()
    assert machine.identity == (7, 1)
    assert [batch.base_sequence for batch in (two, three)] == [0, 10]
    assert not machine.may_drain(queue, Batch())


def test_when_all_have_expired_the_epoch_goes_up(machine, queue) -> None:
    (one,) = drain(machine, queue, 10)
    machine.failed(queue, one, UnknownServerError(), surely=False)
    machine.expired(queue, one)
    machine.settle()
    assert machine.identity == (7, 1)
    assert machine.may_drain(queue, Batch())


def test_parts_of_a_split_batch_share_its_sequence(machine, queue) -> None:
    one, two = drain(machine, queue, 10, 10)
    parts: list[Any] = [Batch(4), Batch(6)]
    machine.split(queue, one, parts)
    assert [part.base_sequence for part in parts] == [1, 5]
    assert sequences_of(queue).under_way == [*parts, two]
    assert machine.may_drain(queue, parts[0])
    assert not machine.may_drain(queue, parts[1])


def test_after_the_last_epoch_another_id_is_needed(queue) -> None:
    machine = Idempotence()
    machine.begin(7, SHORT_MAX)
    batch, behind = drain(machine, queue, 10, 10)
    machine.failed(queue, batch, InvalidRecord(), surely=True)
    machine.settle()
    assert not machine.has_identity
    assert machine.identity == Identity()
    machine.begin(8, 0)
    assert (behind.producer_id, behind.producer_epoch, behind.base_sequence) == (8, 0, 0)
    machine.acknowledged(queue, behind)
    fresh: Any = Batch()
    machine.number(queue, fresh)
    assert (fresh.producer_id, fresh.producer_epoch, fresh.base_sequence) == (8, 0, 10)


def test_a_producer_that_may_not_produce_stays_so(machine, queue) -> None:
    one, two = drain(machine, queue, 10, 10)
    machine.failed(queue, one, ClusterAuthorizationFailed(), surely=True)
    machine.failed(queue, two, ClusterAuthorizationFailed(), surely=True)
    machine.settle()
    assert isinstance(machine.fatal, ClusterAuthorizationFailed)
    assert machine.identity == (7, 0)


class Replay:
    """A script that Java's TransactionManager has played (``golden/ProducerSequences.java``), played once more."""

    def __init__(self) -> None:
        self.machine = Idempotence()
        self.machine.begin(7, 0)
        self.queues = [PartitionQueue("t", 0), PartitionQueue("t", 1)]
        self.batches: list[Any] = []
        self.places: list[PartitionQueue] = []

    def play(self, operation: str, *arguments: str) -> str:
        """One line; its result as Java prints it."""
        if operation == "drain":
            return self.drain(self.queues[int(arguments[0])], int(arguments[1]))
        queue, batch = self.places[int(arguments[0])], self.batches[int(arguments[0])]
        match operation:
            case "ack":
                self.machine.acknowledged(queue, batch)
            case "retry":
                error = for_code(int(arguments[1]))
                return str(self.machine.may_retry(queue, batch, error, int(arguments[2]))).lower()
            case "fail":
                self.machine.failed(queue, batch, for_code(int(arguments[1])), surely=arguments[2] == "true")
            case "expire":
                self.machine.failed(queue, batch, UnknownServerError(), surely=False)
                self.machine.expired(queue, batch)
        return ""

    def drain(self, queue: PartitionQueue, count: int) -> str:
        batch: Any = Batch(count)
        sequences = sequences_of(queue)
        is_first = bool(sequences.under_way) and sequences.acknowledged < 0
        may = self.machine.may_drain(queue, batch)
        if is_first and sequences.identity == self.machine.identity and queue not in self.machine._unresolved:
            may = True  # where Java goes on, and this one waits for the first batch
        if may:
            self.machine.number(queue, batch)
            self.batches.append(batch)
            self.places.append(queue)
        return str(may).lower()

    def state(self) -> list[str]:
        self.machine.settle()
        return [str(self.machine.identity.epoch), *(self.queue_state(queue) for queue in self.queues)]

    def queue_state(self, queue: PartitionQueue) -> str:
        sequences = sequences_of(queue)
        each = [
            f"{self.batches.index(b)}:{b.producer_epoch}:{b.base_sequence}:{int(b.sequence_was_reset)}"
            for b in sequences.under_way
        ]
        return f"{sequences.next} {','.join(each)}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script[0][0])
def test_through_good_and_bad_luck_batches_are_numbered_as_javas_are(script) -> None:
    replay = Replay()
    for number, operation, result, *state in script:
        assert (operation, replay.play(*operation.split())) == (operation, result), number
        assert (operation, replay.state()) == (operation, state), number
