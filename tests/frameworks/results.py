"""What the runs came to, as it is kept beside this file: versions, outcomes and times, for each Kafka."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frameworks.catalogue import FRAMEWORKS
from frameworks.outcomes import Outcome
from frameworks.servers import RELEASES

FILE = Path(__file__).parent / "results.json"
SAID_LINES = 12


class Results:
    """By the framework's name: ``{"versions": {...}, "kstore": {...}, "kafka": {...}}``.

    For each Kafka: ``{"release": its version, "start": seconds, "tests": {test: [passed, seconds, said]}}``.
    """

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    @classmethod
    def kept(cls) -> Results:
        """Those of the last run; none before the first."""
        return cls(json.loads(FILE.read_text()) if FILE.exists() else {})

    def keep(
        self,
        framework: str,
        versions: Mapping[str, str],
        kafka: str,
        outcomes: Mapping[str, Outcome],
        start_seconds: float,
    ) -> None:
        """Take in what came of one framework's tests on one Kafka."""
        entry = self.found.setdefault(framework, {})
        entry["versions"] = dict(versions)
        entry[kafka] = {
            "release": RELEASES[kafka],
            "start": round(start_seconds, 2),
            "tests": {
                test: [each.passed, round(each.seconds, 1), _shortened(each.said)] for test, each in outcomes.items()
            },
        }

    def outcomes(self, framework: str, kafka: str) -> dict[str, Outcome]:
        tests = self.found.get(framework, {}).get(kafka, {}).get("tests", {})
        return {test: Outcome(*each) for test, each in tests.items()}

    def versions(self, framework: str) -> dict[str, str]:
        found: dict[str, str] = self.found.get(framework, {}).get("versions", {})
        return found

    def starts(self, kafka: str) -> list[float]:
        """How long its starts took, in seconds."""
        return [entry[kafka]["start"] for entry in self.found.values() if kafka in entry]

    def releases(self, kafka: str) -> list[str]:
        """The versions of it that the frameworks were run on."""
        return sorted({entry[kafka]["release"] for entry in self.found.values() if kafka in entry})

    def write(self) -> None:
        order = [each.name for each in FRAMEWORKS]
        known = {name: self.found[name] for name in order if name in self.found}
        FILE.write_text(json.dumps(known, indent=1) + "\n")


def _shortened(said: str) -> str:
    """The lines that name an error, without what differs from machine to machine."""
    lines = [line.removeprefix("E ").strip() for line in said.splitlines()]
    telling = [line for line in lines if re.search(r"[Ee]rror|Exception|waiting|ended with", line)]
    return "\n".join(re.sub(r"(?<![\w.])/[\w./-]+/", "…/", line)[:200] for line in dict.fromkeys(telling[-SAID_LINES:]))
