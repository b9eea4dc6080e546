"""OffsetCommit, key 8, versions 2 to 10: commit a group's offsets.

Answered when the offsets are committed in ``__consumer_offsets``. Topics and partitions that don't exist are refused
one by one; the others go to the group's coordinator. A generation below 0 means that the client assigns its partitions
itself; its group is made if it doesn't exist. Very many partitions are committed in portions, one after the other
(Kafka refuses what doesn't fit into one batch).

Versions: 2 to 4 take a retention time of their own; 6 adds leader epochs; 7 static members; 8 is the first flexible
one; from 9 on an unknown group is GROUP_ID_NOT_FOUND, before ILLEGAL_GENERATION; 10 names topics by id.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import ask_group
from actors.broker.offset_commits import OffsetCommits
from actors.node.authorizer import READ, group
from actors.runtime import Coroutine
from kstore.errors import GroupAuthorizationFailed
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)

API_KEY = 8
VERSIONS = (2, 10)

TOPICS_BY_ID = 10


def handle(call: Call) -> Coroutine:
    request: OffsetCommitRequest = call.request

    def commit(topics: list[OffsetCommitRequestTopic]) -> Coroutine:
        return ask_group(call, request.group_id, _narrowed(request, topics))

    refusal = None if call.authorize(READ, group(request.group_id)) else GroupAuthorizationFailed()
    commits = OffsetCommits(
        call, TOPICS_BY_ID, OffsetCommitRequestTopic, OffsetCommitResponseTopic, OffsetCommitResponsePartition
    )
    return OffsetCommitResponse(topics=(yield from commits.answered(refusal, commit)))


def _narrowed(request: OffsetCommitRequest, topics: list[OffsetCommitRequestTopic]) -> OffsetCommitRequest:
    return OffsetCommitRequest(
        group_id=request.group_id,
        generation_id_or_member_epoch=request.generation_id_or_member_epoch,
        member_id=request.member_id,
        group_instance_id=request.group_instance_id,
        retention_time_ms=request.retention_time_ms,
        topics=topics,
    )
