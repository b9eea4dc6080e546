"""A transactional producer's calls, as its user makes them; ``Producer`` has them documented."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from actors.clients import arguments
from actors.clients.errors import KafkaTimeout
from actors.clients.producer.transactions.reasons import ended_inside
from actors.clients.producer.transactions.sender import TransactionalSender
from kstore.errors import InvalidGroupId, KafkaError

if TYPE_CHECKING:
    from actors.clients.calls import Calls
    from actors.clients.structs import GroupMetadata, OffsetAndMetadata, TopicPartition

STOPPED_SECONDS_MAX = 0.5  # to abort, after Ctrl-C or whatever else ends the program


class TransactionCalls:
    """The transactional calls of one producer; each waits up to ``timeout_s`` seconds (``max_block_ms``)."""

    def __init__(self, calls: Calls, sender: TransactionalSender, timeout_s: float) -> None:
        self.calls = calls
        self.sender = sender
        self.timeout_s = timeout_s

    def _run(self, name: str, begin: Callable[[], None], timeout_s: float) -> None:
        """Begin a call, and wait until the coordinators' answers have completed it."""
        self.calls.now(name, begin)
        try:
            self.calls.run(name, self.sender.over, timeout_s=timeout_s)
        except KafkaTimeout as late:
            raise KafkaTimeout(f"{late.message}; it goes on: call {name}() again to wait for its end") from None

    def initialize(self) -> None:
        """As ``Producer.init_transactions``."""
        self._run("init_transactions", self.sender.initialize, self.timeout_s)

    def begin(self) -> None:
        """As ``Producer.begin_transaction``."""
        self.calls.now("begin_transaction", self.sender.begin_transaction)

    def commit(self) -> None:
        """As ``Producer.commit_transaction``."""
        self._run("commit_transaction", self.sender.commit, self.timeout_s)

    def abort(self) -> None:
        """As ``Producer.abort_transaction``."""
        self._abort(self.timeout_s)

    def _abort(self, timeout_s: float) -> None:
        self._run("abort_transaction", self.sender.abort, timeout_s)

    def send_offsets(self, offsets: Mapping[TopicPartition, OffsetAndMetadata | int], group: GroupMetadata) -> None:
        """As ``Producer.send_offsets_to_transaction``."""
        wanted = arguments.commits("offsets", offsets)
        group = arguments.group_metadata("group_metadata", group)
        if not group.group_id:
            raise InvalidGroupId("offsets are committed for a group: the consumer needs a group_id")
        if wanted:
            name = "send_offsets_to_transaction"
            commit = self.calls.now(name, self.sender.commit_offsets, wanted, group)
            self.calls.run(name, self.sender.offsets_over, commit, timeout_s=self.timeout_s)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """As ``Producer.transaction``."""
        self.begin()
        try:
            yield
        except BaseException as error:
            self._give_up(error)
            raise
        if self.sender.machine.is_between:
            raise ended_inside()
        try:
            self.commit()
        except KafkaTimeout:
            raise  # it may be committed yet
        except BaseException as error:
            self._give_up(error)
            raise

    def _give_up(self, error: BaseException) -> None:
        """Abort because of an error. If aborting fails as well, that error is raised in place of another
        ``KafkaError``; an error of the user's own gets a note.
        """
        if not self.sender.machine.can_abort:
            return
        timeout_s = self.timeout_s if isinstance(error, Exception) else STOPPED_SECONDS_MAX
        try:
            self._abort(timeout_s)
        except KafkaError as other:
            if isinstance(error, KafkaError):
                raise other from error
            error.add_note(f"nor could the transaction be aborted: {other.name}: {other.message}")

    def refused(self, error: KafkaError) -> None:
        """A record wasn't taken."""
        self.calls.now("send", self.sender.record_refused, error)

    def close(self, timeout_s: float | None) -> None:
        """Abort what is open, before the producer is closed; its end isn't waited for longer than so many seconds."""
        if self.sender.machine.can_abort:
            left_s = self.timeout_s if timeout_s is None else min(timeout_s, self.timeout_s)
            with suppress(KafkaError):  # then its timeout ends it
                self._abort(left_s)
