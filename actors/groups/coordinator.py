"""The coordinator of one ``__consumer_offsets`` partition, for as long as its node leads that partition in one epoch.

It replays the partition's log through the leader's replica until all of it is committed, then feeds the state machine
with requests, timers and append outcomes, and carries out what the machine asks for: answers, timers, appends with
acks=all. The broker starts one when its node becomes leader and tells it to resign when that ends; a new epoch is a
new coordinator.

A timer that is set again to a later time, as every heartbeat does, isn't made anew: it is looked at when it fires.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from actors.groups.effects import (
    CancelTimer,
    Effect,
    LogEntry,
    Note,
    NoteCommitted,
    Persist,
    Respond,
    SetTimer,
    TimerKey,
)
from actors.groups.group import Tally
from actors.groups.joining import Caller
from actors.groups.machine import GroupMachine
from actors.groups.messages import (
    Beat,
    Client,
    CommitOffsets,
    DeleteGroups,
    DeleteOffsets,
    DescribeGroup,
    FetchOffsets,
    Join,
    Leave,
    ListGroups,
    Resign,
    Sync,
    TopicsDeleted,
)
from actors.groups.routing import OFFSETS_TOPIC
from actors.groups.settings import settings_of
from actors.partition.messages import FROM_COORDINATOR, Append, Appended, LogPart, ReadLog
from actors.runtime import Actor, Ref, receives
from kstore.errors import CoordinatorLoadInProgress, KafkaError, NotCoordinator, NotEnoughReplicasAfterAppend
from kstore.named import NamedTuple
from kstore.records import BatchBuilder, parse_batches

if TYPE_CHECKING:
    from actors.runtime import Node, Timer

APPEND_TIMEOUT_MS = 2**31 - 1
"""The replica's own: clients are answered after ``offsets.commit.timeout.ms``, but the outcome is awaited."""

TRACED_NAME_LENGTH_MAX = 249
"""As long as a topic's name may be. Clients choose the names of groups and members, and their reasons."""

TRACED_REASON_LENGTH_MAX = 400

LOOK_AGAIN_MS_MIN, LOOK_AGAIN_MS_MAX = 10, 640

LOAD_BYTES = 128 << 10
"""Of its log that are replayed in a turn: some two thousand commits."""


class TimerDue(NamedTuple):
    key: TimerKey
    serial: int


class Overdue(NamedTuple):
    token: int


class Load(NamedTuple):
    """To itself: read on."""


class _Running:
    """A timer under way: ``due_us`` may have moved on since it was armed."""

    __slots__ = ("armed_us", "due_us", "serial", "timer")

    def __init__(self, timer: Timer, due_us: int, serial: int) -> None:
        self.timer = timer
        self.armed_us = due_us
        self.due_us = due_us
        self.serial = serial


