"""Fetch sessions and one fetch under way, by themselves."""

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from actors.partition.fetch.session_cache import EVICT_AFTER_MS, SessionCache
from actors.partition.fetch.sessions import (
    DUE,
    EPOCH_MAX,
    NOT_SAID,
    PARKED,
    CachedPartition,
    FetchSession,
    PendingFetch,
    next_epoch,
)
from actors.partition.messages import ReadAnswer
from kstore.named import NamedTuple


class Found(NamedTuple):
    size_bytes: int
    next_offset: int


def asked(partition, offset=0, max_bytes=1000, high_watermark=NOT_SAID):
    return SimpleNamespace(
        partition=partition,
        fetch_offset=offset,
        partition_max_bytes=max_bytes,
        current_leader_epoch=-1,
        last_fetched_epoch=-1,
        log_start_offset=-1,
        high_watermark=high_watermark,
    )


def data(size, *, high_watermark=10):
    return ReadAnswer(0, 0, False, high_watermark, high_watermark, 0, Found(size, 5), None)


def nothing(*, high_watermark=10):
    return ReadAnswer(0, 0, True, high_watermark, high_watermark, 0, None, None)


def failure(code=1):
    return ReadAnswer(0, code, False, -1, -1, -1, None, None)


def session_of(*partitions):
    session = FetchSession(7, privileged=False, uses_ids=False, now_ms=0)
    for partition in partitions:
        session.name("t", asked(partition))
    return session


def begin(session, *, names_all=False, min_bytes=1, max_bytes=1000):
    nobody: Any = None  # the context of the request, which isn't answered here
    fetch = PendingFetch(nobody, session, names_all, min_bytes, max_bytes, 500)
    session.fetch = fetch
    for token, cached in enumerate(session.take_due()):
        fetch.ask(cached, token)
    return fetch


def partitions(fetch):
    return list(fetch.partitions.values())


def named(fetch):
    return [cached.partition for cached in fetch.finish()]


def test_a_fetch_is_complete_when_all_were_heard_and_there_are_enough_bytes():
    fetch = begin(session_of(0, 1))
    first, second = partitions(fetch)
    fetch.take(first, data(10))
    assert not fetch.is_complete()
    fetch.take(second, nothing())
    assert fetch.is_complete()
    assert named(fetch) == [0, 1]


def test_a_fetch_that_finds_nothing_waits_and_ends_with_what_fires():
    fetch = begin(session_of(0, 1))
    for cached in partitions(fetch):
        fetch.take(cached, nothing(high_watermark=-1))
    assert not fetch.is_complete()
    fetch.take(partitions(fetch)[1], data(10))
    assert fetch.is_complete()
    assert 1 in named(fetch)


def test_an_error_ends_a_fetch_at_once():
    fetch = begin(session_of(0, 1))
    fetch.take(partitions(fetch)[0], failure())
    fetch.take(partitions(fetch)[1], nothing(high_watermark=-1))
    assert fetch.is_complete()


def test_the_next_fetch_asks_only_what_was_used_or_changed():
    session = session_of(0, 1, 2)
    fetch = begin(session)
    fetch.take(partitions(fetch)[0], data(10))
    fetch.take(partitions(fetch)[1], nothing())
    fetch.take(partitions(fetch)[2], nothing())
    fetch.finish()
    assert [cached.partition for cached in session.due.values()] == [0]
    session.name("t", asked(2, offset=9))
    fetch = begin(session)
    assert [cached.partition for cached in partitions(fetch)] == [0, 2]


def test_an_incremental_answer_names_only_what_has_news():
    session = session_of(0, 1)
    fetch = begin(session, names_all=True)
    for cached in partitions(fetch):
        fetch.take(cached, nothing(high_watermark=4))
    assert named(fetch) == [0, 1]
    for partition in (0, 1):
        session.name("t", asked(partition))
    fetch = begin(session)
    fetch.take(partitions(fetch)[0], nothing(high_watermark=4))
    fetch.take(partitions(fetch)[1], nothing(high_watermark=5))
    assert named(fetch) == [1]


def test_a_high_watermark_is_told_again_to_who_says_that_it_does_not_know_it():
    session = session_of(0)
    for known, expected in ((NOT_SAID, [0]), (NOT_SAID, []), (4, []), (-1, [0]), (3, [0]), (4, [])):
        session.name("t", asked(0, high_watermark=known))
        fetch = begin(session)
        fetch.take(partitions(fetch)[0], nothing(high_watermark=4))
        assert named(fetch) == expected


def test_an_error_is_told_again_and_the_offsets_after_it():
    session = session_of(0)
    for answer in (nothing(high_watermark=4), failure(), failure(), nothing(high_watermark=4)):
        session.name("t", asked(0))
        fetch = begin(session)
        fetch.take(partitions(fetch)[0], answer)
        assert named(fetch) == [0]


