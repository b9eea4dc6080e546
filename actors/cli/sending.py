"""The sending of ``kstore produce``: open futures, results of the others, and the exit code."""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from actors.cli.arguments import InputError
from actors.cli.messages import InputMessage
from actors.cli.output import complain, print_json
from actors.clients.errors import KafkaTimeout
from actors.clients.producer.produce_requests import is_of_the_others
from actors.clients.structs import SentRange
from kstore.errors import KafkaError, UnknownTopicOrPartition

if TYPE_CHECKING:
    from typing import Unpack

    from actors.cli.envelope import Sent
    from actors.cli.progress import Progress
    from actors.clients.producer.futures import Future, ManyFuture
    from actors.clients.producer.producer import Producer


PATIENCE_S = 3.0  # after which a terminal shows what is waited for


T = TypeVar("T")


class Sending:
    """Sends messages through a producer, many at a time where they have neither headers nor a partition."""

    def __init__(self, producer: Producer, options: argparse.Namespace, progress: Progress) -> None:
        self.producer = producer
        self.options = options
        self.progress = progress
        self.plain = not options.headers and options.partition is None
        self.sent = 0
        self.there: set[int] = set()  # the topic's partitions, once that matters
        self.open: deque[Future | ManyFuture] = deque()
        self.failure: KafkaError | InputError | None = None
        self.partitions: dict[int, dict[str, int]] = {}

    def check_partition(self, number: int | None) -> None:
        """Raise UnknownTopicOrPartition for one that the topic lacks, which the producer would wait for."""
        if number is None or number in self.there:
            return
        self.there = self.producer.partitions_for(self.options.topic)
        if number not in self.there:
            there = len(self.there)
            raise UnknownTopicOrPartition(f"topic {self.options.topic} has no partition {number}, but {there}")

    def enough(self) -> bool:
        """Whether ``-c`` is reached, or sending has failed."""
        return self.failure is not None or (self.options.count is not None and self.sent >= self.options.count)

    def _wanted(self, messages: Sequence[T]) -> Sequence[T]:
        return messages if self.options.count is None else messages[: self.options.count - self.sent]

    def send(self, messages: Sequence[InputMessage]) -> None:
        """Send these, and check earlier ones that are done."""
        messages = self._wanted(messages)
        if not messages:
            return
        try:
            if self.plain:
                keyed = any(message.key is not None for message in messages)
                keys = [message.key for message in messages] if keyed else None
                self.open.append(self.producer.send_many(self.options.topic, [m.value for m in messages], keys))
            else:
                for message in messages:
                    self._send_one(value=message.value, key=message.key, headers=self.options.headers)
        except KafkaError as error:
            self.failure = self.failure or error
            return
        self._sent(messages)

    def send_json(self, lines: Sequence[bytes]) -> None:
        """Send records that are lines of JSON; what the command line says comes in where they lack it."""
        from actors.cli.envelope import EnvelopeError, read_record

        for line in self._wanted([line for line in lines if line.strip()]):
            try:
                record = read_record(line)
            except EnvelopeError as error:
                self.failure = self.failure or InputError(f"record {self.sent + 1} of the input: {error}")
                return
            if record["key"] is None and self.options.key is not None:
                record["key"] = self.options.key.encode()
            record["headers"] += self.options.headers
            self._send_one(**record)
            self._sent([InputMessage(record["key"], record["value"], len(line) + 1)])

    def _send_one(self, **record: Unpack[Sent]) -> None:
        if self.options.partition is not None:
            record["partition"] = self.options.partition
        self.check_partition(record.get("partition"))
        self.open.append(self.producer.send(self.options.topic, **record))

    def _sent(self, messages: Sequence[InputMessage]) -> None:
        self.sent += len(messages)
        self.progress.advance(sum(message.input_bytes for message in messages))
        if self.options.tee:
            sys.stdout.buffer.write(b"".join((m.value or b"") + self.options.end for m in messages))
            sys.stdout.buffer.flush()
        while self.open and self.open[0].done():
            self._note(self.open.popleft())

    def finish(self) -> None:
        """Wait for every acknowledgement."""
        try:
            self.producer.flush(timeout=None if not sys.stderr.isatty() else PATIENCE_S)
        except KafkaTimeout as error:
            print(f"kstore: {error}; still waiting (Ctrl-C gives up)", file=sys.stderr)
            self.producer.flush()
        while self.open:
            self._note(self.open.popleft())

    def _note(self, future: Future | ManyFuture) -> None:
        try:
            where = future.get()
        except KafkaError as error:
            if self.failure is None or is_of_the_others(self.failure):  # the record at fault says more than those by it
                self.failure = error
            return
        if self.options.json:
            parts = where if isinstance(where, list) else [SentRange(where.topic, where.partition, where.offset, 1)]
            for part in parts:
                self._count(part.partition, part.offset, part.records)

    def _count(self, partition: int, offset: int, count: int) -> None:
        counted = self.partitions.setdefault(partition, {"records": 0, "first_offset": offset, "last_offset": offset})
        counted["records"] += count
        counted["first_offset"] = min(counted["first_offset"], offset)
        counted["last_offset"] = max(counted["last_offset"], offset + count - 1)

    def report(self) -> None:
        """Print the results as JSON."""
        acknowledged = sum(counted["records"] for counted in self.partitions.values())
        partitions = {str(number): counted for number, counted in sorted(self.partitions.items())}
        print_json(
            {"topic": self.options.topic, "sent": self.sent, "acknowledged": acknowledged, "partitions": partitions}
        )

    def exit_code(self, cut_short: bool) -> int:
        """0 if everything that was read is acknowledged; what isn't, or wasn't read, is said."""
        if self.failure is not None:
            return complain(self.failure)
        if cut_short:
            print(f"kstore: interrupted after {self.sent} records, which are sent", file=sys.stderr)
            return 1
        return 0
