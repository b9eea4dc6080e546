"""Members of a consumer group, request by request, that give their reasons as Apache Kafka's own clients do."""

from __future__ import annotations

from typing import Any

from cluster import group_requests as requests
from cluster.speaking import Speaker

from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest, MemberIdentity

GROUP = requests.GROUP
PATIENCE_S = 120
NOT_NOW = {14, 15, 16}  # the coordinator loads, isn't there, or is elsewhere
MEMBER_ID_REQUIRED = 79
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

    def join(self, reason: str = "") -> None:
        """Join, with the id that the first answer gives."""
        joined = self.ask(self.join_request(reason), JOIN_VERSION)
        if joined.error_code == MEMBER_ID_REQUIRED:
            self.member_id = joined.member_id
            return self.join(reason)
        assert joined.error_code == 0, joined
        self.member_id, self.generation = joined.member_id, joined.generation_id
        return None

    def join_later(self, reason: str = "") -> list[Any]:
        """Ask to join, with an id; the answer will be in the list."""
        if not self.member_id and self.instance is None:
            answer = self.ask(self.join_request(reason), JOIN_VERSION)
            self.member_id = answer.member_id
        node = coordinator(self.client)
        return self.client.send(node, self.join_request(reason), version=JOIN_VERSION, connection=self.connection)

    def joined(self, answers: list[Any]) -> None:
        """Wait for the answer to ``join_later``."""
        self.client.cluster.wait_for(lambda: answers, PATIENCE_S)
        assert answers[0].error_code == 0, answers
        self.member_id, self.generation = answers[0].member_id, answers[0].generation_id

    def sync(self, shares: dict[str, list[int]] | None = None) -> None:
        synced = self.ask(requests.sync_group(self.generation, self.member_id, shares or {}))
        assert synced.error_code == 0, synced

    def heartbeat(self) -> int:
        request = HeartbeatRequest(
            group_id=GROUP, generation_id=self.generation, member_id=self.member_id, group_instance_id=self.instance
        )
        return int(self.ask(request).error_code)

    def leave(self, reason: str = CLOSED) -> None:
        identity = MemberIdentity(member_id=self.member_id, group_instance_id=self.instance, reason=reason)
        answer = self.ask(LeaveGroupRequest(group_id=GROUP, members=[identity]))
        assert (answer.error_code, answer.members[0].error_code) == (0, 0)

    def commit(self, offsets: dict[int, int]) -> None:
        request = requests.offset_commit(self.generation, self.member_id, self.client.topic_id("t"), offsets)
        answer = self.ask(request)
        assert {part.error_code for topic in answer.topics for part in topic.partitions} == {0}, answer


def coordinator(client: Speaker, group: str = GROUP) -> int:
    """The node that coordinates a group, as a living node says."""
    while True:
        answer = client.ask(client.living()[-1], FindCoordinatorRequest(coordinator_keys=[group]), connection=9)
        found = answer.coordinators[0]
        if found.error_code == 0 and client.cluster.nodes[found.node_id].alive:
            return int(found.node_id)
        client.run(0.1)


def alone(client: Speaker, instance: str | None = None) -> Member:
    """A stable group of one."""
    member = Member(client, 1, instance)
    member.join()
    member.sync({member.member_id: [0, 1]})
    return member


def pair(client: Speaker) -> tuple[Member, Member]:
    """A stable group of two, a partition each."""
    first, second = alone(client), Member(client, 2)
    joining = second.join_later()
    client.run(0.2)
    first.join()
    second.joined(joining)
    first.sync({first.member_id: [0], second.member_id: [1]})
    second.sync()
    return first, second
