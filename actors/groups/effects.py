"""The effects of the event at hand, collected, and the appends under way with what is to come after them."""

from collections.abc import Callable
from typing import TypeAlias

from actors.coordinator.effects import CancelTimer, Effect, LogEntry, Note, Persist, Respond, SetTimer
from kstore.errors import KafkaError
from kstore.named import NamedTuple

TRACED_NAME_LENGTH_MAX = 249
"""As long as a topic's name may be. Clients choose the names of groups and members, and their reasons."""

TRACED_REASON_LENGTH_MAX = 400

Outcome: TypeAlias = Callable[[KafkaError | None], None]
Failure: TypeAlias = Callable[[KafkaError], None]


class TimerKey(NamedTuple):
    """Names a timer; setting a key that is running replaces it. ``subject`` is a member id, or empty."""

    kind: str
    group_id: str
    subject: str = ""


class Persisting:
    """An append under way; the steps added with ``then`` run in order once its outcome is known.

    When that takes longer than a client may be kept waiting, an append with ``if_overdue`` steps runs those, and its
    other steps still when the outcome comes; one without has failed.
    """

    __slots__ = ("_overdue_steps", "_steps", "token")

    def __init__(self, token: int) -> None:
        self.token = token
        self._steps: list[Outcome] = []
        self._overdue_steps: list[Failure] = []

    def then(self, step: Outcome) -> None:
        self._steps.append(step)

    def if_overdue(self, step: Failure) -> None:
        self._overdue_steps.append(step)

    @property
    def outlives_its_deadline(self) -> bool:
        return bool(self._overdue_steps)

    def settle(self, error: KafkaError | None) -> None:
        for step in self._steps:
            step(error)

    def overdue(self, error: KafkaError) -> None:
        for step in self._overdue_steps:
            step(error)


class Effects:
    """Collects the effects of the event at hand, and keeps the time at which it happens."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._collected: list[Effect] = []
        self._persisting: dict[int, Persisting] = {}
        self._last_token = 0

    def drain(self) -> list[Effect]:
        collected, self._collected = self._collected, []
        return collected

    def respond(self, to: object, response: object) -> None:
        self._collected.append(Respond(to, response))

    def set_timer(self, key: TimerKey, delay_ms: int) -> None:
        self._collected.append(SetTimer(key, max(delay_ms, 0)))

    def cancel_timer(self, key: TimerKey) -> None:
        self._collected.append(CancelTimer(key))

    def note(self, kind: str, group_id: str, generation: int, members: int, because: str) -> None:
        because = because[:TRACED_REASON_LENGTH_MAX]
        self._collected.append(Note(kind, group_id[:TRACED_NAME_LENGTH_MAX], generation, members, because))

    def note_committed(self, group_id: str, topic: str, partition: int, offset: int) -> None:
        group_id = group_id[:TRACED_NAME_LENGTH_MAX]
        self._collected.append(Note("OffsetCommitted", f"{topic}-{partition}", offset, -1, group_id))

    def persist(self, entries: list[LogEntry]) -> Persisting:
        assert entries, "an append needs records"
        self._last_token += 1
        persisting = Persisting(self._last_token)
        self._persisting[persisting.token] = persisting
        self._collected.append(Persist(persisting.token, tuple(entries)))
        return persisting

    def settle(self, token: int, error: KafkaError | None) -> None:
        """The outcome of an append; nothing happens when it was given up before."""
        persisting = self._persisting.pop(token, None)
        if persisting is not None:
            persisting.settle(error)

    def overdue(self, token: int, error: KafkaError) -> None:
        """An append takes too long for those who wait for it."""
        persisting = self._persisting.get(token)
        if persisting is None:
            return
        if persisting.outlives_its_deadline:
            persisting.overdue(error)
        else:
            self.settle(token, error)

    def give_up(self, error: KafkaError) -> None:
        """End every append under way with an error: nobody will be here for its outcome."""
        for token in list(self._persisting):
            self.settle(token, error)

    def after_pending(self, step: Callable[[], None]) -> None:
        """Run ``step`` once every append under way has ended, which is at once when there is none."""
        if not self._persisting:
            step()
            return
        newest = next(reversed(self._persisting.values()))
        newest.then(lambda _error: step())


class AnswerOnce:
    """An answer that two things may bring about, of which the first counts."""

    __slots__ = ("_effects", "_is_given", "_to")

    def __init__(self, effects: Effects, to: object) -> None:
        self._effects = effects
        self._to = to
        self._is_given = False

    def give(self, response: object) -> None:
        if not self._is_given:
            self._is_given = True
            self._effects.respond(self._to, response)
