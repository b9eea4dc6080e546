"""A crash at any operation of the disk leaves a log that has all that was promised, and nothing that never was.

The disk forgets (``kstore/fs/forgetful.py``): at each operation of a workload a power loss is tried, and now and then
the end of the process alone, and power losses in the recovery that follows. ``crashed.py`` says what must hold then.
"""

from __future__ import annotations

import pytest
from log.crash_points import crash_points_of, tried, try_at_least

TRANSACTIONS = ["transact"] * 8
LIFE = [
    *("lead", "append", "append", "roll", "work", *TRANSACTIONS, "roll", "replicate", "checkpoint"),
    *("flush", "roll", "append", "truncate", "append", "lead", "truncate", "append", "roll", "roll", "append"),
    *("delete", "work", "append", "kill and start", *TRANSACTIONS, "expire", "checkpoint", "stop and start"),
    *("append", "tick", "work", "kill and start", "truncate", "append", "empty", "append", "append", "roll", "flush"),
]


def test_a_log_that_has_done_everything_is_sound_after_a_crash_at_every_operation() -> None:
    assert crash_points_of(1, LIFE) > 300


def test_a_log_is_sound_after_a_crash_at_any_operation_of_any_workload(seed: int) -> None:
    try_at_least(1_000, seed, stride=5)
    assert tried.keys() >= {"power loss", "kill", "power loss in recovery"}


def test_a_compacted_log_is_sound_after_a_crash_at_any_operation(seed: int) -> None:
    try_at_least(1_000, seed + 500, stride=5, compacts=True)


@pytest.mark.full
def test_a_log_is_sound_after_a_crash_at_ten_thousand_operations(seed: int) -> None:
    try_at_least(7_000, seed + 1_000)
    try_at_least(3_000, seed + 2_000, compacts=True)
