"""What a client knows of the cluster, put together from answers that may come from brokers that are behind."""

from __future__ import annotations

from actors.clients.view import BrokerAddress, View
from kstore.schema.messages.metadata import (
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)

ID, OTHER_ID = bytes([1] * 16), bytes([2] * 16)


def answer(topic: str = "t", topic_id: bytes = ID, **leaders: tuple[int, int]) -> MetadataResponse:
    """An answer about one topic: ``p0=(leader, epoch)``."""
    partitions = [
        MetadataResponsePartition(partition_index=int(name[1:]), leader_id=leader, leader_epoch=epoch)
        for name, (leader, epoch) in leaders.items()
    ]
    return MetadataResponse(
        brokers=[MetadataResponseBroker(node_id=1, host="h", port=9)],
        controller_id=1,
        topics=[MetadataResponseTopic(name=topic, topic_id=topic_id, partitions=partitions)],
    )


def leader(view: View, topic: str = "t", partition: int = 0) -> tuple[int, int]:
    found = view.partition(topic, partition)
    assert found is not None
    return found.leader, found.leader_epoch


def test_an_answer_says_who_leads_and_where_brokers_are() -> None:
    view = View().updated(answer(p0=(1, 5)), whole=False)
    assert leader(view) == (1, 5)
    assert view.brokers == {1: BrokerAddress(1, "h", 9)}
    assert view.version == 1


def test_an_older_epoch_than_was_seen_is_not_believed() -> None:
    view = View().updated(answer(p0=(1, 5)), whole=False).updated(answer(p0=(2, 4)), whole=False)
    assert leader(view) == (1, 5)
    assert leader(view.updated(answer(p0=(2, 6)), whole=False)) == (2, 6)


def test_a_topic_that_was_made_anew_begins_with_its_own_epochs() -> None:
    view = View().updated(answer(p0=(1, 5)), whole=False).updated(answer(topic_id=OTHER_ID, p0=(2, 0)), whole=False)
    assert leader(view) == (2, 0)


def test_other_topics_are_kept_unless_all_were_asked_for() -> None:
    view = View().updated(answer("a", p0=(1, 0)), whole=False).updated(answer("b", p0=(1, 0)), whole=False)
    assert set(view.topics) == {"a", "b"}
    assert set(view.updated(answer("c", p0=(1, 0)), whole=True).topics) == {"c"}


def test_a_leader_that_an_answer_named_is_taken_only_with_a_newer_epoch() -> None:
    view = View().updated(answer(p0=(1, 5)), whole=False)
    assert leader(view.with_leaders({("t", 0): (3, 6)})) == (3, 6)
    assert view.with_leaders({("t", 0): (3, 5)}) is view
    assert view.with_leaders({("t", 9): (3, 6)}) is view
