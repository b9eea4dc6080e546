"""How a consumer is a member of its group, by the two protocols that ``group_protocol`` names."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from actors.clients.consumer.protocols.classic.member import GroupMember as Classic
    from actors.clients.consumer.protocols.consumer.member import GroupMember as OfConsumerProtocol

GroupMember: TypeAlias = "Classic | OfConsumerProtocol"
