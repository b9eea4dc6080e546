"""Members of a consumer group, one request after the other; they give reasons as Apache Kafka's own clients do."""

from __future__ import annotations

from typing import Any

from cluster import group_requests as requests
from cluster.speaking import Speaker

from kstore.errors import MemberIdRequired
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest, MemberIdentity

GROUP = requests.GROUP
PATIENCE_S = 120
NOT_NOW = {14, 15, 16}  # the coordinator loads, isn't there, or is elsewhere
JOIN_VERSION = 9

CLOSED = "the consumer is being closed"
POLLED_TOO_LATE = "consumer poll timeout has expired."
METADATA = "cached metadata has changed from {t=2} at the beginning of the rebalance to {t=4}"


class Member:
    """One member; ``instance`` makes it a static one."""

    def __init__(self, client: Speaker, connection: int, instance: str | None = None) -> None:
        self.client = client
        self.connection = connection
        self.instance = instance
        self.member_id = ""
        self.generation = -1

    def ask(self, request: Any, version: int | None = None) -> Any:
        """Ask the coordinator, wherever it is by now."""
        while True:
            node = coordinator(self.client)
            response = self.client.ask(node, request, version=version, connection=self.connection)
            code = getattr(response, "error_code", 0)
            if code not in NOT_NOW and getattr(response, "name", "") != "DISCONNECTED":
                return response
            self.client.run(0.1)

    def join_request(self, reason: str) -> Any:
        request = requests.join_group(self.member_id, self.instance)
        request.reason = reason
        return request

    def join(self, reason: str = "") -> Any:
        """Join, with the id that the first answer gives."""
        joined = self.ask(self.join_request(reason), JOIN_VERSION)
        if joined.error_code == MemberIdRequired.code:
            self.member_id = joined.member_id
            return self.join(reason)
        return self.joined([joined])

    def join_later(self, reason: str = "") -> list[Any]:
        """Ask to join, with an id; the answer will be in the list."""
        if not self.member_id and self.instance is None:
            answer = self.ask(self.join_request(reason), JOIN_VERSION)
            self.member_id = answer.member_id
        node = coordinator(self.client)
        return self.client.send(node, self.join_request(reason), version=JOIN_VERSION, connection=self.connection)

    def joined(self, answers: list[Any]) -> Any:
        """Wait for the answer to ``join_later``."""
        self.client.cluster.wait_for(lambda: answers, PATIENCE_S)
        assert answers[0].error_code == 0, answers
        self.member_id, self.generation = answers[0].member_id, answers[0].generation_id
        return answers[0]

    def sync(self, assignments: dict[str, list[int]] | None = None) -> list[int]:
        """The partitions that the leader's assignment gives."""
        synced = self.ask(requests.sync_group(self.generation, self.member_id, assignments or {}))
        assert synced.error_code == 0, synced
        return requests.assigned_partitions(synced.assignment)

    def heartbeat(self) -> int:
        request = HeartbeatRequest(
            group_id=GROUP, generation_id=self.generation, member_id=self.member_id, group_instance_id=self.instance
        )
        return int(self.ask(request).error_code)

    def leave(self, reason: str = CLOSED) -> int:
        identity = MemberIdentity(member_id=self.member_id, group_instance_id=self.instance, reason=reason)
        answer = self.ask(LeaveGroupRequest(group_id=GROUP, members=[identity]))
        return int(answer.error_code or answer.members[0].error_code)

    def commit(self, offsets: dict[int, int]) -> int:
        """Commit; the error code of all partitions."""
        request = requests.offset_commit(self.generation, self.member_id, self.client.topic_id("t"), offsets)
        while True:
            answer = self.ask(request)
            codes = {part.error_code for topic in answer.topics for part in topic.partitions}
            if not codes & NOT_NOW:
                assert len(codes) == 1
                return int(codes.pop())
            self.client.run(0.1)


def coordinator(client: Speaker, group: str = GROUP) -> int:
    """The node that coordinates a group, as a living node says."""
    while True:
        answer = client.ask(client.living()[-1], FindCoordinatorRequest(coordinator_keys=[group]), connection=9)
        found = answer.coordinators[0]
        if found.error_code == 0 and client.cluster.nodes[found.node_id].alive:
            return int(found.node_id)
        client.run(0.1)


def alone(client: Speaker, instance: str | None = None) -> Member:
    """A stable group of one, which has both partitions."""
    member = Member(client, 1, instance)
    member.join()
    assert member.sync({member.member_id: [0, 1]}) == [0, 1]
    return member


def pair(client: Speaker) -> tuple[Member, Member]:
    """A stable group of two, a partition each."""
    first, second = alone(client), Member(client, 2)
    joining = second.join_later()
    client.run(0.2)
    first.join()
    second.joined(joining)
    assert first.generation == second.generation
    assert first.sync({first.member_id: [0], second.member_id: [1]}) == [0]
    assert second.sync() == [1]
    return first, second
