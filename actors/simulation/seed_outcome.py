"""What became of one seed, for a campaign, and for the person who has to find out why it failed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class SeedOutcome:
    """What became of one seed."""

    seed: int
    ok: bool = False
    trace_hash: str = ""
    events: int = 0
    virtual_seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    invariant: str = ""
    detail: str = ""
    trace: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """The line that a campaign writes."""
        line = {
            "seed": self.seed,
            "ok": self.ok,
            "trace_hash": self.trace_hash,
            "events": self.events,
            "virtual_seconds": round(self.virtual_seconds, 3),
            "counts": self.counts,
        }
        return line if self.ok else line | {"invariant": self.invariant, "detail": self.detail}

    def report(self) -> str:
        """A failure, for the person who has to find out why."""
        return "\n".join(
            [
                f"seed {self.seed}: {self.invariant}",
                f"  {self.detail}",
                f"  again: .venv/bin/python -m actors.simulation.campaign --seed {self.seed}",
                f"  the end of the trace, after {self.events} turns and {self.virtual_seconds:.3f} virtual seconds:",
                *(f"    {row}" for row in self.trace),
            ]
        )
