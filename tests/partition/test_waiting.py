"""What waits at a replica, by itself."""

from typing import Any

from actors.partition.leader.waiting import HIGH_WATERMARK, LOG_END, WaitingAppend, WaitingAppends, WaitingReads
from kstore.named import NamedTuple


class Watch(NamedTuple):
    token: int
    beyond: int


def test_appends_are_done_when_the_high_watermark_has_passed_them():
    waiting = WaitingAppends()
    for required in (3, 5, 9):
        waiting.add(WaitingAppend(required, 100, None, required))
    assert [done.reply for done in waiting.pass_to(2)] == []
    assert [done.reply for done in waiting.pass_to(5)] == [3, 5]
    assert len(waiting) == 1


def test_the_answer_of_a_duplicate_does_not_wait_for_later_appends():
    waiting = WaitingAppends()
    for required in (3, 9, 5, 3):
        waiting.add(WaitingAppend(required, 100, None, required))
    assert [done.required for done in waiting.pass_to(5)] == [3, 3, 5]


def test_appends_expire_by_their_own_deadline():
    waiting = WaitingAppends()
    for required, deadline in ((3, 50), (5, 20), (9, 90)):
        waiting.add(WaitingAppend(required, deadline, None, required))
    assert waiting.next_deadline_ms() == 20
    assert [late.reply for late in waiting.expire(50)] == [3, 5]
    assert waiting.next_deadline_ms() == 90
    assert [left.reply for left in waiting.take_all()] == [9]
    assert waiting.next_deadline_ms() is None


def test_a_watch_fires_once_and_only_beyond_what_its_reader_has_seen():
    reads: WaitingReads[Any] = WaitingReads()
    reads.add(LOG_END, Watch(1, 5))
    reads.add(HIGH_WATERMARK, Watch(2, 5))
    assert reads.take_readable(LOG_END, 5) == []
    assert reads.take_readable(LOG_END, 6) == [Watch(1, 5)]
    assert reads.take_readable(LOG_END, 7) == []
    assert reads.take_readable(HIGH_WATERMARK, 9) == [Watch(2, 5)]


def test_a_watch_that_was_called_off_does_not_fire():
    reads: WaitingReads[Any] = WaitingReads()
    reads.add(LOG_END, Watch(1, 5))
    reads.add(LOG_END, Watch(2, 5))
    reads.remove(1)
    reads.remove(1)
    assert reads.take_readable(LOG_END, 9) == [Watch(2, 5)]
    assert len(reads) == 0
