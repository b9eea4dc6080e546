"""The metadata log's own formats: batches of records, the change of leader, ``quorum-state``, and what a replay gives.

A batch of ``__cluster_metadata`` holds one decision: records without a key, each value a message in its envelope. A
control batch records a new leader of the quorum. Records between a BeginTransactionRecord and its end, which Kafka's
controllers write for long decisions, take effect together at the end or, if aborted, not at all.

``quorum-state`` is one line of JSON (data_version 0): the leader, its epoch, and the voters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeGuard

from kstore.errors import InvalidRecord
from kstore.errors.arguments import INT_MAX
from kstore.fs import FileSystem
from kstore.log.checkpoints import CheckpointError
from kstore.named import NamedTuple
from kstore.records import BatchBuilder, RecordBatch
from kstore.records.control import ControlType, control_batch, control_type
from kstore.schema import decode, encode
from kstore.schema.envelopes import decode_metadata, encode_metadata
from kstore.schema.messages.control_records import LeaderChangeMessage, LeaderChangeMessageVoter
from kstore.schema.messages.metadata_records import (
    AbortTransactionRecord,
    BeginTransactionRecord,
    BrokerRegistrationChangeRecord,
    EndTransactionRecord,
)
from kstore.schema.struct import Message

QUORUM_STATE = "quorum-state"


def version_of(record: Message) -> int:
    """The version to write a record in: the latest, except for one record, which Kafka writes in the lowest sufficient
    version.
    """
    if isinstance(record, BrokerRegistrationChangeRecord):
        return 1 if record.in_controlled_shutdown else 0
    return record.VERSIONS[1]


def encode_batch(records: Sequence[Message], base_offset: int, epoch: int, now_ms: int) -> bytes:
    """One batch with one decision."""
    builder = BatchBuilder(base_offset=base_offset, leader_epoch=epoch)
    for record in records:
        builder.append(now_ms, None, encode_metadata(record, version_of(record)))
    return builder.build()


def encode_leader_change(leader_id: int, voters: Iterable[int], offset: int, epoch: int, now_ms: int) -> bytes:
    """The control batch with which a new leader's epoch begins."""
    message = LeaderChangeMessage(
        leader_id=leader_id,
        voters=[LeaderChangeMessageVoter(voter_id=voter) for voter in voters],
        granting_voters=[LeaderChangeMessageVoter(voter_id=leader_id)],
    )
    value = encode(message, 0)
    return control_batch(ControlType.LEADER_CHANGE, value, now_ms, base_offset=offset, leader_epoch=epoch)


class Replay:
    """Turns batches into the records that take effect, holding back those of an open transaction."""

    def __init__(self) -> None:
        self._open: list[Message] | None = None

    def records(self, batch: RecordBatch) -> list[Message]:
        """The records that take effect with this batch."""
        if batch.is_control:
            return leader_changes(batch)
        effective: list[Message] = []
        for record in batch.records():
            if record.value is None:
                raise InvalidRecord(f"the metadata record at offset {record.offset} has no value")
            message = decode_metadata(record.value)
            if isinstance(message, BeginTransactionRecord):
                self._open = []
            elif isinstance(message, EndTransactionRecord):
                effective += self._open or []
                self._open = None
            elif isinstance(message, AbortTransactionRecord):
                self._open = None
            elif self._open is None:
                effective.append(message)
            else:
                self._open.append(message)
        return effective


def leader_changes(batch: RecordBatch) -> list[Message]:
    """The leader changes in a control batch; other control records don't affect the image."""
    return [
        decode(LeaderChangeMessage, 1 if int.from_bytes(record.value[:2], "big") else 0, record.value)
        for record in batch.records()
        if control_type(record) is ControlType.LEADER_CHANGE and record.value is not None
    ]


class QuorumState(NamedTuple):
    """A voter's epoch, and the leader that it knows (-1: none)."""

    leader_id: int
    leader_epoch: int


def read_quorum_state(fs: FileSystem, log_path: str) -> QuorumState:
    """What a voter wrote; epoch 0 without a leader if it never did. Raises CheckpointError when it can't be read."""
    path = f"{log_path}/{QUORUM_STATE}"
    if not fs.exists(path):
        return QuorumState(-1, 0)
    state = quorum_state(fs.read_bytes(path))
    leader_id, leader_epoch = state.get("leaderId"), state.get("leaderEpoch")
    if not (is_int32(leader_id) and is_int32(leader_epoch) and leader_id >= -1 and leader_epoch >= 0):
        raise CheckpointError(f"{path}: leader {str(leader_id)[:20]}, epoch {str(leader_epoch)[:20]}")
    return QuorumState(leader_id, leader_epoch)


def quorum_state(data: bytes) -> dict[str, object]:
    """The fields of a ``quorum-state``; raises CheckpointError for what is no JSON object."""
    import json  # new folders have none

    try:
        state = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{QUORUM_STATE}: {error}") from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{QUORUM_STATE}: expected a JSON object")
    return state


def is_int32(value: object) -> TypeGuard[int]:
    """Whether a value from JSON is a number that fits ``int32``."""
    return type(value) is int and -INT_MAX - 1 <= value <= INT_MAX


def write_quorum_state(fs: FileSystem, log_path: str, state: QuorumState, voters: Iterable[int]) -> None:
    """Write it, synced to disk: a voter that lost its epoch could vote twice."""
    known = ",".join(f'{{"voterId":{voter}}}' for voter in voters)
    text = (
        f'{{"clusterId":"","leaderId":{state.leader_id},"leaderEpoch":{state.leader_epoch},"votedId":-1,'
        f'"appliedOffset":0,"currentVoters":[{known}],"data_version":0}}'
    )
    fs.replace(f"{log_path}/{QUORUM_STATE}", text.encode())
