"""No request ends a broker, however long its names and however large its numbers: each is answered in bytes that its
version can carry, or its connection is closed; and those beside it are served.
"""

from __future__ import annotations

import pytest
from broker.requests_at_the_limits import LONGEST, TOPIC, Filling
from broker.seeded_broker import ask, broker_with
from broker.test_connection import Peer

from actors.broker.registry import CLIENT_APIS, NODE_APIS
from actors.cluster import Cluster
from kstore.schema import frames
from kstore.schema.messages.describe_groups import DescribeGroupsRequest
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kstore.schema.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic

LARGEST, LEAST = 1, -1
OTHER = "other"  # than the requests name
FILLINGS = {
    "long strings": Filling(LONGEST),
    "long strings, repeated": Filling(LONGEST, repeats=2),
    "largest numbers": Filling(number=LARGEST),
    "least numbers": Filling(number=LEAST),
    "largest numbers, repeated": Filling(number=LARGEST, repeats=2),
    "repeated": Filling(repeats=3),
}
ALWAYS_FIXED = {"acks": 1, "include_synonyms": True}


@pytest.fixture
def cluster():
    with broker_with(TOPIC, OTHER) as running:
        yield running


def is_served(cluster: Cluster) -> bool:
    partitions = [ListOffsetsPartition(partition_index=0, timestamp=-1)]
    request = ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=OTHER, partitions=partitions)])
    answer = ask(Peer(cluster, 1), request, 1)
    return answer.topics[0].partitions[0].error_code == 0


@pytest.mark.parametrize("key", sorted(CLIENT_APIS))
def test_a_request_whose_fields_stand_at_their_limits_is_answered_or_closes_its_connection(cluster, key):
    served = CLIENT_APIS[key]
    for version in range(served.first, served.last + 1):
        for name, filling in FILLINGS.items():
            peer = Peer(cluster, 1)
            ask(peer, filling.message(frames.request_class(key), version, **ALWAYS_FIXED), version)
            answered = peer.channel.answered or peer.channel.aborted
            assert answered, f"{served.module} {version} with {name} was not answered"
    assert is_served(cluster)


@pytest.mark.parametrize("key", sorted(NODE_APIS))
def test_what_only_nodes_may_ask_closes_a_clients_connection_whatever_it_says(cluster, key):
    served = NODE_APIS[key]
    for version in range(served.first, served.last + 1):
        peer = Peer(cluster, 1)
        assert ask(peer, Filling(LONGEST).message(frames.request_class(key), version), version) is None
    assert is_served(cluster)


def test_a_member_whose_id_would_not_fit_into_an_answer_is_refused_as_by_kafka(cluster):
    request = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=10_000,
        rebalance_timeout_ms=1_000,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"\0\0\0\0\0\0")],
    )
    for version, client_id in ((1, LONGEST), (4, LONGEST), (9, LONGEST[:-36])):
        peer = Peer(cluster, 1, client_id=client_id)
        answer = ask(peer, request, version)
        assert (answer.error_code, answer.member_id, answer.members) == (-1, "", [])
    answer = ask(Peer(cluster, 1, client_id=LONGEST[:-37]), request, 1)
    assert answer.error_code == 0
    assert len(answer.member_id) == 32_767


def test_a_message_that_repeats_a_name_is_cut_where_an_answer_has_no_room_for_it(cluster):
    answer = ask(Peer(cluster, 1), DescribeGroupsRequest(groups=[LONGEST]), 6)
    assert answer.groups[0].error_message.startswith("Group aaa")
    assert answer.groups[0].error_message.endswith("characters more)")


def test_an_answer_that_no_version_can_carry_closes_its_connection_and_no_other(cluster, monkeypatch, caplog):
    monkeypatch.setattr("kstore.errors.base.MESSAGE_LENGTH_MAX", 40_000)
    peer = Peer(cluster, 1)
    assert ask(peer, DescribeGroupsRequest(groups=[LONGEST]), 6) is None
    assert peer.channel.aborted
    assert "can't be encoded" in caplog.text
    assert is_served(cluster)
