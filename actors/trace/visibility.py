"""Why a reader of committed records doesn't get further in a partition: what holds its last stable offset.

The state of the log is put together from the rows of its leader: which transactions are open there (those that a new
leader finds in its log among them), which markers aren't replicated yet, the high watermark (a new leader notes the one
that it begins with), the end. The oldest of these transactions holds the last stable offset. Whose it is, and what
would end it, the coordinator's rows tell.
"""

from __future__ import annotations

from typing import Any

from actors.runtime.recorder import TraceRow
from actors.trace.leaders import why_leader
from actors.trace.printing import Step, TraceAnswer, lines_of, milliseconds, overwritten, some
from actors.trace.recording import Recording
from actors.trace.transaction_life import TransactionLife, lines_of_ways, transaction_life
from actors.trace.transaction_rows import OPENS
from actors.trace.transactions import OPEN, ids_of_producers

TRANSACTION, MARKER, REPLICATION, NO_LEADER, NOTHING, UNKNOWN = (
    "transaction",
    "marker",
    "replication",
    "no leader",
    "nothing",
    "unknown",
)
ABORTED_SHOWN = 5


class OpenTransaction:
    """A transaction in a partition whose end isn't replicated: by its producer id, from which offset on, since when;
    ``marker_offset`` is -1 while it has no marker there. ``transactional_id`` is None if no coordinator's row tells it;
    ``life`` (only of the holder's) is of the last transaction of that id; ``is_last``: that is this one.
    """

    def __init__(self, opened: TraceRow) -> None:
        self.opened = opened
        self.marker: TraceRow | None = None
        self.transactional_id: str | None = None
        self.life: TransactionLife | None = None
        self.is_last = False

    @property
    def first_offset(self) -> int:
        """Where its first record is."""
        return self.opened.offset1

    @property
    def since_us(self) -> int:
        """When it began, as its coordinator says, or else when the leader that tells of it first knew it."""
        life = self.life
        return min(life.began_us, self.opened.time_us) if self.is_last and life is not None else self.opened.time_us

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "transactional_id": self.transactional_id,
            "producer_id": self.opened.offset2,
            "first_offset": self.first_offset,
            "marker_offset": self.marker.offset1 if self.marker is not None else -1,
            "since_us": self.since_us,
        }

    def __str__(self) -> str:
        name = self.transactional_id or "a transactional id that the trace doesn't name"
        return f"{name} (producer {self.opened.offset2}, from offset {self.first_offset} on)"


class Visibility(TraceAnswer):
    """What ``read_committed`` readers of a partition can't see, and why.

    ``kind``: "transaction" (one is open), "marker" (one has ended, and its marker isn't replicated), "replication"
    (records aren't replicated yet), "no leader", "nothing" (they can see all there is), or "unknown".
    ``last_stable_offset``: where they stop; ``high_watermark``: where ``read_uncommitted`` readers do; ``end_offset``:
    of the log; each is -1 if the trace doesn't tell it. ``holder``: the transaction that holds the last stable offset,
    ``behind``: others that would hold it next. ``ends``: what would end the holder. ``aborted``: transactions before it
    that were aborted, whose records ``read_committed`` readers leave out: their last five markers.
    """

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.kind = UNKNOWN
        self.last_stable_offset = -1
        self.high_watermark = -1
        self.end_offset = -1
        self.why = ""
        self.holder: OpenTransaction | None = None
        self.behind: list[OpenTransaction] = []
        self.ends: list[str] = []
        self.steps: list[Step] = []
        self.aborted: list[Step] = []
        self.missing = ""

    @property
    def found(self) -> bool:
        """Whether the trace tells of the partition."""
        return self.kind != UNKNOWN

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "topic": self.topic,
            "partition": self.partition,
            "kind": self.kind,
            "why": self.why,
            "last_stable_offset": self.last_stable_offset,
            "high_watermark": self.high_watermark,
            "end_offset": self.end_offset,
            "holder": self.holder.to_dict() if self.holder else None,
            "behind": [each.to_dict() for each in self.behind],
            "ends": self.ends,
            "steps": [step.to_dict() for step in self.steps],
            "aborted": [step.to_dict() for step in self.aborted],
            "overwritten": self.missing,
        }

    def __str__(self) -> str:
        name = f"{self.topic}-{self.partition}"
        if not self.found:
            return f"{name}: {self.missing or 'the trace has nothing about this partition'}"
        lines = [f"{name}: {self.why}"]
        if self.kind in (TRANSACTION, MARKER):
            stop = f"  read_committed readers stop at offset {self.last_stable_offset}"
            if self.high_watermark >= 0:
                held = some(self.high_watermark - self.last_stable_offset, "offset")
                stop += f", read_uncommitted readers at {self.high_watermark}: {held} held back"
            lines.append(stop)
        lines += lines_of_ways(self.ends)
        lines += [f"  then it is held by {each}" for each in self.behind[:1]]
        if len(self.behind) > 1:
            lines.append(f"  and by {some(len(self.behind) - 1, 'other transaction')} after that")
        lines += lines_of(self.steps)
        if self.aborted:
            lines += ["  left out by read_committed readers, as they were aborted:", *lines_of(self.aborted)]
        return "\n".join([*lines, *([f"  {self.missing}"] if self.missing else [])])