class GroupCoordinator(Actor):
    blast_radius = "a group coordinator, which is loaded again from its log"

    def __init__(self, node: Node, partition: int, leader_epoch: int, replica: Ref) -> None:
        super().__init__(node, f"groups/{partition}@{leader_epoch}")
        self._replica = replica
        self._label = f"{OFFSETS_TOPIC}-{partition}"
        self._settings = settings_of(node.config)
        if node.groups_tally is None:
            node.groups_tally = Tally()
        tally = Tally(node.groups_tally)
        self._machine = GroupMachine(self._settings, lambda: str(UUID(bytes=self.uuid())), tally)
        self._timers: dict[TimerKey, _Running] = {}
        self._deadlines: dict[int, Timer] = {}
        self._serial = 0
        self._is_loading = True
        self._is_unreadable = False
        self._next_offset = 0
        self._look_again_ms = LOOK_AGAIN_MS_MIN
        self._topics_deleted: list[str] = []  # while loading

    def on_start(self) -> None:
        self._load(Load())

    @property
    def loaded_machine(self) -> GroupMachine | None:
        """Its groups and offsets, to look at between turns; None while they are being read, or can't be."""
        return None if self._is_loading or self._is_unreadable else self._machine

    # -- loading -------------------------------------------------------------------------------------------------

    @receives(Load)
    def _load(self, message: Load) -> None:
        self.request(self._replica, ReadLog(self._next_offset, LOAD_BYTES), self._read)

    def _read(self, part: Any) -> None:
        if not isinstance(part, LogPart):
            # The replica isn't ready to be read, or not the leader any more: then the broker says so soon.
            self._look_again()
            return
        now_ms = self.now_ms()
        try:
            self._replay(part, now_ms)
        except KafkaError:
            # Groups that can't be read whole aren't coordinated at all; as in Kafka, until the partition moves.
            self._is_unreadable = True
            self.note("LoadFailed", self._label, self._next_offset, part.end_offset)
            return
        self._next_offset = part.next_offset
        if part.next_offset < part.end_offset:
            self._load(Load())
            return
        if part.high_watermark < part.end_offset:
            # Right after an election this leader doesn't know yet how much is committed. To show less than the last
            # leader did would lose what was acknowledged; to show more could be taken back by the next one.
            self._look_again()
            return
        self._is_loading = False
        self.note("GroupsLoaded", self._label, part.end_offset, len(self._machine.groups))
        self._machine.loaded(now_ms)
        self._machine.topics_deleted(self._topics_deleted, now_ms)
        self._carry_out()

    def _look_again(self) -> None:
        """Go on loading in a while, each time in a longer one."""
        self.after(self._look_again_ms, Load())
        self._look_again_ms = min(2 * self._look_again_ms, LOOK_AGAIN_MS_MAX)

    def _replay(self, part: LogPart, now_ms: int) -> None:
        for batch in part.batches:
            if batch.is_control:
                continue
            for record in batch.records():
                if record.key is not None:
                    self._machine.replay(record.key, record.value, now_ms)

    def _refuse_while_loading(self) -> None:
        if self._is_unreadable:
            raise NotCoordinator()
        if self._is_loading:
            raise CoordinatorLoadInProgress()

    def _caller(self, client: Client) -> Caller:
        """Takes the answer over; from here on the machine gives it."""
        self._refuse_while_loading()
        return Caller(self.defer(), client.version, client.client_id, client.client_host)

    # -- requests ------------------------------------------------------------------------------------------------

    @receives(Join, may_refuse=True)
    def join(self, message: Join) -> None:
        self._machine.join(message.request, self._caller(message.client), self.now_ms())
        self._carry_out()

    @receives(Sync, may_refuse=True)
    def sync(self, message: Sync) -> None:
        self._machine.sync(message.request, self._caller(message.client), self.now_ms())
        self._carry_out()

    @receives(Beat, may_refuse=True)
    def beat(self, message: Beat) -> None:
        self._machine.heartbeat(message.request, self._caller(message.client), self.now_ms())
        self._carry_out()

    @receives(Leave, may_refuse=True)
    def leave(self, message: Leave) -> None:
        self._machine.leave(message.request, self._caller(message.client), self.now_ms())
        self._carry_out()

    @receives(CommitOffsets, may_refuse=True)
    def commit_offsets(self, message: CommitOffsets) -> None:
        self._machine.commit(message.request, self._caller(message.client), self.now_ms())
        self._carry_out()

    @receives(FetchOffsets, may_refuse=True)
    def fetch_offsets(self, message: FetchOffsets) -> None:
        caller = self._caller(message.client)
        self._machine.fetch(message.request, caller, require_stable=message.require_stable)
        self._carry_out()

    @receives(DeleteOffsets, may_refuse=True)
    def delete_offsets(self, message: DeleteOffsets) -> None:
        self._machine.delete_offsets(message.request, self._caller(message.client), self.now_ms())
        self._carry_out()

    @receives(DeleteGroups, may_refuse=True)
    def delete_groups(self, message: DeleteGroups) -> None:
        self._machine.delete(message.group_ids, self._caller(message.client), self.now_ms())
        self._carry_out()

    @receives(DescribeGroup, may_refuse=True)
    def describe_group(self, message: DescribeGroup) -> object:
        self._refuse_while_loading()
        return self._machine.describe(message.group_id, message.version)

    @receives(ListGroups, may_refuse=True)
    def list_groups(self, message: ListGroups) -> object:
        self._refuse_while_loading()
        return self._machine.listed(message.states, message.types)

    # -- the broker ----------------------------------------------------------------------------------------------

    @receives(TopicsDeleted)
    def topics_deleted(self, message: TopicsDeleted) -> None:
        if self._is_loading:
            self._topics_deleted += message.topics
        else:
            self._machine.topics_deleted(message.topics, self.now_ms())
            self._carry_out()

    @receives(Resign)
    def resign(self, message: Resign) -> None:
        self.note("GroupsResigned", self._label, -1, len(self._machine.groups))
        self._machine.unload(self.now_ms())
        for effect in self._machine.take():
            if isinstance(effect, Respond):
                self._respond(effect)
        self.stop()

    def on_stop(self) -> None:
        for running in self._timers.values():
            running.timer.cancel()
        for timer in self._deadlines.values():
            timer.cancel()

    def on_failure(self, *_: object) -> None:
        """Its own turn failed: the groups are read again by another."""
        self._machine.let_go()

    # -- effects -------------------------------------------------------------------------------------------------

    def _carry_out(self) -> None:
        for effect in self._machine.take():
            self._carry_out_one(effect)

    def _carry_out_one(self, effect: Effect) -> None:
        match effect:
            case Respond():
                self._respond(effect)
            case SetTimer(key, delay_ms):
                self._set_timer(key, delay_ms)
            case CancelTimer(key):
                running = self._timers.pop(key, None)
                if running is not None:
                    running.timer.cancel()
            case Persist(token, _, entries):
                self._append(token, entries)
            case Note(kind, group_id, generation, members, because):
                because = because[:TRACED_REASON_LENGTH_MAX]
                self.note(kind, group_id[:TRACED_NAME_LENGTH_MAX], generation, members, because)
            case NoteCommitted(group_id, topic, partition, offset):
                self.note("OffsetCommitted", f"{topic}-{partition}", offset, -1, group_id[:TRACED_NAME_LENGTH_MAX])

    def _respond(self, effect: Respond) -> None:
        effect.to.set(effect.response)  # type: ignore[attr-defined]  # the Reply that _caller put there

    def _append(self, token: int, entries: tuple[LogEntry, ...]) -> None:
        now_ms = self.now_ms()
        builder = BatchBuilder()
        for key, value in entries:
            builder.append(now_ms, key, value)
        self._deadlines[token] = self.after(self._settings.offsets_commit_timeout_ms, Overdue(token))
        append = Append(parse_batches(builder.build()), timeout_ms=APPEND_TIMEOUT_MS, origin=FROM_COORDINATOR)
        self.request(self._replica, append, self._appended, token)

    def _appended(self, outcome: Any, token: int) -> None:
        self._deadlines.pop(token).cancel()
        error: KafkaError | None = None
        # Fewer in sync than wished for, but committed all the same: for offsets that is what counts.
        if not isinstance(outcome, Appended | NotEnoughReplicasAfterAppend):
            error = outcome if isinstance(outcome, KafkaError) else NotCoordinator()
        self._machine.persisted(token, error, self.now_ms())
        self._carry_out()

    @receives(Overdue)
    def overdue(self, message: Overdue) -> None:
        if message.token in self._deadlines:
            self._machine.overdue(message.token, self.now_ms())
            self._carry_out()

    # -- timers --------------------------------------------------------------------------------------------------

    def _set_timer(self, key: TimerKey, delay_ms: int) -> None:
        due_us = self.now_us() + delay_ms * 1_000
        running = self._timers.get(key)
        if running is not None and running.armed_us <= due_us:
            running.due_us = due_us
            return
        if running is not None:
            running.timer.cancel()
        self._serial += 1
        self._timers[key] = _Running(self.after(delay_ms, TimerDue(key, self._serial)), due_us, self._serial)

    @receives(TimerDue)
    def timer_due(self, message: TimerDue) -> None:
        running = self._timers.get(message.key)
        if running is None or running.serial != message.serial:
            return
        left_us = running.due_us - self.now_us()
        if left_us > 0:
            running.timer = self.after(left_us / 1_000, message)
            running.armed_us = running.due_us
            return
        del self._timers[message.key]
        self._machine.timer_fired(message.key, self.now_ms())
        self._carry_out()
