"""Drives a machine of transactions as its actor would, on a clock that stands still until it is told to move.

Appends are committed at once, or wait for ``commit`` or ``refuse`` while ``is_held`` is set. Markers wait for ``mark``.
Producer ids rise by one from 1,000. Replies are names, and what was answered to each is kept in ``answers``.
"""

from collections.abc import Hashable, Iterable
from typing import Any

from actors.coordinator.effects import (
    AskActor,
    CancelTimer,
    Effect,
    LogEntry,
    Note,
    Persist,
    Refuse,
    Respond,
    SetTimer,
)
from actors.coordinator.shard import Caller
from actors.transactions.markers import Marker, MarkerWritten, WriteMarker
from actors.transactions.producer_ids import ProducerIdSource
from actors.transactions.settings import TransactionSettings
from actors.transactions.shard import TransactionShard
from actors.transactions.transaction import Transaction
from kstore.errors import KafkaError, NotLeaderOrFollower
from kstore.log.names import TopicAndPartition
from kstore.schema.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
)
from kstore.schema.messages.end_txn import EndTxnRequest
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.struct import Message

START_MS = 1_700_000_000_000
TIMEOUT_MS = 60_000
FIRST_ID = 1_000
LEADER_EPOCH = 7

NEXT_PRODUCER_ID = "next producer id"


