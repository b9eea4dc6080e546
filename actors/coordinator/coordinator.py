"""The coordinator actor of one partition of an internal topic, in one leader epoch of its node.

It replays the partition's log through the leader's replica until all of it is committed. Then it passes requests,
timers and append outcomes to its shard, and carries out the shard's effects: responses, timers, appends with acks=all.
The broker starts one when its node becomes leader, and has it resign when that ends; a new epoch gets a new
coordinator. The shard has the coordinated state.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING

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
    Writer,
)
from actors.coordinator.messages import Resign, Submit, TopicsDeleted
from actors.coordinator.shard import Caller, Shard
from actors.partition.messages import FROM_COORDINATOR, Append, Appended, EndTransaction, LogPart, ReadLog
from actors.runtime import Actor, Ref, receives
from kstore.errors import CoordinatorLoadInProgress, KafkaError, NotCoordinator, NotEnoughReplicasAfterAppend
from kstore.log.verification import AppendOptions
from kstore.named import NamedTuple
from kstore.records import BatchBuilder, parse_batches, read_end_transaction_marker

if TYPE_CHECKING:
    from actors.runtime import Alarm, Node, Reply, Timer
    from kstore.records import RecordBatch

APPEND_TIMEOUT_MS = 2**31 - 1
"""The replica's timeout: clients are answered after the shard's ``append_timeout_ms``, but the outcome is still
awaited.
"""

LOOK_AGAIN_MS_MIN, LOOK_AGAIN_MS_MAX = 10, 640

LOAD_BYTES = 128 << 10
"""Bytes of its log that are replayed in a turn: some two thousand commits."""


class TimerDue(NamedTuple):
    """To itself: a shard's timer has fired."""

    key: Hashable


class Overdue(NamedTuple):
    """To itself: the append with this token has taken too long."""

    token: int


class Load(NamedTuple):
    """To itself: read on."""


