"""Plays the cases to both clusters: `python tests/matrix/run.py [--kafka] [--only PATTERN] [--write]`.

Kafka's answers are kept in `build/matrix/`, so that only `--kafka` starts one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from matrix import peer  # noqa: E402
from matrix.all_cases import CASES  # noqa: E402
from matrix.case import Case, Transcript, play  # noqa: E402
from matrix.comparing import differences  # noqa: E402

SLOW_S = 1.0
KEPT = ROOT / "build" / "matrix"


class Watch:
    """Tells which talks took long."""

    def __init__(self) -> None:
        self._last, self._since = "", time.monotonic()

    def __call__(self, played: Case, version: int) -> None:
        now = time.monotonic()
        if now - self._since > SLOW_S:
            print(f"{self._last} took {now - self._since:.1f} s", file=sys.stderr)
        self._last, self._since = f"{played.api}/{played.name}/v{version}", now


def plain(transcript: Transcript) -> Transcript:
    """As it comes back from JSON."""
    found: Transcript = json.loads(json.dumps(transcript))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", action="store_true", help="ask a real Kafka anew")
    parser.add_argument("--kstore", action="store_true", help="ask kstore anew")
    parser.add_argument("--only", default="*", help="cases as <api>/<case>")
    parser.add_argument("--all", action="store_true", help="explained differences too")
    options = parser.parse_args()
    chosen = [each for each in CASES if fnmatch(f"{each.api}/{each.name}", options.only)]
    KEPT.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in ("kafka", "kstore"):
        path = KEPT / f"{name}.json"
        known: Transcript = json.loads(path.read_text()) if path.exists() else {}
        if getattr(options, name):
            with tempfile.TemporaryDirectory(prefix="matrix-") as folder, peer.start(name, Path(folder)) as cluster:
                fresh = plain(play(cluster, chosen, Watch()))
            known = fresh if options.only == "*" else {**known, **fresh}
            path.write_text(json.dumps(known, indent=1))
        found[name] = {key: told for key, told in known.items() if fnmatch(key.rpartition("/")[0], options.only + "*")}
    grouped: dict[tuple[str, ...], list[str]] = {}
    for each in differences(found["kstore"], found["kafka"]):
        what, _, version = each.answer.rpartition("/v")
        grouped.setdefault((what, each.path, repr(each.ours)[:300], repr(each.kafkas)[:300]), []).append(version)
    for (what, path, ours, kafkas), versions in grouped.items():
        print(f"{what} v{','.join(versions)}: {path}: ours {ours}, Kafka's {kafkas}")


if __name__ == "__main__":
    main()
