"""A transactional producer's state, what it asks of coordinators next, and what answers make of it. Pure.

What the user calls moves it (``states`` has the table), ``next_step`` says what is to be asked, ``answered`` and
``refused`` take what came of it. The rules are those of Java's ``TransactionManager``, for both protocols:

* KIP-890's second part, where the cluster has agreed on ``transaction.version`` 2: a partition joins the transaction by
  the first Produce, a group by TxnOffsetCommit, and EndTxn gives the producer its next epoch;
* the classic one: AddPartitionsToTxn before a partition's first record, AddOffsetsToTxn before offsets, and after an
  error that aborts a transaction InitProducerId for the next epoch, so that nothing late of it counts (KIP-360).

Which one it is, is decided between transactions. EndTxn goes out when nothing that was sent is without an answer.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NoReturn

from actors.clients.errors import TransactionAborted
from actors.clients.producer.idempotence import Identity
from actors.clients.producer.transactions.reasons import fatal, must_abort, none_open
from actors.clients.producer.transactions.states import (
    ABORTABLE_ERROR,
    ABORTING,
    COMMITTING,
    FATAL_ERROR,
    IN_TRANSACTION,
    INITIALIZING,
    READY,
    TRANSITIONS,
    UNINITIALIZED,
)
from actors.clients.producer.transactions.steps import (
    ABORT,
    LOST,
    AddOffsets,
    AddPartitions,
    CommitOffsets,
    End,
    Initialize,
    Offsets,
    Step,
    is_fence,
    meaning,
)
from actors.clients.structs import GroupMetadata
from kstore.errors import (
    ClusterAuthorizationFailed,
    InvalidProducerIdMapping,
    KafkaError,
    ProducerFenced,
    TransactionalIdAuthorizationFailed,
    UnsupportedVersion,
)

if TYPE_CHECKING:
    from kstore.log.names import TopicAndPartition

SECOND_PROTOCOL = 2
"""The level of ``transaction.version`` from which on KIP-890's second part holds."""

LOST_BY_A_BATCH = (
    ClusterAuthorizationFailed,
    InvalidProducerIdMapping,
    ProducerFenced,
    TransactionalIdAuthorizationFailed,
    UnsupportedVersion,
)


