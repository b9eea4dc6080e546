"""Clients of both protocols as they behave: each sends what follows from what it was told. They share ``orders``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from groups.driving import Driven
from groups.migrating import ORDERS, TOPICS, assigned, assignment, subscription

from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
)
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupResponse

PARTITIONS = TOPICS["orders"].partitions
REJOINS = {errors.UnknownMemberId.code, errors.IllegalGeneration.code, errors.RebalanceInProgress.code}
SESSION_MS, REBALANCE_MS = 45_000, 60_000


class Client(ABC):
    """A client that has one request under way at a time, and does one thing when it is told to act."""

    def __init__(self, name: str, instance: str | None) -> None:
        self.name, self.instance = name, instance
        self.member_id = ""
        self.generation = 0
        self.owned: set[int] = set()
        self.is_fenced = False
        self._asked = 0
        self._waits_for = ""

    @property
    def reply(self) -> str:
        return f"{self.name} {self._asked}"

    def act(self, driven: Driven) -> None:
        """Take an answer that has come, or send the next request if none is under way."""
        if self.is_fenced:
            return
        if not self._waits_for:
            self._asked += 1
            self._waits_for = self.send(driven)
        elif not driven.is_parked(self.reply):
            answer = driven.answer(self.reply)
            asked, self._waits_for = self._waits_for, ""
            self.take(asked, answer)

    def forget_request(self) -> None:
        """The connection is lost: what was asked isn't answered any more."""
        self._waits_for = ""
        self._asked += 1

    def start_over(self, *, keeps_id: bool = False) -> None:
        self.owned = set()
        self.generation = 0
        if not keeps_id:
            self.member_id = ""

    @abstractmethod
    def send(self, driven: Driven) -> str:
        """Send the next request; returns what it was."""

    @abstractmethod
    def take(self, asked: str, answer: Any) -> None:
        """Take the answer to a request."""


class ClassicOne(Client):
    """A consumer of the classic protocol. An eager one gives up all before it joins; a cooperative one only what it is
    told to.
    """

    def __init__(self, name: str, instance: str | None, *, is_eager: bool) -> None:
        super().__init__(name, instance)
        self.is_eager = is_eager
        self._next = "join"
        self._others: list[str] = []

    def send(self, driven: Driven) -> str:
        match self._next:
            case "join":
                if self.is_eager:
                    self.owned = set()
                driven.send_join(
                    self.reply,
                    self.member_id,
                    instance=self.instance,
                    protocols=(("range", subscription(owned=tuple(sorted(self.owned)))),),
                    session_ms=SESSION_MS,
                )
            case "sync":
                everybody = sorted(self._others)
                shares = {
                    each: assignment(*range(PARTITIONS)[index :: len(everybody)])
                    for index, each in enumerate(everybody)
                }
                driven.send_sync(self.reply, self.member_id, self.generation, shares, instance=self.instance)
            case _:
                request = HeartbeatRequest(
                    group_id="g",
                    generation_id=self.generation,
                    member_id=self.member_id,
                    group_instance_id=self.instance,
                )
                driven.ask(request, self.reply, 4)
        return self._next

    def take(self, asked: str, answer: Any) -> None:
        code = answer.code if isinstance(answer, KafkaError) else answer.error_code
        if code == errors.FencedInstanceId.code:
            self.is_fenced = True
            self.owned = set()
        elif code == errors.MemberIdRequired.code:
            self.member_id = answer.member_id
        elif code in (errors.UnknownMemberId.code, errors.IllegalGeneration.code):
            self.start_over(keeps_id=code == errors.IllegalGeneration.code)
            self._next = "join"
        elif code == errors.RebalanceInProgress.code:
            self._next = "join"
        elif code:
            pass  # it asks again
        elif asked == "join":
            assert isinstance(answer, JoinGroupResponse)
            self.member_id, self.generation = answer.member_id, answer.generation_id
            self._others = [each.member_id for each in answer.members]
            self._next = "sync"
        elif asked == "sync":
            told = {number for _, number in assigned(answer.assignment)}
            self._next = "join" if not self.is_eager and self.owned - told else "beat"
            self.owned = told

    def is_settled(self) -> bool:
        return self._next == "beat"


class ConsumerOne(Client):
    """A consumer of the consumer protocol."""

    def __init__(self, name: str, instance: str | None) -> None:
        super().__init__(name, instance)
        self.member_id = name

    def send(self, driven: Driven) -> str:
        numbers = sorted(self.owned)
        parts = [ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=ORDERS, partitions=numbers)] if numbers else []
        driven.ask(
            ConsumerGroupHeartbeatRequest(
                group_id="g",
                member_id=self.member_id,
                member_epoch=self.generation,
                instance_id=self.instance,
                rebalance_timeout_ms=REBALANCE_MS,
                subscribed_topic_names=["orders"],
                topic_partitions=parts,
            ),
            self.reply,
            1,
        )
        return "beat"

    def take(self, asked: str, answer: Any) -> None:
        if isinstance(answer, KafkaError):
            if isinstance(answer, errors.FencedInstanceId):
                self.is_fenced = True
                self.owned = set()
            if isinstance(
                answer,
                errors.FencedMemberEpoch | errors.UnknownMemberId | errors.GroupIdNotFound | errors.FencedInstanceId,
            ):
                self.start_over(keeps_id=True)
            return
        self.generation = answer.member_epoch
        if answer.assignment is not None:
            self.owned = {number for topic in answer.assignment.topic_partitions for number in topic.partitions}
