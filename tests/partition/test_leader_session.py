"""The follower's side of fetch sessions, by itself."""

from actors.partition.follower.leader_session import FIRST_BACKOFF_MS, Followed, LeaderSession
from kstore.schema.messages.fetch import (
    EpochEndOffset,
    FetchableTopicResponse,
    FetchResponse,
    PartitionData,
)

TOPIC_ID = bytes(range(16))


def session_with(*partitions, min_bytes=1):
    session = LeaderSession(
        node=2,
        broker_epoch=12,
        max_wait_ms=500,
        idle_wait_ms=3_000,
        min_bytes=min_bytes,
        max_bytes=10_000,
        partition_max_bytes=1_000,
        backoff_max_ms=1_000,
    )
    for partition in partitions:
        session.follow(followed(partition))
    return session


def followed(partition, *, offset=0, leader_epoch=1):
    return Followed(
        None,
        "t",
        TOPIC_ID,
        partition,
        leader_epoch=leader_epoch,
        offset=offset,
        last_epoch=-1,
        log_start_offset=0,
    )


def send(session):
    full = session.session_epoch == 0
    request = session.request()
    session.sent()
    return request, full


def answer(*partitions, session_id=9, error_code=0):
    topics = [FetchableTopicResponse(topic_id=TOPIC_ID, partitions=list(partitions))] if partitions else []
    return FetchResponse(error_code=error_code, session_id=session_id, responses=topics)


def data(partition, records=b"x", *, high_watermark=0, error_code=0, **more):
    return PartitionData(
        partition_index=partition,
        records=records,
        high_watermark=high_watermark,
        log_start_offset=0,
        error_code=error_code,
        **more,
    )


def established(*partitions):
    session = session_with(*partitions)
    _, full = send(session)
    session.answered(answer(*(data(p, b"") for p in partitions)), full=full)
    for p in partitions:
        one = session.followed["t", p]
        session.took(one, offset=0, last_epoch=-1, log_start_offset=0)
    return session


def indexes(request):
    return [p.partition for topic in request.topics for p in topic.partitions]


def forgotten(request):
    return [p for topic in request.forgotten_topics_data for p in topic.partitions]


def test_the_first_fetch_names_everything_and_does_not_wait():
    request, full = send(session_with(0, 1))
    assert full
    assert (request.session_id, request.session_epoch, request.max_wait_ms) == (0, 0, 0)
    assert indexes(request) == [0, 1]
    assert (request.replica_state.replica_id, request.replica_state.replica_epoch) == (2, 12)


def test_a_fetch_in_a_session_names_only_what_has_changed():
    session = established(0, 1)
    outcome = session.answered(answer(data(1)), full=False)
    assert [one.key for one, _ in outcome.taken] == [("t", 1)]
    assert not session.may_send
    session.took(outcome.taken[0][0], offset=5, last_epoch=1, log_start_offset=0)
    request, _ = send(session)
    assert indexes(request) == [1]
    assert (request.session_id, request.session_epoch, request.max_wait_ms) == (9, 1, 500)
    assert request.topics[0].partitions[0].fetch_offset == 5
    assert send(session)[0].topics == []
    assert session.session_epoch == 3


def test_only_records_divergence_and_moved_offsets_are_brought():
    session = established(0)
    assert session.answered(answer(data(0, b"")), full=False).taken == []
    assert len(session.answered(answer(data(0, b"", high_watermark=3)), full=False).taken) == 1
    session.took(session.followed["t", 0], offset=0, last_epoch=-1, log_start_offset=0)
    diverging = data(0, b"", high_watermark=3, diverging_epoch=EpochEndOffset(epoch=1, end_offset=2))
    assert len(session.answered(answer(diverging), full=False).taken) == 1


def test_an_answer_that_crosses_with_a_change_is_dropped():
    session = established(0)
    session.follow(followed(0, offset=7, leader_epoch=2))
    assert session.answered(answer(data(0)), full=False).taken == []
    request, _ = send(session)
    assert indexes(request) == [0]
    assert forgotten(request) == []


def test_records_that_come_twice_are_taken_once():
    session = established(0)
    first = session.answered(answer(data(0)), full=False)
    session.took(first.taken[0][0], offset=5, last_epoch=1, log_start_offset=0)
    assert session.answered(answer(data(0)), full=False).taken == []


def test_a_late_answer_to_a_superseded_fetch_says_nothing_of_what_changed_since():
    session = established(0)
    session.follow(followed(0, offset=7, leader_epoch=2))
    send(session)
    superseded = session.requests
    diverging = data(0, b"", diverging_epoch=EpochEndOffset(epoch=1, end_offset=2))
    (taken,) = session.answered(answer(diverging), full=False, request=superseded).taken
    session.took(taken[0], offset=2, last_epoch=1, log_start_offset=0)
    send(session)
    assert session.answered(answer(diverging), full=False, request=superseded).taken == []
    assert len(session.answered(answer(data(0)), full=False, request=session.requests).taken) == 1


