"""The in-sync set by itself: progress, shrinking, growing, and what is committed meanwhile."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.partition.leader.in_sync import NOT_ELIGIBLE, InSyncSet
from kstore.errors import NotLeaderOrFollower

LAG_MAX_MS = 30_000
ALIVE = {1: 11, 2: 12, 3: 13}


def make(
    isr=(1, 2, 3),
    *,
    replicas=(1, 2, 3),
    min_in_sync=1,
    epoch_start=0,
    alive=ALIVE,
    now_ms=0,
    partition_epoch=5,
):
    return InSyncSet(
        1,
        leader_epoch=3,
        partition_epoch=partition_epoch,
        epoch_start_offset=epoch_start,
        replicas=replicas,
        isr=isr,
        min_in_sync=min_in_sync,
        lag_max_ms=LAG_MAX_MS,
        now_ms=now_ms,
        broker_epoch_of=lambda node: alive.get(node, NOT_ELIGIBLE),
    )


def fetch(in_sync, node, offset, leader_end, now_ms=0, broker_epoch=None):
    epoch = ALIVE[node] if broker_epoch is None else broker_epoch
    return in_sync.fetched(node, offset, 0, leader_end, now_ms, epoch)


def test_a_sole_replica_commits_what_it_appends():
    assert make(isr=(1,), replicas=(1,)).high_watermark(7, 0) == 7


def test_nothing_is_committed_until_every_in_sync_follower_has_fetched():
    in_sync = make()
    assert in_sync.high_watermark(10, 0) == -1
    fetch(in_sync, 2, 10, 10)
    assert in_sync.high_watermark(10, 0) == -1
    fetch(in_sync, 3, 8, 10)
    assert in_sync.high_watermark(10, 0) == 8


def test_a_follower_outside_the_set_that_is_caught_up_is_waited_for():
    in_sync = make(isr=(1, 2))
    fetch(in_sync, 2, 10, 10, now_ms=100)
    fetch(in_sync, 3, 9, 9, now_ms=100)
    assert in_sync.high_watermark(10, 100) == 9
    assert in_sync.high_watermark(10, 101 + LAG_MAX_MS) == 10


def test_a_follower_outside_the_set_that_may_not_join_is_not_waited_for():
    in_sync = make(isr=(1, 2), alive={1: 11, 2: 12})
    fetch(in_sync, 2, 10, 10)
    in_sync.fetched(3, 9, 0, 9, 0, 13)
    assert in_sync.high_watermark(10, 0) == 10


def test_nothing_is_committed_while_the_set_is_smaller_than_min_in_sync():
    in_sync = make(isr=(1,), min_in_sync=2)
    assert in_sync.is_short
    assert in_sync.high_watermark(10, 10**9) == -1


def test_min_in_sync_beyond_the_number_of_replicas_means_all_of_them():
    assert make(isr=(1,), replicas=(1,), min_in_sync=2).high_watermark(4, 0) == 4
    assert make(isr=(1, 2), replicas=(1, 2), min_in_sync=3).needed == 2


def test_a_follower_that_lags_too_long_leaves():
    in_sync = make()
    fetch(in_sync, 2, 10, 10)
    fetch(in_sync, 3, 5, 10)
    in_sync.appended(10, LAG_MAX_MS - 1)
    assert in_sync.shrink(12, LAG_MAX_MS) is None
    proposal = in_sync.shrink(12, LAG_MAX_MS + 1)
    assert proposal is not None
    assert (proposal.isr, proposal.leaving, proposal.epochs) == ((1, 2), (3,), (11, 12))
    assert (proposal.leader_epoch, proposal.partition_epoch) == (3, 5)


def test_an_idle_follower_at_the_end_of_the_log_never_lags():
    in_sync = make(isr=(1, 2), replicas=(1, 2))
    fetch(in_sync, 2, 10, 10)
    assert in_sync.shrink(10, 10**9) is None
    in_sync.appended(10, 10**9)
    assert in_sync.shrink(11, 10**9 + LAG_MAX_MS) is None
    assert in_sync.shrink(11, 10**9 + LAG_MAX_MS + 1) is not None


def test_a_follower_that_always_reaches_an_earlier_end_is_caught_up():
    in_sync = make(isr=(1, 2), replicas=(1, 2))
    fetch(in_sync, 2, 0, 10, now_ms=1_000)
    fetch(in_sync, 2, 10, 20, now_ms=20_000)
    fetch(in_sync, 2, 20, 30, now_ms=40_000)
    assert in_sync.followers[2].caught_up_ms == 20_000
    assert in_sync.shrink(30, 50_000) is None


def test_the_leaving_follower_holds_the_high_watermark_until_the_controller_agrees():
    in_sync = make()
    fetch(in_sync, 2, 12, 12)
    fetch(in_sync, 3, 5, 10)
    late = LAG_MAX_MS + 1
    in_sync.appended(12, late)
    proposal = in_sync.shrink(12, late)
    assert in_sync.high_watermark(12, late) == 5
    assert in_sync.accepted(proposal, (1, 2), 3, 6)
    assert in_sync.high_watermark(12, late) == 12
    assert in_sync.partition_epoch == 6


def test_a_follower_joins_at_the_high_watermark_and_the_start_of_the_epoch():
    in_sync = make(isr=(1, 2), epoch_start=8)
    assert in_sync.grow(fetch(in_sync, 3, 6, 10), 6) is None
    assert in_sync.grow(fetch(in_sync, 3, 8, 10), 9) is None
    proposal = in_sync.grow(fetch(in_sync, 3, 9, 10), 9)
    assert proposal is not None
    assert (proposal.isr, proposal.joining, proposal.epochs) == ((1, 2, 3), 3, (11, -1, 13))


def test_who_has_left_for_lagging_does_not_come_back_without_a_fetch():
    in_sync = make(isr=(1, 2))
    fetch(in_sync, 2, 6, 10)
    fetch(in_sync, 3, 5, 10)
    late = LAG_MAX_MS + 1
    assert in_sync.grow_any(10, 5, late) is None
    fetch(in_sync, 3, 10, 10, now_ms=late)
    assert in_sync.grow_any(10, 5, late).joining == 3


def test_the_joining_follower_holds_the_high_watermark_at_once():
    in_sync = make(isr=(1,))
    assert in_sync.grow(fetch(in_sync, 3, 9, 10), 9) is not None
    assert in_sync.maximal == (1, 3)
    assert in_sync.committed == (1,)
    assert in_sync.high_watermark(20, 10**9) == 9


def test_one_change_at_a_time():
    in_sync = make(isr=(1,))
    assert in_sync.grow(fetch(in_sync, 3, 9, 10), 9) is not None
    assert in_sync.grow(fetch(in_sync, 2, 9, 10), 9) is None
    assert in_sync.shrink(10, 10**9) is None


def test_a_refused_change_leaves_the_committed_set():
    in_sync = make(isr=(1,))
    proposal = in_sync.grow(fetch(in_sync, 3, 9, 10), 9)
    assert in_sync.refused(proposal)
    assert in_sync.maximal == (1,)
    assert not in_sync.refused(proposal)


def test_a_fenced_or_other_incarnation_of_a_broker_does_not_join():
    in_sync = make(isr=(1, 2), alive={1: 11, 2: 12})
    assert in_sync.grow(in_sync.fetched(3, 10, 0, 10, 0, 13), 9) is None
    in_sync = make(isr=(1, 2))
    assert in_sync.grow(fetch(in_sync, 3, 10, 10, broker_epoch=14), 9) is None
    assert in_sync.grow(fetch(in_sync, 3, 10, 10, broker_epoch=-1), 9) is not None


def test_a_fetch_of_a_stale_incarnation_is_refused_and_changes_nothing():
    in_sync = make()
    with pytest.raises(NotLeaderOrFollower):
        fetch(in_sync, 2, 10, 10, broker_epoch=11)
    assert in_sync.followers[2].end_offset == -1


def test_metadata_settles_a_pending_change_and_the_late_answer_is_old_news():
    in_sync = make(isr=(1, 2))
    proposal = in_sync.grow(fetch(in_sync, 3, 10, 10), 9)
    assert in_sync.confirmed((1, 2, 3), (1, 2, 3), 6, 0)
    assert in_sync.pending is None
    assert not in_sync.accepted(proposal, (1, 2, 3), 3, 6)
    assert in_sync.committed == (1, 2, 3)


def test_old_metadata_does_not_undo_the_answer():
    in_sync = make(isr=(1, 2))
    proposal = in_sync.grow(fetch(in_sync, 3, 10, 10), 9)
    assert in_sync.accepted(proposal, (1, 2, 3), 3, 6)
    assert not in_sync.confirmed((1, 2, 3), (1, 2), 5, 0)
    assert in_sync.committed == (1, 2, 3)


def test_metadata_of_the_same_partition_epoch_leaves_a_pending_change_under_way():
    in_sync = make(isr=(1, 2))
    in_sync.grow(fetch(in_sync, 3, 10, 10), 9)
    assert not in_sync.confirmed((1, 2, 3), (1, 2), 5, 0)
    assert in_sync.maximal == (1, 2, 3)


def test_an_answer_of_another_leader_epoch_is_ignored():
    in_sync = make(isr=(1, 2))
    proposal = in_sync.grow(fetch(in_sync, 3, 10, 10), 9)
    assert not in_sync.accepted(proposal, (1, 2, 3), 4, 6)


def test_progress_is_kept_when_metadata_changes_the_replicas():
    in_sync = make()
    fetch(in_sync, 2, 10, 10)
    assert in_sync.confirmed((1, 2, 4), (1, 2), 6, 0)
    assert in_sync.followers[2].end_offset == 10
    assert list(in_sync.followers) == [2, 4]


events = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 3)),
        st.tuples(st.just("fetch"), st.integers(2, 3)),
        st.tuples(st.just("wait"), st.integers(1, 2 * LAG_MAX_MS)),
        st.tuples(st.just("decide"), st.booleans()),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(events, st.integers(1, 3))
def test_whatever_is_committed_is_on_every_member_of_the_committed_set(happenings, min_in_sync):
    in_sync = make(min_in_sync=min_in_sync)
    now_ms, end, high_watermark, proposal = 0, 0, 0, None
    held = {1: 0, 2: 0, 3: 0}
    for kind, value in happenings:
        if kind == "append":
            in_sync.appended(end, now_ms)
            end += value
            held[1] = end
        elif kind == "fetch":
            follower = fetch(in_sync, value, held[value], end, now_ms)
            proposal = in_sync.grow(follower, high_watermark) or proposal
            held[value] = end
        elif kind == "wait":
            now_ms += value
            proposal = in_sync.shrink(end, now_ms) or proposal
        elif proposal is not None:
            if value:
                in_sync.accepted(proposal, proposal.isr, 3, in_sync.partition_epoch + 1)
            else:
                in_sync.refused(proposal)
            proposal = None
        high_watermark = max(high_watermark, in_sync.high_watermark(end, now_ms))
        assert all(held[node] >= high_watermark for node in in_sync.maximal)
        assert set(in_sync.committed) <= set(in_sync.maximal)
        assert in_sync.node in in_sync.committed
