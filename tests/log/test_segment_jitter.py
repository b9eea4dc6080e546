"""Segments that roll by age do so earlier by a jitter of their own, so that those of many logs don't roll at once."""

from random import Random

import pytest
from log.batching import NOW_MS, append, batch

from kstore.fs import FileSystem
from kstore.log import Log, LogConfig

PATH = "orders-0"


def opened(fs: FileSystem, draws: list[int], *, segment_ms: int = 10_000, jitter_ms: int = 4_000) -> Log:
    """A log whose jitters are these; what they were drawn below is put in their place."""
    jitters = iter(list(draws))
    draws.clear()

    def draw_below(bound: int) -> int:
        draws.append(bound)
        return next(jitters)

    config = LogConfig(segment_ms=segment_ms, segment_jitter_ms=jitter_ms)
    return Log.open(fs, PATH, config, now_ms=NOW_MS, draw_below=draw_below)


@pytest.mark.parametrize("jitter_ms", [0, 1, 3_999])
def test_an_append_rolls_by_as_much_earlier(fs: FileSystem, jitter_ms: int) -> None:
    log = opened(fs, [jitter_ms] + [0] * 9)
    append(log, batch(timestamp=NOW_MS))
    append(log, batch(timestamp=NOW_MS + 10_000 - jitter_ms))
    assert len(log.segments) == 1
    append(log, batch(timestamp=NOW_MS + 10_001 - jitter_ms))
    assert log.segments.base_offsets == [0, 2]


@pytest.mark.parametrize("jitter_ms", [0, 1, 3_999])
def test_time_alone_rolls_by_as_much_earlier(fs: FileSystem, jitter_ms: int) -> None:
    log = opened(fs, [jitter_ms] + [0] * 9)
    append(log, batch(timestamp=NOW_MS))
    log.tick(NOW_MS + 10_000 - jitter_ms)
    assert len(log.segments) == 1
    log.tick(NOW_MS + 10_001 - jitter_ms)
    assert log.segments.base_offsets == [0, 1]


def test_each_segment_draws_its_own_below_the_jitter_or_the_age_if_that_is_less(fs: FileSystem) -> None:
    draws = [5, 7, 11]
    log = opened(fs, draws, segment_ms=3_000)
    assert log.segment_ms == 2_995
    append(log, batch(timestamp=NOW_MS))
    append(log, batch(timestamp=NOW_MS + 2_996))
    assert log.segment_ms == 2_993
    log.truncate_fully_and_start_at(40)
    assert log.segment_ms == 2_989
    assert draws == [3_000, 3_000, 3_000]


def test_without_a_jitter_nothing_is_drawn(fs: FileSystem) -> None:
    draws = [5]
    log = opened(fs, draws, jitter_ms=0)
    append(log, batch(timestamp=NOW_MS))
    log.roll(NOW_MS)
    assert draws == []
    assert log.segment_ms == 10_000


def test_logs_that_began_together_roll_apart(fs: FileSystem, seed: int) -> None:
    random = Random(seed)
    config = LogConfig(segment_ms=10_000, segment_jitter_ms=8_000)
    rolled: set[int] = set()
    for number in range(20):
        log = Log.open(fs, f"orders-{number}", config, now_ms=NOW_MS, draw_below=random.randrange)
        append(log, batch(timestamp=NOW_MS))
        for second in range(11):
            log.tick(NOW_MS + second * 1_000)
            if len(log.segments) > 1:
                rolled.add(second)
                break
    assert len(rolled) > 4
