"""Seeds of produce, consume and group traffic under faults, and known bugs that they must not let pass."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
from simulation import group_mutations, mutations, storage_mutations, transaction_mutations

from actors.simulation.campaign import PROBES, Campaign, main
from actors.simulation.run import play
from actors.simulation.seed_outcome import SeedOutcome

pytestmark = pytest.mark.simulation

SEEDS = range(1, 16)
MORE_SEEDS = range(16, 101)
SEEDS_UNTIL_CAUGHT = range(1, 251)


def processes() -> ProcessPoolExecutor:
    """As many as there are cores: seeds have nothing to do with each other."""
    return ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))


@pytest.mark.parametrize(
    "seeds", [SEEDS, pytest.param(MORE_SEEDS, marks=pytest.mark.full)], ids=["fifteen", "up to a hundred"]
)
def test_seeds_hold_and_go_through_what_they_are_for(seeds: range, capsys: pytest.CaptureFixture[str]) -> None:
    result = Campaign()
    with processes() as pool:
        for outcome in pool.map(play, seeds, chunksize=5):
            result.add(outcome)
    with capsys.disabled():
        print(f"\n{result.summary()}")
    assert not result.failures, "\n\n".join(outcome.report() for outcome in result.failures)
    assert result.missing == []


@pytest.mark.parametrize(
    "mutation",
    [
        mutations.truncate_to_the_high_watermark,
        mutations.high_watermark_before_truncating,
        mutations.append_after_an_error,
        storage_mutations.reads_past_the_high_watermark,
        storage_mutations.retention_past_the_high_watermark,
        storage_mutations.sequences_that_the_cleaner_loses,
        transaction_mutations.stable_and_committed_at_two_moments,
        transaction_mutations.reads_past_the_last_stable_offset,
        group_mutations.load_that_leaves_batches_out,
        group_mutations.revocation_that_is_not_awaited,
        group_mutations.stale_epoch_that_is_taken,
        *(
            pytest.param(mutation, marks=pytest.mark.full)
            for mutation in (
                mutations.no_epoch_fencing,
                storage_mutations.acknowledged_before_the_sync,
                storage_mutations.files_that_are_never_synced,
                storage_mutations.folders_that_are_never_synced,
                storage_mutations.full_truncation_that_keeps_its_high_watermark,
                storage_mutations.markers_that_the_cleaner_loses,
                transaction_mutations.late_produce_joins_the_next_transaction,
                transaction_mutations.late_end_ends_the_next_transaction,
                transaction_mutations.verified_and_appended_without_a_second_look,
                transaction_mutations.timeout_without_a_new_epoch,
                transaction_mutations.transaction_completed_twice,
                transaction_mutations.marker_dropped_behind_an_earlier_one,
                transaction_mutations.epochs_that_overflow,
                transaction_mutations.sequences_that_do_not_wrap,
                group_mutations.partition_owned_twice,
                group_mutations.session_that_never_expires,
                group_mutations.classic_session_that_never_expires,
                group_mutations.stale_generation_that_is_taken,
                group_mutations.offsets_that_expire_when_loaded,
            )
        ),
    ],
    ids=lambda mutation: mutation.__name__,
)
def test_a_known_bug_is_caught_by_the_same_traffic(
    mutation: Callable[[pytest.MonkeyPatch], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = Campaign()
    with processes() as pool:
        for outcome in pool.map(partial(mutations.play_with, mutation), SEEDS_UNTIL_CAUGHT):
            result.add(outcome)
            if not outcome.ok:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    assert result.failures, f"{result.seeds} seeds have not caught it"
    with capsys.disabled():
        print(f"\n{mutation.__name__} was caught after {result.seeds} seeds by: {result.failures[0].invariant}")


def test_a_failure_says_what_broke_and_how_to_play_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mutations.truncate_to_the_high_watermark(monkeypatch)
    assert main(["--first", "1", "--seeds", "50"]) == 1
    said = capsys.readouterr().out
    assert "a committed record stays" in said
    assert "python -m actors.simulation.campaign --seed " in said
    assert "Truncated" in said.split("the end of the trace")[1]


def test_one_seed_is_played_again_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "5"]) == 0
    assert main(["--seed", "5"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert '"seed": 5, "ok": true' in first
    assert main(["--seed", "6"]) == 0
    assert play(6).trace_hash not in first


def test_a_campaign_that_never_went_through_something_is_not_ok() -> None:
    result = Campaign()
    counts = dict.fromkeys(PROBES, 1) | {"truncations": 2, "epochs fenced": 0}
    result.add(SeedOutcome(1, ok=True, counts=counts))
    assert not result.ok
    assert result.missing == ["epochs fenced"]
    assert "never went through: epochs fenced" in result.summary()
    result.add(SeedOutcome(2, ok=True, counts=counts | {"epochs fenced": 5}))
    assert result.ok
    assert result.counts["truncations"] == 4
