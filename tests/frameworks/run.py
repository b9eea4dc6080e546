"""Runs each framework's application and writes ``docs/frameworks.md``: ``python tests/frameworks/run.py --help``.

What came of it is kept in ``results.json``, so that only that of the Kafka that an option names is asked for anew, and
so that a test can hold the page to it where there is no package index.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from frameworks.catalogue import FRAMEWORKS  # noqa: E402
from frameworks.document import EXAMPLE, EXAMPLE_OF, PAGE, page, problems  # noqa: E402
from frameworks.environments import versions  # noqa: E402
from frameworks.outcomes import example_passes, ran  # noqa: E402
from frameworks.results import Results  # noqa: E402
from frameworks.servers import NAMES, started  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", action="store_true", help="on a real Apache Kafka too (needs a JDK and Maven)")
    parser.add_argument("--only", action="append", metavar="NAME", help="this framework; repeatable")
    parser.add_argument("--test", default="", help="only tests of this name, to look at; nothing is written")
    options = parser.parse_args()
    results = Results.kept()
    for framework in FRAMEWORKS:
        if options.only and framework.name not in options.only:
            continue
        installed = versions(framework)
        for name in NAMES if options.kafka else NAMES[:1]:
            print(f"==> {framework.title} on {name}", flush=True)
            with started(name) as (bootstrap, seconds):
                outcomes = ran(framework, bootstrap, only=options.test)
            if not options.test:
                results.keep(framework.name, installed, name, outcomes, seconds)
                results.write()
    if options.test:
        return
    PAGE.write_text(page(results))
    found = problems(results)
    if not example_passes(EXAMPLE_OF, EXAMPLE):
        found.append("the example of a test fails")
    print(*found, sep="\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
