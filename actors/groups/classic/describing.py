"""What DescribeGroups tells of a member of a classic group."""

from actors.groups.classic.member import ClassicMember
from kstore.schema.messages.describe_groups import DescribedGroupMember


def describe_member(member: ClassicMember, protocol_name: str | None) -> DescribedGroupMember:
    """With its metadata for the protocol chosen, if one is. Between generations the assignment is the last one, as in
    Kafka.
    """
    return DescribedGroupMember(
        member_id=member.member_id,
        group_instance_id=member.group_instance_id,
        client_id=member.client_id,
        client_host=member.client_host,
        member_metadata=b"" if protocol_name is None else member.metadata(protocol_name),
        member_assignment=member.assignment,
    )