def test_what_does_not_fit_is_left_over_and_comes_first_next_time():
    session = session_of(0, 1, 2)
    fetch = begin(session, max_bytes=100)
    for cached, size in zip(partitions(fetch), (90, 90, 10), strict=True):
        fetch.take(cached, data(size))
    assert named(fetch) == [0, 2]
    assert [cached.partition for cached in session.take_due()] == [1, 0, 2]


def test_the_first_records_are_given_whatever_their_size():
    fetch = begin(session_of(0, 1), max_bytes=10)
    fetch.take(partitions(fetch)[0], data(50))
    fetch.take(partitions(fetch)[1], data(5))
    assert named(fetch) == [0]


def test_a_full_answer_names_what_did_not_fit_without_records():
    fetch = begin(session_of(0, 1), names_all=True, max_bytes=10)
    for cached in partitions(fetch):
        fetch.take(cached, data(9))
    answers = fetch.finish()
    assert [cached.answer.read is None for cached in answers] == [False, True]


def test_too_few_bytes_are_kept_while_more_is_asked_for():
    session = session_of(0)
    fetch = begin(session, min_bytes=100)
    cached = partitions(fetch)[0]
    fetch.take(cached, data(40))
    assert not fetch.is_complete()
    assert fetch.too_little() == [cached]
    fetch.ask(cached, 8)
    fetch.take(cached, nothing())
    assert not fetch.is_complete()
    assert cached.answer.read.size_bytes == 40
    fetch.take(cached, data(120))
    assert fetch.is_complete()
    assert fetch.bytes_found == 120


def test_a_fetch_whose_time_is_over_gives_the_little_there_is():
    session = session_of(0)
    fetch = begin(session, min_bytes=100)
    cached = partitions(fetch)[0]
    fetch.take(cached, data(40))
    fetch.ask(cached, 8)
    fetch.take(cached, nothing())
    assert named(fetch) == [0]
    assert cached.state == DUE
    assert list(session.due) == [("t", 0)]


def test_a_replica_that_never_answered_is_asked_by_the_next_fetch():
    session = session_of(0, 1)
    fetch = begin(session)
    fetch.take(partitions(fetch)[1], nothing())
    assert named(fetch) == [1]
    assert list(session.due) == [("t", 0)]
    assert session.partitions["t", 1].state == PARKED


def test_a_forgotten_partition_is_not_asked():
    session = session_of(0, 1)
    cached = session.forget("t", 0)
    assert isinstance(cached, CachedPartition)
    assert session.forget("t", 0) is None
    assert list(session.due) == [("t", 1)]


def test_epochs_go_round():
    assert next_epoch(1) == 2
    assert next_epoch(EPOCH_MAX) == 1


def cache_of(slots_max):
    ids = count(1)
    return SessionCache(slots_max, lambda: next(ids))


def open_session(cache, *, privileged=False, partitions=1, now_ms=0):
    allowed, evicted = cache.make_room(privileged=privileged, partitions=partitions, now_ms=now_ms)
    if evicted is not None:
        cache.remove(evicted)
    if not allowed:
        return None
    session = cache.open(privileged=privileged, uses_ids=True, now_ms=now_ms)
    for partition in range(partitions):
        session.name("t", asked(partition))
    return session


def test_a_full_cache_refuses_a_newcomer_of_equal_worth():
    cache = cache_of(1)
    assert open_session(cache) is not None
    assert open_session(cache, now_ms=EVICT_AFTER_MS) is None


def test_a_stale_session_goes_first():
    cache = cache_of(2)
    stale, live = open_session(cache), open_session(cache)
    live.used_ms = EVICT_AFTER_MS
    assert open_session(cache, now_ms=EVICT_AFTER_MS + 1) is not None
    assert cache.get(stale.id) is None
    assert cache.get(live.id) is live


@pytest.mark.parametrize("privileged", [False, True])
def test_the_young_are_spared_but_for_a_follower(privileged):
    cache = cache_of(1)
    open_session(cache)
    newcomer = open_session(cache, privileged=privileged, partitions=9, now_ms=10)
    assert (newcomer is not None) == privileged


def test_a_larger_session_takes_the_place_of_an_old_smaller_one_that_is_still_used():
    cache = cache_of(1)
    old = open_session(cache)
    old.used_ms = EVICT_AFTER_MS + 1
    assert open_session(cache, partitions=2, now_ms=EVICT_AFTER_MS + 1) is not None


def test_no_sessions_are_kept_when_none_are_allowed():
    assert open_session(cache_of(0)) is None
