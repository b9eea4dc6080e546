"""Incremental fetch sessions (KIP-227) from the consumer's side: what a request names, and when a session ends."""

from __future__ import annotations

from typing import Any

from actors.clients.consumer.fetch_sessions import FetchSessionHandler, Wanted
from actors.clients.structs import TopicPartition
from kstore.errors import FetchSessionIdNotFound
from kstore.errors.arguments import INT_MAX
from kstore.schema.messages.fetch import FetchRequest

A0, A1, B0 = TopicPartition("a", 0), TopicPartition("a", 1), TopicPartition("b", 0)
ID_A, ID_B, ID_NEW = b"a" * 16, b"b" * 16, b"c" * 16


def at(offset: int, topic_id: bytes = ID_A) -> Wanted:
    return Wanted(topic_id, offset, 3, 1000)


def asked(session: FetchSessionHandler, wanted: dict[TopicPartition, Wanted]) -> Any:
    request = FetchRequest()
    session.fill(request, wanted, {**session.told, **wanted})
    named = {(topic.topic, each.partition): each.fetch_offset for topic in request.topics for each in topic.partitions}
    gone = {(topic.topic, number) for topic in request.forgotten_topics_data for number in topic.partitions}
    return request.session_id, request.session_epoch, named, gone


def test_a_session_is_opened_by_naming_everything_and_goes_on_with_what_changed() -> None:
    session = FetchSessionHandler(enabled=True)
    assert asked(session, {A0: at(1), A1: at(2)}) == (0, 0, {("a", 0): 1, ("a", 1): 2}, set())
    session.answered(0, 77)
    assert asked(session, {A0: at(5), A1: at(2)}) == (77, 1, {("a", 0): 5}, set())
    session.answered(0, 77)
    assert asked(session, {A0: at(5), A1: at(2)}) == (77, 2, {}, set())
    session.answered(0, 77)
    assert asked(session, {A0: at(5), B0: at(0, ID_B)}) == (77, 3, {("b", 0): 0}, {("a", 1)})


def test_a_topic_that_was_made_anew_is_forgotten_under_its_old_id() -> None:
    session = FetchSessionHandler(enabled=True)
    asked(session, {A0: at(1)})
    session.answered(0, 77)
    request = FetchRequest()
    session.fill(request, {A0: at(0, ID_NEW)}, [A0])
    assert [(topic.topic_id, topic.partitions) for topic in request.forgotten_topics_data] == [(ID_A, [0])]
    assert [topic.topic_id for topic in request.topics] == [ID_NEW]


def test_an_error_or_a_broker_without_sessions_makes_the_next_request_a_full_one() -> None:
    for error_code, session_id in ((FetchSessionIdNotFound.code, 0), (0, 0)):
        session = FetchSessionHandler(enabled=True)
        asked(session, {A0: at(1)})
        session.answered(0, 77)
        asked(session, {A0: at(2)})
        session.answered(error_code, session_id)
        assert asked(session, {A0: at(2)}) == (0, 0, {("a", 0): 2}, set())


def test_epochs_go_round_past_the_greatest() -> None:
    session = FetchSessionHandler(enabled=True)
    asked(session, {A0: at(1)})
    session.answered(0, 77)
    session.epoch = INT_MAX
    session.answered(0, 77)
    assert session.epoch == 1


def test_without_sessions_everything_is_named_every_time() -> None:
    session = FetchSessionHandler(enabled=False)
    for _ in range(2):
        assert asked(session, {A0: at(1)}) == (0, -1, {("a", 0): 1}, set())
        session.answered(0, 0)