def test_a_high_watermark_that_was_not_taken_is_not_claimed():
    session = established(0)
    session.answered(answer(data(0, b"", high_watermark=3)), full=False)
    session.took(session.followed["t", 0], offset=0, last_epoch=-1, log_start_offset=1)
    assert send(session)[0].topics[0].partitions[0].high_watermark == 3
    diverging = data(0, b"", high_watermark=5, diverging_epoch=EpochEndOffset(epoch=1, end_offset=2))
    session.answered(answer(diverging), full=False)
    session.took(session.followed["t", 0], offset=2, last_epoch=1, log_start_offset=1)
    assert send(session)[0].topics[0].partitions[0].high_watermark == -1


def test_a_partition_in_error_leaves_the_session_and_comes_back():
    session = established(0, 1)
    outcome = session.answered(answer(data(0, error_code=6)), full=False)
    assert [(one.key, code) for one, code in outcome.failed] == [(("t", 0), 6)]
    assert session.hold(outcome.failed[0][0], 100) == FIRST_BACKOFF_MS
    request, _ = send(session)
    assert (indexes(request), forgotten(request)) == ([], [0])
    assert session.release(100) == 100 + FIRST_BACKOFF_MS
    assert session.release(100 + FIRST_BACKOFF_MS) is None
    assert indexes(send(session)[0]) == [0]


def test_errors_hold_back_longer_each_time_up_to_the_limit():
    session = session_with(0)
    one = session.followed["t", 0]
    assert [session.hold(one, 0) for _ in range(9)] == [10, 20, 40, 80, 160, 320, 640, 1000, 1000]
    assert not session.may_send


def test_an_unfollowed_partition_is_forgotten_at_the_leader():
    session = established(0, 1)
    session.unfollow("t", 1)
    session.unfollow("t", 1)
    request, _ = send(session)
    assert forgotten(request) == [1]
    assert session.in_session == 1


def test_a_busy_partition_that_is_unfollowed_does_not_hold_up_the_others():
    session = established(0, 1)
    session.answered(answer(data(0)), full=False)
    assert not session.may_send
    session.unfollow("t", 0)
    assert session.may_send


def test_a_lost_session_starts_over_with_everything():
    session = established(0, 1)
    assert session.answered(answer(error_code=70, session_id=0), full=False) is None
    request, full = send(session)
    assert full
    assert request.session_id == 0
    assert indexes(request) == [0, 1]


def test_a_session_out_of_step_is_closed_by_the_one_that_replaces_it():
    session = established(0)
    assert session.answered(answer(error_code=71), full=False) is None
    request, _ = send(session)
    assert (request.session_id, request.session_epoch) == (9, 0)


def test_a_leader_that_keeps_no_sessions_is_told_everything_each_time_and_may_wait():
    session = session_with(0, 1)
    _, full = send(session)
    session.answered(answer(data(0, b""), data(1, b""), session_id=0), full=full)
    for one in list(session.followed.values()):
        session.took(one, offset=0, last_epoch=-1, log_start_offset=0)
    request, full = send(session)
    assert full
    assert indexes(request) == [0, 1]
    assert request.max_wait_ms == 500


def test_a_parked_fetch_is_superseded_only_for_partitions_it_does_not_know():
    session = established(0)
    send(session)
    assert not session.may_supersede
    session.follow(followed(1))
    assert session.may_supersede
    assert indexes(send(session)[0]) == [1]
    assert not session.may_supersede


def test_a_fetch_that_opens_a_session_is_not_superseded_even_if_it_ends_another():
    session = established(0)
    session.answered(answer(error_code=71), full=False)
    assert session.session_id == 9
    send(session)
    session.follow(followed(1))
    assert not session.may_supersede
    session.answered(answer(data(0, b""), session_id=10), full=True)
    session.took(session.followed["t", 0], offset=0, last_epoch=-1, log_start_offset=0)
    assert session.may_supersede
    assert indexes(send(session)[0]) == [1]


def test_a_fetch_that_brought_nothing_is_followed_by_one_that_waits_longer():
    session = session_with(0)
    waits = []
    for answered in [answer(data(0))] + [answer()] * 4:
        request, full = send(session)
        waits.append(request.max_wait_ms)
        for partition, _ in session.answered(answered, full=full).taken:
            session.took(partition, offset=1, last_epoch=1, log_start_offset=0)
    assert waits == [0, 500, 1_000, 2_000, 3_000]
    assert send(session)[0].max_wait_ms == 3_000
    session.answered(answer(data(0)), full=False)
    assert send(session)[0].max_wait_ms == 500


def test_a_fetch_that_waits_for_several_bytes_never_waits_longer():
    session = session_with(0, min_bytes=2)
    for _ in range(4):
        request, full = send(session)
        session.answered(answer(), full=full)
    assert request.max_wait_ms == 500
