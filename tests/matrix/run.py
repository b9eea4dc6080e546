"""Plays the cases to both clusters and writes ``docs/compatibility.md``: ``python tests/matrix/run.py --help``.

The answers of both are kept in ``build/matrix/``, so that only those of whom an option names are asked for anew. With
the page goes ``golden/``, Kafka's answers, against which kstore is held where there is no Kafka.
"""

from __future__ import annotations

import argparse
import json
import lzma
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
from matrix.document import compared, page, problems  # noqa: E402

SLOW_S = 1.0
KEPT = ROOT / "build" / "matrix"
GOLDEN = Path(__file__).parent / "golden" / "kafka-4.4.0.json.xz"
PAGE = ROOT / "docs" / "compatibility.md"


class Watch:
    """Tells which talks took long."""

    def __init__(self) -> None:
        self._last, self._since = "", time.monotonic()

    def __call__(self, played: Case, version: int) -> None:
        now = time.monotonic()
        if now - self._since > SLOW_S:
            print(f"{self._last} took {now - self._since:.1f} s", file=sys.stderr)
        self._last, self._since = f"{played.api}/{played.name}/v{version}", now


def played(name: str, only: str = "*") -> Transcript:
    """What one of the two answers, as it comes back from JSON; kept for the next time."""
    path = KEPT / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    chosen = [each for each in CASES if fnmatch(f"{each.api}/{each.name}", only)]
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder, peer.start(name, Path(folder)) as cluster:
        found: Transcript = json.loads(json.dumps(play(cluster, chosen, Watch())))
    if only == "*":
        path.write_text(json.dumps(found, indent=1))
    return found


def kept(name: str) -> Transcript:
    """What one of the two answered the last time."""
    found: Transcript = json.loads((KEPT / f"{name}.json").read_text())
    return found


def golden() -> Transcript:
    """What Kafka answered when the page was made."""
    found: Transcript = json.loads(lzma.decompress(GOLDEN.read_bytes()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", action="store_true", help="ask a real Kafka anew")
    parser.add_argument("--kstore", action="store_true", help="ask kstore anew")
    parser.add_argument("--only", default="*", help="cases as <api>/<case>, to look at; nothing is written")
    options = parser.parse_args()
    ours, kafkas = (
        played(name, options.only) if getattr(options, name) else kept(name) for name in ("kstore", "kafka")
    )
    if options.only != "*":
        ours, kafkas = ({k: v for k, v in each.items() if fnmatch(k, options.only + "/*")} for each in (ours, kafkas))
    found = problems(compared(ours, kafkas))
    for line in found:
        print(line)
    if options.only == "*":
        PAGE.write_text(page(ours, kafkas))
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_bytes(lzma.compress(json.dumps(kafkas, separators=(",", ":")).encode()))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