class _State:
    """A partition at the end of the trace, from its leaders' rows."""

    def __init__(self, recording: Recording, label: str) -> None:
        self.open: dict[int, OpenTransaction] = {}
        self.ended: list[OpenTransaction] = []
        self.aborted: list[tuple[OpenTransaction | None, TraceRow]] = []
        self.is_whole = not recording.is_cut
        self.high_watermark = self.end_offset = -1  # not known
        appended = recording.last_of("BatchAppended", partition=label)
        led = recording.last_of("BecameLeader", partition=label)
        reached = recording.last_of("HighWatermarkFound", "HighWatermarkAdvanced", partition=label)
        if appended is not None:
            self.end_offset = appended.offset2 + 1
        if led is not None and (appended is None or led.sequence > appended.sequence):
            self.end_offset = led.offset2
        if led is not None and led.offset2 == 0 and (reached is None or led.sequence > reached.sequence):
            self.high_watermark = 0  # the log was empty
        elif reached is not None:
            self.high_watermark = min(reached.offset1, self.end_offset) if self.end_offset >= 0 else reached.offset1
        self.is_known = any(row is not None for row in (appended, led, reached))
        for row in recording.find("BecameLeader", *OPENS, "MarkerAppended", partition=label):
            self._take(row)
        self.ended = [each for each in self.ended if each.marker and each.marker.offset1 >= self.high_watermark]

    def _take(self, row: TraceRow) -> None:
        if row.kind == "BecameLeader":
            self.open.clear()  # it tells of those in its log
            self.ended = [each for each in self.ended if each.marker and each.marker.offset1 < row.offset2]
            self.is_whole = True
        elif row.kind in OPENS:
            self.open[row.offset2] = OpenTransaction(row)
        else:
            ended = self.open.pop(row.offset2, None)
            if ended is not None:
                ended.marker = row
                self.ended.append(ended)
            if row.subject == "abort":
                self.aborted.append((ended, row))

    @property
    def undecided(self) -> list[OpenTransaction]:
        """Those that hold the last stable offset, or would, in the order of their beginnings."""
        return sorted((*self.open.values(), *self.ended), key=lambda each: each.first_offset)

    def holds(self, each: OpenTransaction) -> bool:
        """Whether an undecided one begins before the high watermark; if that isn't known: those that a leader found."""
        if self.high_watermark < 0:
            return each.opened.kind == "TransactionFoundOpen"
        return each.first_offset < self.high_watermark


