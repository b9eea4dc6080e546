"""What API handlers and the broker say to a group coordinator.

The answer to a request of a member is the response to send; to the others, what their docstring says. While the
coordinator is loading all of them are answered with CoordinatorLoadInProgress.
"""

from __future__ import annotations

from kstore.named import NamedTuple
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest
from kstore.schema.messages.offset_commit import OffsetCommitRequest
from kstore.schema.messages.offset_delete import OffsetDeleteRequest
from kstore.schema.messages.offset_fetch import OffsetFetchRequestGroup
from kstore.schema.messages.sync_group import SyncGroupRequest


class Client(NamedTuple):
    """Who asks, and in which version of the API."""

    version: int
    client_id: str
    client_host: str


class Join(NamedTuple):
    request: JoinGroupRequest
    client: Client


class Sync(NamedTuple):
    request: SyncGroupRequest
    client: Client


class Beat(NamedTuple):
    request: HeartbeatRequest
    client: Client


class Leave(NamedTuple):
    request: LeaveGroupRequest
    client: Client


class CommitOffsets(NamedTuple):
    """Topics have both name and id, and only partitions that exist."""

    request: OffsetCommitRequest
    client: Client


class FetchOffsets(NamedTuple):
    """Answered with an OffsetFetchResponseGroup."""

    request: OffsetFetchRequestGroup
    client: Client
    require_stable: bool


class DeleteOffsets(NamedTuple):
    """Only partitions that exist are asked for."""

    request: OffsetDeleteRequest
    client: Client


class DescribeGroup(NamedTuple):
    """Answered with a DescribedGroup."""

    group_id: str
    version: int


class ListGroups(NamedTuple):
    """Answered with a list of ListedGroup."""

    states: list[str]
    types: list[str]


class DeleteGroups(NamedTuple):
    """Answered with a list of DeletableGroupResult."""

    group_ids: list[str]
    client: Client


class TopicsDeleted(NamedTuple):
    """These topics are gone, and with them their offsets."""

    topics: tuple[str, ...]


class Resign(NamedTuple):
    """The partition is led elsewhere, or in another epoch: answer everybody and stop."""
