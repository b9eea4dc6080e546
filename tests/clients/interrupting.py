"""Alarms at random moments of a program that uses a cluster, and what has to be true afterwards."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ALARM_S = (0.00002, 0.003)


class RangBase(BaseException):
    """As KeyboardInterrupt, or pytest's own outcomes."""


class RangError(Exception):
    """As a job's time limit."""


class Alarm:
    """The handler of SIGALRM; each alarm raises once, with its number."""

    def __init__(self, kind: type[BaseException], seed: int) -> None:
        self.kind = kind
        self.rung = 0
        self._random = random.Random(seed)

    def __call__(self, *_: object) -> None:
        self.rung += 1
        raise self.kind(self.rung)

    def set(self) -> None:
        """Ring at a random moment soon."""
        signal.setitimer(signal.ITIMER_REAL, self._random.uniform(*ALARM_S))

    def around(self, work: Callable[[], object]) -> bool:
        """Do some work with an alarm set; whether it was done whole."""
        done = False
        try:
            self.set()
            work()
            done = True
            signal.setitimer(signal.ITIMER_REAL, 0)
        except self.kind:
            return done
        return done


@contextmanager
def alarm(kind: type[BaseException], seed: int) -> Iterator[Alarm]:
    """An alarm that can be set; nothing of it is left afterwards."""
    made = Alarm(kind, seed)
    before = signal.signal(signal.SIGALRM, made)
    try:
        yield made
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Program:
    """Sends numbers and reads them, over and over; counts what it knows of."""

    def __init__(self, producer: Any, consumer: Any, topic: str) -> None:
        self.producer, self.consumer, self.topic = producer, consumer, topic
        self.next = 0
        self.acknowledged: list[int] = []
        self.polled: list[Any] = []

    def step(self) -> None:
        """Send one, wait for it, read what is there."""
        number, self.next = self.next, self.next + 1
        self.producer.send(self.topic, b"%d" % number).get(timeout=30)
        self.acknowledged.append(number)
        self.polled.append(self.consumer.poll())  # no alarm comes in between the two calls: Python looks in neither

    def seen(self) -> list[int]:
        """The numbers that were read, in that order."""
        return [int(each.value) for polled in self.polled for records in polled.values() for each in records]

    def run_until(self, alarm: Alarm) -> None:
        """Go on until an alarm rings; each is raised here once, as it is."""
        numbers: list[object] = []
        try:
            alarm.set()
            while True:
                self.step()
        except alarm.kind as raised:
            numbers += raised.args
        assert numbers == [alarm.rung], "each alarm is raised once, where it interrupted"

    def finish(self) -> None:
        """Read all; each acknowledged number was seen once, in order, and none of the others twice."""
        last, self.next = self.next, self.next + 1
        self.producer.send(self.topic, b"%d" % last).get(timeout=30)
        while last not in self.seen()[-1:]:
            self.polled.append(self.consumer.poll(1000))
        seen = self.seen()
        assert seen == sorted(set(seen)), "none twice, none out of order"
        assert not set(self.acknowledged) - set(seen), "none lost"
