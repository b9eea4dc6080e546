"""What a user's thread does about its consumer's group: commit before partitions go, call the listener, leave.

Only inside of poll(), unsubscribe() and close(), so that a user's listener is never called at another time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from actors.clients.consumer.protocols.classic.membership import CLOSED, UNSUBSCRIBED, Complete, Prepare
from actors.clients.errors import KafkaTimeout
from actors.runtime.signals import let_signals_in
from kstore.errors import KafkaError

if TYPE_CHECKING:
    from actors.clients.calls import Calls
    from actors.clients.consumer.actor import ConsumerActor

REASONS = {"unsubscribe": UNSUBSCRIBED, "close": CLOSED}


class Rebalancing:
    """Of one consumer."""

    def __init__(self, actor: ConsumerActor, calls: Calls) -> None:
        self._actor = actor
        self._member = actor.member
        self._membership = actor.membership
        self._calls = calls
        self._committed_first = False

    def run_steps(self) -> None:
        """Do what the membership wants of its user, step by step."""
        while not self._actor.errors and self._membership.wants_user:
            duty = self._calls.now("poll", self._member.duty)
            if duty is None or not (self._prepare(duty) if isinstance(duty, Prepare) else self._complete(duty)):
                break

    def _prepare(self, duty: Prepare) -> bool:
        """Before joining: commit, tell the listener, give up. False while the commit is under way."""
        if not duty.lost and not self._committed_first:
            self._committed_first = True
            if self._calls.now("poll", self._actor.committing.begin_before_rebalance):
                return False
        self._committed_first = False
        listener = self._actor.subscription.listener
        gives_up = duty.lost or not self._membership.acknowledges  # though the listener fails; else it is asked again
        try:
            if listener is not None and duty.lost and duty.gone:
                let_signals_in(listener.on_partitions_lost, set(duty.gone))
            elif listener is not None and not duty.lost and (duty.gone or duty.eager):
                let_signals_in(listener.on_partitions_revoked, set(duty.gone))
            gives_up = True
        finally:
            if gives_up:
                self._calls.now("poll", self._member.gave_up, duty.gone)
        return True

    def _complete(self, duty: Complete) -> bool:
        """After joining: take the assignment and tell the listener."""
        actor = self._actor
        held = actor.subscription.partitions
        added = {each for each in duty.assigned if each not in held}
        revoked = set(held) - set(duty.assigned)
        if not self._calls.now("poll", self._membership.accept, duty):
            return True
        listener = actor.subscription.listener
        try:
            if listener is not None and revoked:
                let_signals_in(listener.on_partitions_revoked, revoked)
        finally:
            self._calls.now("poll", actor.take_assignment, duty, bool(revoked))
        actor.positions.in_listener = True  # where to begin is the listener's to say first
        try:
            if listener is not None:
                let_signals_in(listener.on_partitions_assigned, added)
        finally:
            actor.positions.in_listener = False
            self._calls.now("poll", actor.go_on)
        if self._membership.acknowledges:  # what a listener couldn't take isn't said to be taken, as in Java
            self._calls.now("poll", self._member.acknowledge)
        return True

    def commit_at_end(self, timeout_s: float) -> None:
        """The consumer is closing: commit where it is, if it may."""
        committing = self._actor.committing
        offsets = committing.consumed()
        if offsets and (self._membership.is_stable or not self._membership.shares):
            with suppress(KafkaError):  # as the Java client: what isn't committed is read again; closing matters more
                self._calls.run("close", committing.until_done, offsets, timeout_s=timeout_s)

    def leave(self, name: str, timeout_s: float) -> None:
        """In a call of this name, give up what is held, tell the listener, and leave."""
        if not self._membership.shares:
            return
        subscription = self._actor.subscription
        held, listener = set(subscription.partitions), subscription.listener
        membership = self._membership
        lost = not membership.has_generation
        if name == "close" and membership.acknowledges and membership.metadata.generation_id > 0:
            lost = False  # as in Java: fenced since or not, it gives up what was its own
        try:
            if listener is not None and held:
                let_signals_in(listener.on_partitions_lost if lost else listener.on_partitions_revoked, held)
        finally:
            with suppress(KafkaTimeout):  # then the session expires by itself
                self._calls.run(name, self._member.leave, REASONS[name], timeout_s=timeout_s)