class Machine:
    def __init__(self, *, log: Iterable[LogEntry] = (), version: int = 2, **settings: int) -> None:
        self.settings = TransactionSettings(**settings)
        self.version = version
        self.now_ms = START_MS
        self.timers: dict[Hashable, int] = {}
        self.answers: dict[str, list[object]] = {}
        self.notes: list[Note] = []
        self.log: list[LogEntry] = []
        self.held: list[Persist] = []
        self.is_held = False
        self.markers: list[AskActor] = []
        self.next_id = FIRST_ID
        self.id_error: KafkaError | None = None
        self.load(log)

    def load(self, log: Iterable[LogEntry]) -> None:
        """Another coordinator reads the log, in a newer epoch, and takes over."""
        self.epoch = getattr(self, "epoch", LEADER_EPOCH - 1) + 1
        self.log = list(log)
        self.timers, self.held, self.markers = {}, [], []
        self.shard = TransactionShard(
            self.settings,
            self.epoch,
            transaction_version=lambda: self.version,
            producer_ids=ProducerIdSource(lambda: "ids", NEXT_PRODUCER_ID),
            marker_sender=lambda: "sender",
        )
        for key, value in self.log:
            self.shard.replay(key, value, self.now_ms)
        self.carry_out(self.shard.loaded(self.now_ms))

    def move(self) -> None:
        """The partition is led elsewhere: what is in the log goes on there, and nothing else. Outcomes of appends may
        still reach the shard that was let go.
        """
        effects = list(self.shard.unloaded(self.now_ms))
        for append in self.held:
            effects += self.shard.persisted(append.token, NotLeaderOrFollower(), self.now_ms)
        self.carry_out([each for each in effects if isinstance(each, Respond | Refuse)])
        self.load(self.log)

    def carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Respond(to, response):
                    self.answers.setdefault(str(to), []).append(response)
                case Refuse(to, error):
                    self.answers.setdefault(str(to), []).append(error)
                case SetTimer(key, delay_ms):
                    self.timers[key] = self.now_ms + delay_ms
                case CancelTimer(key):
                    self.timers.pop(key, None)
                case Persist():
                    self.held.append(effect)
                    if not self.is_held:
                        self.commit()
                case Note():
                    self.notes.append(effect)
                case AskActor(_, message, then):
                    if message == NEXT_PRODUCER_ID:
                        self.give_id(then)
                    else:
                        self.markers.append(effect)

    def give_id(self, then) -> None:
        outcome = self.id_error if self.id_error is not None else self.next_id
        self.next_id += 1
        self.carry_out(then(outcome, self.now_ms))

    def commit(self) -> None:
        """The oldest append that waits is committed."""
        append = self.held.pop(0)
        self.log += append.entries
        self.carry_out(self.shard.persisted(append.token, None, self.now_ms))

    def refuse(self, error: KafkaError) -> None:
        append = self.held.pop(0)
        self.carry_out(self.shard.persisted(append.token, error, self.now_ms))

    def overdue(self) -> None:
        """The oldest append that waits takes too long."""
        self.carry_out(self.shard.overdue(self.held[0].token, self.now_ms))

    def waiting_markers(self) -> list[tuple[TopicAndPartition, Marker]]:
        found = []
        for ask in self.markers:
            assert isinstance(ask.message, WriteMarker)
            found.append((ask.message.partition, ask.message.marker))
        return found

    def mark(self, outcome: object = MarkerWritten(True)) -> Marker:
        """The oldest marker that waits is written, or whatever else comes of it."""
        ask = self.markers.pop(0)
        assert isinstance(ask.message, WriteMarker)
        self.carry_out(ask.then(outcome, self.now_ms))
        return ask.message.marker

    def mark_all(self) -> None:
        while self.markers:
            self.mark()

    def pass_ms(self, duration_ms: int) -> None:
        """Let time pass; timers fire as they come due."""
        end_ms = self.now_ms + duration_ms
        while due := [(at_ms, key) for key, at_ms in self.timers.items() if at_ms <= end_ms]:
            at_ms, key = min(due, key=lambda each: each[0])
            self.now_ms = max(self.now_ms, at_ms)
            del self.timers[key]
            self.carry_out(self.shard.timer_fired(key, self.now_ms))
        self.now_ms = end_ms

    def ask(self, request: Message, version: int, reply: str = "reply") -> None:
        caller = Caller(reply, version, "client", "/127.0.0.1")
        self.carry_out(self.shard.submit(request, caller, self.now_ms))

    def answer(self, reply: str = "reply") -> Any:
        """The one answer to a reply; there must be exactly one."""
        (response,) = self.answers.pop(reply)
        return response

    def is_parked(self, reply: str = "reply") -> bool:
        return reply not in self.answers

    def init(self, name: str = "tx", *, known: tuple[int, int] = (-1, -1), timeout_ms: int = TIMEOUT_MS):
        """InitProducerId: the id and epoch that it gives, or the error."""
        producer_id, epoch = known
        request = InitProducerIdRequest(
            transactional_id=name, transaction_timeout_ms=timeout_ms, producer_id=producer_id, producer_epoch=epoch
        )
        self.ask(request, 5)
        return None if self.is_parked() else _id_and_epoch(self.answer())

    def add(
        self,
        producer: tuple[int, int],
        *partitions: TopicAndPartition,
        name: str = "tx",
        version: int = 3,
        verify: bool = False,
    ):
        """AddPartitionsToTxn, by default as a client of the first protocol asks: the codes, or the error."""
        topics = [AddPartitionsToTxnTopic(name=topic, partitions=[number]) for topic, number in partitions]
        transaction = AddPartitionsToTxnTransaction(
            transactional_id=name,
            producer_id=producer[0],
            producer_epoch=producer[1],
            topics=topics,
            verify_only=verify,
        )
        self.ask(AddPartitionsToTxnRequest(transactions=[transaction]), version)
        if self.is_parked():
            return None
        answer = self.answer()
        if isinstance(answer, KafkaError):
            return type(answer)
        (result,) = answer.results_by_transaction
        return {
            (topic.name, each.partition_index): each.partition_error_code
            for topic in result.topic_results
            for each in topic.results_by_partition
        }

    def end(self, producer: tuple[int, int], *, commit: bool, name: str = "tx", version: int = 5):
        """EndTxn, by default of the second protocol: the id and epoch that it gives, or the error."""
        request = EndTxnRequest(
            transactional_id=name, producer_id=producer[0], producer_epoch=producer[1], committed=commit
        )
        self.ask(request, version)
        return None if self.is_parked() else _id_and_epoch(self.answer())

    def now(self, name: str = "tx") -> Transaction:
        return self.shard.transactions[name]

    def state(self, name: str = "tx") -> str:
        return self.now(name).metadata.state.value

    def at_epoch(self, epoch: int, name: str = "tx") -> None:
        """As if as many epochs had been used."""
        transaction = self.now(name)
        transaction.metadata = transaction.metadata._replace(epoch=epoch)

    def kinds_noted(self) -> list[str]:
        return [note.kind for note in self.notes]


def _id_and_epoch(answer: object):
    if isinstance(answer, KafkaError):
        return type(answer)
    return answer.producer_id, answer.producer_epoch  # type: ignore[attr-defined]
