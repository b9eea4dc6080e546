"""TxnOffsetCommit of a group: offsets within a producer's transaction, which count when its marker commits them."""

from actors.coordinator.effects import Writer
from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.groups.appends import AppendResponse, GroupAppends
from actors.groups.group_interface import Group
from actors.groups.records import CommittedOffset, OffsetRecord
from actors.groups.settings import GroupSettings
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
)

KNOWS_STALE_MEMBER_EPOCH = 6


class TransactionalCommits:
    """Writes the offsets that producers commit for a group within their transactions."""

    def __init__(self, appends: GroupAppends, settings: GroupSettings) -> None:
        self._appends = appends
        self._settings = settings

    def commit(self, group: Group, request: TxnOffsetCommitRequest, caller: Caller, event: Event) -> None:
        """The group has checked the request; topics have their names and ids, and the producer was verified."""
        response = TxnOffsetCommitResponse()
        records: list[OffsetRecord] = []
        bytes_max = self._settings.offset_metadata_max_bytes
        for topic in request.topics:
            answer = TxnOffsetCommitResponseTopic(name=topic.name, topic_id=topic.topic_id)
            response.topics.append(answer)
            for partition in topic.partitions:
                index, metadata = partition.partition_index, partition.committed_metadata or ""
                is_too_long = len(metadata) > bytes_max
                code = errors.OffsetMetadataTooLarge.code if is_too_long else errors.NONE
                answer.partitions.append(TxnOffsetCommitResponsePartition(partition_index=index, error_code=code))
                if not is_too_long:
                    committed = CommittedOffset(
                        partition.committed_offset,
                        partition.committed_leader_epoch,
                        metadata,
                        event.now_ms,
                        topic_id=topic.topic_id,
                    )
                    records.append(OffsetRecord(group.group_id, topic.name, index, committed))
        if records:
            writer = Writer(request.producer_id, request.producer_epoch, caller.guard)
            self._appends.begin_in_transaction(records, writer, event, AppendResponse(caller.reply, response))
        else:
            event.respond(caller.reply, response)


def as_known(error: KafkaError, version: int) -> KafkaError:
    """An error as a version of TxnOffsetCommit knows it: before 6 a member's epoch counts as a generation."""
    if isinstance(error, errors.StaleMemberEpoch) and version < KNOWS_STALE_MEMBER_EPOCH:
        return errors.IllegalGeneration(error.message)
    return error