def why_not_visible(recording: Recording, topic: str, partition: int) -> Visibility:
    """See ``Visibility``."""
    found = Visibility(topic, partition)
    state = _State(recording, f"{topic}-{partition}")
    if not state.is_known or not (state.is_whole or state.undecided):
        found.missing = overwritten(recording)
        return found
    found.high_watermark, found.end_offset = state.high_watermark, state.end_offset
    found.last_stable_offset = state.high_watermark
    ids = ids_of_producers(recording)
    found.aborted = [_aborted(ids, *each) for each in state.aborted[-ABORTED_SHOWN:]]
    leadership = why_leader(recording, topic, partition)
    undecided = [each for each in state.undecided if state.holds(each)]
    if undecided:
        for each in undecided:
            each.transactional_id = ids.get(each.opened.offset2)
        _tell_holder(recording, found, undecided)
    elif state.high_watermark < 0:
        found.missing = "the trace doesn't tell its high watermark"
    elif state.high_watermark < state.end_offset:
        found.kind = REPLICATION
        found.why = (
            f"no transaction holds it back: {some(state.end_offset - state.high_watermark, 'record')} from offset "
            f"{state.high_watermark} on must be replicated first"
        )
    else:
        found.kind = NOTHING
        found.why = f"read_committed readers can see all there is, up to offset {state.end_offset}"
    if leadership.leader == -1:
        found.kind = found.kind if undecided else NO_LEADER
        found.why = f"no broker leads it: {leadership.why}{'; then: ' + found.why if undecided else ''}"
    if not state.is_whole:
        found.missing = f"older transactions may be open: {overwritten(recording)}"
    return found


def _tell_holder(recording: Recording, found: Visibility, undecided: list[OpenTransaction]) -> None:
    holder = found.holder = undecided[0]
    _find_life(recording, holder)
    found.behind = undecided[1:]
    found.last_stable_offset = holder.first_offset
    found.kind = TRANSACTION
    (last,) = recording.last(1)
    open_for = milliseconds(last.time_us - holder.since_us)
    life = holder.life
    partition = f"{found.topic}:{found.partition}"
    by_admin = f"an administrator aborts it: kstore transactions abort {partition} --start-offset {holder.first_offset}"
    if holder.marker is not None:
        found.kind = MARKER
        found.why = f"the marker of {holder} is at offset {holder.marker.offset1}, and isn't replicated yet"
        now = f", which is {found.high_watermark}," if found.high_watermark >= 0 else ""
        found.ends = [f"the high watermark{now} passes the marker"]
    elif life is None:
        found.why = f"a transaction of {holder} has been open for {open_for}"
        found.ends = ["its producer or its coordinator ends it", f"{by_admin}, if it hangs"]
    elif not holder.is_last or life.took_us >= 0:
        found.why = (
            f"a transaction of {holder} hangs: it has been open for {open_for}, and its coordinator takes it for ended"
        )
        found.ends = [by_admin]
    elif life.state == OPEN:
        found.why = f"the transaction of {holder} has been open for {open_for}"
        found.ends = life.ends
    else:
        found.why = f"the transaction of {holder} is {life.state}, and its marker isn't here yet: {life.reason}"
        found.ends = ["its coordinator's marker is appended"]
    found.steps = life.steps if life is not None and holder.is_last else [_opening(holder)]


def _find_life(recording: Recording, each: OpenTransaction) -> None:
    """Find the last transaction of its id, and whether that is this one."""
    if each.transactional_id is not None:
        life = each.life = transaction_life(recording, each.transactional_id)
        is_over = life.took_us >= 0
        each.is_last = life.producer_id == each.opened.offset2 and (not is_over or life.began_us <= each.opened.time_us)


def _opening(each: OpenTransaction) -> Step:
    row = each.opened
    return Step(row.time_us, row.actor, f"a transaction is open from offset {row.offset1} on", row.sequence)


def _aborted(ids: dict[int, str], ended: OpenTransaction | None, marker: TraceRow) -> Step:
    name = ids.get(marker.offset2, f"producer {marker.offset2}")
    since = f"from offset {ended.first_offset} on" if ended is not None else "from where the trace doesn't say"
    what = f"records of {name}, {since}, aborted by the marker at offset {marker.offset1}"
    return Step(marker.time_us, marker.actor, what, marker.sequence)