class TransactionMachine:
    """The transactions of one producer. ``moves`` counts what has changed that a caller may wait for.

    ``partitions`` may be written to; ``waiting`` have to be added first. ``is_open``: a coordinator may know of the
    transaction. ``must_bump``: the classic protocol's abort ends with the next epoch. ``called``: the user's call whose
    end wasn't seen yet, as it timed out: it can only be made again.
    """

    def __init__(self, transactional_id: str, timeout_ms: int) -> None:
        self.transactional_id = transactional_id
        self.timeout_ms = timeout_ms
        self.state = UNINITIALIZED
        self.error: KafkaError | None = None
        self.identity = Identity()
        self.moves = 0
        self.uses_second_protocol = False
        self._agreed = (-1, False)  # as of which epoch of the features: whether the second protocol is to be used
        self.partitions: dict[TopicAndPartition, None] = {}
        self.waiting: dict[TopicAndPartition, None] = {}
        self.offsets: deque[CommitOffsets] = deque()
        self.is_open = False
        self.must_bump = False
        self.called = ""
        self._step: Step | None = None  # asked, and not answered for good yet

    def _move(self, event: str) -> None:
        after = TRANSITIONS[event]
        assert self.state in after, f"a producer that is {self.state} never {event}"
        self.state = after[self.state]
        self.moves += 1

    @property
    def takes_records(self) -> bool:
        """Whether records and offsets are taken."""
        return self.state == IN_TRANSACTION and not self.called

    @property
    def can_abort(self) -> bool:
        """Whether there is something that ``abort()`` would abort."""
        return self.state in (IN_TRANSACTION, ABORTABLE_ERROR) and not self.called

    @property
    def is_between(self) -> bool:
        """Whether no transaction was begun since the last one."""
        return self.state == READY

    @property
    def is_doomed(self) -> bool:
        """Whether what isn't sent yet never will be."""
        return self.state in (ABORTABLE_ERROR, ABORTING, FATAL_ERROR)

    def initialize(self) -> None:
        """``init_transactions()``."""
        if self._again("init_transactions"):
            return
        self._raise_if_failed()
        if self.state != UNINITIALIZED:
            raise ValueError("init_transactions() is called once, before the first transaction")
        self.called = "init_transactions"
        self._move("initializes")

    def begin(self) -> None:
        """``begin_transaction()``."""
        self._check_no_call("begin_transaction")
        self._raise_if_failed()
        if self.state == UNINITIALIZED:
            raise ValueError("a transactional producer begins with init_transactions()")
        if self.state != READY:
            raise ValueError("a transaction is open: commit_transaction() or abort_transaction() before the next one")
        self.uses_second_protocol = self._agreed[1]
        self._move("begins")

    def commit_offsets(self, offsets: Offsets, group: GroupMetadata) -> CommitOffsets:
        """``send_offsets_to_transaction()``; what is in ``offsets`` until it is done."""
        self._check_open("send_offsets_to_transaction")
        commit = CommitOffsets(offsets, group)
        self.offsets.append(commit)
        self.is_open |= self.uses_second_protocol
        return commit

    def commit(self) -> None:
        """``commit_transaction()``."""
        if self._again("commit_transaction"):
            return
        self._check_open("commit_transaction")
        self.called = "commit_transaction"
        self._move("commits")

    def abort(self) -> None:
        """``abort_transaction()``."""
        if self._again("abort_transaction"):
            return
        self._check_no_call("abort_transaction")
        if self.state not in (IN_TRANSACTION, ABORTABLE_ERROR):
            self._raise_if_failed()
            raise none_open("abort_transaction", is_initialized=self.state != UNINITIALIZED)
        self.called = "abort_transaction"
        self.waiting.clear()
        self.offsets.clear()
        self._move("aborts")

    def seen(self) -> None:
        """Note that the call under way is over, and that its user knows."""
        self.called = ""

    def check(self) -> None:
        """Raise the error of a call that is over, if it has one."""
        self._raise_if_failed()

    def refuse_record(self) -> NoReturn:
        """Raise why a record isn't taken now."""
        self._check_open("send")
        raise AssertionError("records are taken")

    def _again(self, name: str) -> bool:
        """Whether a call that timed out is made again."""
        return bool(self.called) and self.called == name

    def _check_no_call(self, name: str) -> None:
        if self.called:
            raise ValueError(f"{self.called}() is not over: call it again before {name}()")

    def _check_open(self, name: str) -> None:
        self._check_no_call(name)
        self._raise_if_failed()
        if self.state != IN_TRANSACTION:
            raise none_open(name, is_initialized=self.state != UNINITIALIZED)

    def _raise_if_failed(self) -> None:
        if self.error is not None and self.state == FATAL_ERROR:
            raise fatal(self.transactional_id, self.timeout_ms, self.error) from self.error
        if self.error is not None and self.state == ABORTABLE_ERROR:
            raise must_abort(self.timeout_ms, self.error) from self.error

    def agreed(self, features_epoch: int, level: int) -> None:
        """Take the level of ``transaction.version`` that the cluster has agreed on, as of an epoch of the features."""
        if features_epoch >= self._agreed[0]:
            self._agreed = features_epoch, level >= SECOND_PROTOCOL

    def add(self, partition: TopicAndPartition) -> None:
        """Note that there are records for a partition: it has to join the transaction."""
        if self.state not in (IN_TRANSACTION, COMMITTING) or partition in self.partitions:
            return
        if self.uses_second_protocol:
            self.partitions[partition] = None
            self.is_open = True
        else:
            self.waiting[partition] = None

    def may_send(self, partition: TopicAndPartition) -> bool:
        """Whether a partition's records may go to its leader."""
        return partition in self.partitions

    def record_refused(self, error: KafkaError) -> None:
        """A record wasn't taken; nothing of it was sent."""
        if self.state == IN_TRANSACTION:
            self._must_abort(error)

    def batch_failed(self, error: KafkaError) -> None:
        """Records of the transaction are lost, or may be."""
        if isinstance(error, LOST_BY_A_BATCH):
            self._lose(error)
        elif self.state in (IN_TRANSACTION, COMMITTING, ABORTING, ABORTABLE_ERROR):
            self.must_bump = True
            self._must_abort(error)

    def _must_abort(self, error: KafkaError) -> None:
        if self.state in TRANSITIONS["must abort"]:
            if self.error is None and not isinstance(error, TransactionAborted):
                self.error = error  # the first one is what it came from
            self.waiting.clear()
            self.offsets.clear()
            self._move("must abort")

    def _lose(self, error: KafkaError) -> None:
        if self.state != FATAL_ERROR:
            self.error = ProducerFenced(error.message) if is_fence(error) else error
            self.waiting.clear()
            self.offsets.clear()
            self._move("is lost")

    def next_step(self, *, incomplete: bool) -> Step | None:
        """What to ask next, if anything. ``incomplete``: some records have no answer yet."""
        self._step = self._next_step(incomplete)
        return self._step

    def _next_step(self, incomplete: bool) -> Step | None:
        if self.state in (COMMITTING, ABORTING) and not (incomplete or self.waiting or self.offsets or self.is_open):
            self._end()  # nobody knows of it
        if self.state == INITIALIZING:
            return Initialize(self.identity)
        if self.state not in (IN_TRANSACTION, COMMITTING, ABORTING):
            return None
        if self.waiting:
            return AddPartitions(tuple(self.waiting))
        if self.offsets:
            first = self.offsets[0]
            return first if first.is_added or self.uses_second_protocol else AddOffsets(first)
        if incomplete or self.state == IN_TRANSACTION:
            return None
        return End(committed=self.state == COMMITTING)

    def wants(self, step: Step) -> bool:
        """Whether a step still has to be asked. One that a coordinator may have taken is, until its answer is known."""
        return self.state != FATAL_ERROR and (not isinstance(step, CommitOffsets) or step in self.offsets)

    def answered(self, step: Step, identity: Identity | None = None) -> None:
        """Handle that a step is done; ``identity`` is the producer's id and epoch from now on."""
        if self.state == FATAL_ERROR:
            return
        if isinstance(step, AddPartitions):
            self.is_open = True
            for partition in step.partitions:
                if self.waiting.pop(partition, 0) is None:
                    self.partitions[partition] = None
        elif isinstance(step, AddOffsets):
            self.is_open = True
            step.commit.is_added = True
        elif isinstance(step, CommitOffsets):
            if step in self.offsets:
                self.offsets.remove(step)
        elif isinstance(step, End):
            self.identity = identity or self.identity
            self._end()
        else:
            assert identity is not None
            self.identity = identity
            self.must_bump = False
            self.error = None
            self._move("is initialized")
        self.moves += 1

    def _end(self) -> None:
        """The transaction is over; the classic protocol may need another epoch before the next one."""
        self.partitions.clear()
        self.is_open = False
        bumps = self.state == ABORTING and self.must_bump and not self.uses_second_protocol
        if bumps or self.identity.producer_id < 0:
            self._move("bumps its epoch")
            return
        self.must_bump = False
        self.error = None
        self._move("has ended")

    def refused(self, step: Step, error: KafkaError) -> str:
        """Handle that a step was refused. Returns what to do about it, one of the meanings in ``steps``."""
        found = meaning(step, error)
        if found == LOST or (found == ABORT and self.state == ABORTING and isinstance(step, End)):
            self._lose(error)
            return LOST
        if found == ABORT:
            self.must_bump = True
            self._must_abort(error)
        return found