class Coordinator(Actor):
    """Keeps one partition's shard: loads it from the log, and does what its effects say."""

    failure_scope = "a coordinator, which is loaded again from its log"

    def __init__(self, node: Node, topic: str, partition: int, leader_epoch: int, replica: Ref, shard: Shard) -> None:
        super().__init__(node, f"{shard.name}/{partition}@{leader_epoch}")
        self._replica = replica
        self._label = f"{topic}-{partition}"
        self._shard = shard
        self._timers: dict[Hashable, Alarm] = {}
        self._deadlines: dict[int, Timer] = {}
        self._is_loading = True
        self._is_unreadable = False
        self._next_offset = 0
        self._look_again_ms = LOOK_AGAIN_MS_MIN
        self._topics_deleted: list[str] = []  # while loading

    def on_start(self) -> None:
        """Begin to load the log."""
        self._load(Load())

    @property
    def loaded_shard(self) -> Shard | None:
        """Its shard, to read between turns; None while the log is being loaded, or can't be."""
        return None if self._is_loading or self._is_unreadable else self._shard

    @receives(Load)
    def _load(self, message: Load) -> None:
        self.request(self._replica, ReadLog(self._next_offset, LOAD_BYTES), self._read)

    def _read(self, part: object) -> None:
        if not isinstance(part, LogPart):
            # The replica isn't ready to be read, or isn't the leader any more, which the broker will say soon.
            self._look_again()
            return
        now_ms = self.now_ms()
        try:
            self._replay(part, now_ms)
        except KafkaError:
            # If the log can't be read completely, nothing is coordinated until the partition moves, as in Kafka.
            self._is_unreadable = True
            self.note("LoadFailed", self._label, self._next_offset, part.end_offset)
            return
        self._next_offset = part.next_offset
        if part.next_offset < part.end_offset:
            self._load(Load())
            return
        if part.high_watermark < part.end_offset:
            # Right after an election this leader doesn't know yet how much is committed. Using less than the last
            # leader had would lose acknowledged records; using more could be undone by the next leader.
            self._look_again()
            return
        self._is_loading = False
        self.note(f"{self._shard.name.capitalize()}Loaded", self._label, part.end_offset, len(self._shard))
        self._carry_out(self._shard.loaded(now_ms))
        self._carry_out(self._shard.topics_deleted(self._topics_deleted, now_ms))

    def _look_again(self) -> None:
        """Go on loading later, after a growing time."""
        self.after(self._look_again_ms, Load())
        self._look_again_ms = min(2 * self._look_again_ms, LOOK_AGAIN_MS_MAX)

    def _replay(self, part: LogPart, now_ms: int) -> None:
        shard = self._shard
        for batch in part.batches:
            if batch.is_control:
                self._replay_marker(batch, now_ms)
                continue
            for record in batch.records():
                if record.key is None:
                    continue
                if batch.is_transactional:
                    shard.replay_in_transaction(batch.producer_id, record.key, record.value, now_ms)
                else:
                    shard.replay(record.key, record.value, now_ms)

    def _replay_marker(self, batch: RecordBatch, now_ms: int) -> None:
        """Replay a marker. If it has no records, compaction has removed all of its transaction."""
        for record in batch.records():
            marker = read_end_transaction_marker(record)
            if marker is not None:
                self._shard.transaction_ended(
                    batch.producer_id, batch.producer_epoch, now_ms, is_committed=marker.is_commit
                )

    @receives(Submit, may_refuse=True)
    def submit(self, message: Submit) -> None:
        """Pass a request to the shard, which answers it now or later."""
        if self._is_unreadable:
            raise NotCoordinator()
        if self._is_loading:
            raise CoordinatorLoadInProgress()
        caller = Caller(self.defer(), *message.context)
        self._carry_out(self._shard.submit(message.request, caller, self.now_ms()))

    @receives(EndTransaction, may_refuse=True)
    def end_transaction(self, message: EndTransaction) -> None:
        """Append the marker; the shard learns of it when it is committed."""
        if self._is_unreadable:
            raise NotCoordinator()
        if self._is_loading:
            raise CoordinatorLoadInProgress()
        awaited = message._replace(timeout_ms=APPEND_TIMEOUT_MS)
        self.request(self._replica, awaited, self._ended, message, self.defer())

    def _ended(self, outcome: object, message: EndTransaction, reply: Reply) -> None:
        if isinstance(outcome, Appended | NotEnoughReplicasAfterAppend):  # either way it is committed
            ended = self._shard.transaction_ended(
                message.producer_id, message.producer_epoch, self.now_ms(), is_committed=message.is_committed
            )
            self._carry_out(ended)
            reply.set(None)
        else:
            reply.fail(outcome if isinstance(outcome, KafkaError) else NotCoordinator())

    @receives(TopicsDeleted)
    def topics_deleted(self, message: TopicsDeleted) -> None:
        """Tell the shard of deleted topics; one that loads is told when it has loaded."""
        if self._is_loading:
            self._topics_deleted += message.topics
        else:
            self._carry_out(self._shard.topics_deleted(message.topics, self.now_ms()))

    @receives(Resign)
    def resign(self, message: Resign) -> None:
        """End, as another broker leads the partition: refuse the requests that wait."""
        self.note(f"{self._shard.name.capitalize()}Resigned", self._label, -1, len(self._shard))
        for effect in self._shard.unloaded(self.now_ms()):
            if isinstance(effect, Respond | Refuse):
                self._carry_out((effect,))
        self.stop()

    def on_stop(self) -> None:
        """Stop its timers."""
        for alarm in self._timers.values():
            alarm.stop()
        for timer in self._deadlines.values():
            timer.cancel()

    def on_failure(self, *_: object) -> None:
        """Let the shard go: its own turn failed, and a new coordinator loads the log again."""
        self._shard.discard()

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if type(effect) is Respond:  # most are: a pattern takes four times as long
                effect.to.set(effect.response)  # type: ignore[attr-defined]  # the Reply that submit put there
                continue
            match effect:
                case Refuse(to, error):
                    to.fail(error)  # type: ignore[attr-defined]  # the same
                case SetTimer(key, delay_ms):
                    self._set_timer(key, delay_ms)
                case CancelTimer(key):
                    alarm = self._timers.pop(key, None)
                    if alarm is not None:
                        alarm.stop()
                case Persist(token, entries, writer):
                    self._append(token, entries, writer)
                case Note(kind, subject, first, second, because):
                    self.note(kind, subject, first, second, because)
                case AskActor(of, message, then):
                    self.request(of(), message, self._told, then)  # type: ignore[arg-type]  # the Ref of an actor

    def _told(self, outcome: object, then: Callable[[object, int], Iterable[Effect]]) -> None:
        self._carry_out(then(outcome, self.now_ms()))

    def _append(self, token: int, entries: tuple[LogEntry, ...], writer: Writer | None) -> None:
        now_ms = self.now_ms()
        builder = BatchBuilder() if writer is None else _builder_of(writer)
        for key, value in entries:
            builder.append(now_ms, key, value)
        self._deadlines[token] = self.after(self._shard.append_timeout_ms, Overdue(token))
        append = Append(parse_batches(builder.build()), timeout_ms=APPEND_TIMEOUT_MS, origin=FROM_COORDINATOR)
        if writer is not None:
            append = append._replace(options=AppendOptions(writer.guard))
        self.request(self._replica, append, self._appended, token)

    def _appended(self, outcome: object, token: int) -> None:
        self._deadlines.pop(token).cancel()
        error: KafkaError | None = None
        # Fewer replicas in sync than required, but committed, which is what counts for a coordinator.
        if not isinstance(outcome, Appended | NotEnoughReplicasAfterAppend):
            error = outcome if isinstance(outcome, KafkaError) else NotCoordinator()
        self._carry_out(self._shard.persisted(token, error, self.now_ms()))

    @receives(Overdue)
    def overdue(self, message: Overdue) -> None:
        """Tell the shard that an append takes longer than clients may wait."""
        if message.token in self._deadlines:
            self._carry_out(self._shard.overdue(message.token, self.now_ms()))

    def _set_timer(self, key: Hashable, delay_ms: int) -> None:
        alarm = self._timers.get(key)
        if alarm is None:
            alarm = self._timers[key] = self.alarm(TimerDue(key), tick_us=1)
        now_us = self.now_us()
        alarm.at(now_us + delay_ms * 1_000, now_us)

    @receives(TimerDue)
    def timer_due(self, message: TimerDue) -> None:
        """Tell the shard that a timer fired, unless it was set anew."""
        alarm = self._timers.get(message.key)
        if alarm is None or not alarm.is_over(self.now_us()):
            return
        del self._timers[message.key]
        self._carry_out(self._shard.timer_fired(message.key, self.now_ms()))


def _builder_of(writer: Writer) -> BatchBuilder:
    return BatchBuilder(
        producer_id=writer.producer_id, producer_epoch=writer.producer_epoch, base_sequence=0, transactional=True
    )
