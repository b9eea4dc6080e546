"""Many seeds: a line of JSON for each, then what they went through together, and what went wrong.

Exit code 1 when a seed fails, or when a campaign never went through something that it is there to go through.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from actors.runtime.logs import logger
from actors.simulation.run import play
from actors.simulation.seed_outcome import SeedOutcome

PROBES = (
    "failovers",
    "truncations",
    "isr shrinks",
    "duplicates answered",
    "epochs fenced",
    "logs offline",
    "controllers resigned",
    "checkpoints not written",
    "power losses",
    "segments expired",
    "records deleted",
    "logs compacted",
    "revocations",
    "late commits refused",
    "transactions committed",
    "transactions aborted",
    "transactions uncertain",
)


@dataclass
class Campaign:
    """The outcomes of some seeds."""

    seeds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    events: int = 0
    virtual_seconds: float = 0.0
    failures: list[SeedOutcome] = field(default_factory=list)

    def add(self, outcome: SeedOutcome) -> None:
        """Count the outcome of one more seed."""
        self.seeds += 1
        self.counts.update(outcome.counts)
        self.events += outcome.events
        self.virtual_seconds += outcome.virtual_seconds
        if not outcome.ok:
            self.failures.append(outcome)

    @property
    def missing(self) -> list[str]:
        """What a campaign has to go through and this one never did."""
        return [probe for probe in PROBES if not self.counts[probe]]

    @property
    def ok(self) -> bool:
        """Whether no seed failed, and all that had to happen in some seed did."""
        return not self.failures and not self.missing

    def summary(self) -> str:
        """What was played and found, as lines."""
        went = ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items()))
        size = f"{self.seeds} seeds, {self.events} turns, {self.virtual_seconds:.0f} virtual seconds"
        lines = [f"{size}, {len(self.failures)} failed", f"went through: {went}"]
        lines += [f"never went through: {probe}" for probe in self.missing]
        return "\n".join(lines)


def campaign(
    seeds: Iterable[int],
    *,
    each: Callable[[SeedOutcome], None] | None = None,
    stop_at_failure: bool = False,
) -> Campaign:
    """Play seeds one after the other; ``each`` is called with every outcome."""
    result = Campaign()
    for seed in seeds:
        outcome = play(seed)
        result.add(outcome)
        if each is not None:
            each(outcome)
        if stop_at_failure and not outcome.ok:
            break
    return result


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="actors.simulation.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one only")
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--keep-going", action="store_true", help="play the rest after a seed has failed")
    chosen = parser.parse_args(arguments)
    logger("storage").setLevel("CRITICAL")  # each run has its troubles, and they stand in its trace
    seeds = [chosen.seed] if chosen.seed is not None else range(chosen.first, chosen.first + chosen.seeds)

    def show(outcome: SeedOutcome) -> None:
        print(json.dumps(outcome.as_json()), flush=True)
        if not outcome.ok:
            print(outcome.report(), flush=True)

    result = campaign(seeds, each=show, stop_at_failure=not chosen.keep_going)
    if chosen.seed is not None:
        return 0 if not result.failures else 1
    print(result.summary())
    return 0 if result.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
