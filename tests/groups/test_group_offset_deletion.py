"""OffsetDelete: whose offsets may go, when that is answered, and that they stay away."""

import pytest
from groups.driving import Driven
from groups.requests_of_groups import delete_offsets

from kstore import errors
from kstore.errors import KafkaError
from kstore.schema import encode
from kstore.schema.messages.consumer_protocol import ConsumerProtocolSubscription
from kstore.schema.messages.offset_delete import OffsetDeleteResponse


def reading(*topics: str) -> tuple[tuple[str, bytes], ...]:
    return (("range", b"\x00\x00" + encode(ConsumerProtocolSubscription(topics=list(topics)), 0)),)


def send_delete(driven: Driven, *partitions: int, topic: str = "t", group: str = "g", reply: str = "delete") -> None:
    request = delete_offsets(group, *partitions, topics=(topic,))
    driven.ask(request, reply, 0)


def codes(driven: Driven, reply: str = "delete") -> int | dict[int, int]:
    """The error of the whole request, or of each partition."""
    response = driven.answer(reply)
    if isinstance(response, KafkaError):
        return response.code
    assert isinstance(response, OffsetDeleteResponse)
    return {part.partition_index: part.error_code for topic in response.topics for part in topic.partitions}


def test_what_is_deleted_is_answered_once_it_is_gone_for_good() -> None:
    driven = Driven()
    driven.send_commit("commit", {("t", 0): 5, ("t", 1): 6})
    driven.is_held = True
    send_delete(driven, 0, 2)
    assert driven.is_parked("delete")
    assert driven.fetch("t", (0,)) == {("t", 0): 5}
    driven.commit()
    assert codes(driven) == {0: 0, 2: 0}
    assert driven.fetch() == {("t", 1): 6}
    assert Driven(log=driven.log).fetch() == {("t", 1): 6}


def test_nothing_is_written_where_there_is_nothing_to_delete() -> None:
    driven = Driven()
    driven.send_commit("commit", {("t", 0): 5})
    before = list(driven.log)
    send_delete(driven, 1, 2)
    assert codes(driven) == {1: 0, 2: 0}
    assert driven.log == before


def test_a_commit_under_way_is_deleted_too() -> None:
    driven = Driven()
    driven.send_commit("first", {("t", 1): 5})
    driven.is_held = True
    driven.send_commit("second", {("t", 0): 5})
    send_delete(driven, 0)
    driven.commit()
    driven.commit()
    assert codes(driven) == {0: 0}
    assert driven.fetch() == {("t", 1): 5}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NotLeaderOrFollower(), errors.NotCoordinator.code),
        (errors.NotEnoughReplicas(), errors.CoordinatorNotAvailable.code),
    ],
)
def test_a_deletion_that_cannot_be_stored_changes_nothing(error: errors.KafkaError, code: int) -> None:
    driven = Driven()
    driven.send_commit("commit", {("t", 0): 5})
    driven.is_held = True
    send_delete(driven, 0)
    driven.refuse(error)
    assert codes(driven) == code
    assert driven.fetch() == {("t", 0): 5}


def test_a_deletion_that_takes_too_long_is_answered_and_still_done() -> None:
    driven = Driven()
    driven.send_commit("commit", {("t", 0): 5})
    driven.is_held = True
    send_delete(driven, 0)
    driven.overdue()
    assert codes(driven) == errors.CoordinatorNotAvailable.code
    driven.commit()
    assert driven.fetch() == {}


def test_members_keep_the_offsets_of_what_they_read() -> None:
    driven = Driven()
    driven.send_commit("commit", {("t", 0): 5, ("u", 0): 6})
    member_id = driven.member(protocols=reading("t"))
    driven.send_join("join", member_id, protocols=reading("t"))
    driven.pass_ms(0)
    driven.send_sync("sync", member_id, 1, {member_id: b""})
    send_delete(driven, 0)
    assert codes(driven) == {0: errors.GroupSubscribedToTopic.code}
    send_delete(driven, 0, topic="u")
    assert codes(driven) == {0: 0}
    assert driven.fetch() == {("t", 0): 5}


@pytest.mark.parametrize(("group", "code"), [("none", errors.GroupIdNotFound.code), ("", errors.InvalidGroupId.code)])
def test_a_group_that_is_not_there_says_so(group: str, code: int) -> None:
    driven = Driven()
    send_delete(driven, 0, group=group)
    assert codes(driven) == code
