"""The ``kstore`` command: finds the verb and runs it. Exit code 0: done; 1: it failed; 2: asked for wrongly."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from actors.cli import serve


def parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    top = argparse.ArgumentParser(prog="kstore", description="A real Kafka cluster inside a Python process.")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    serve.add_to(verbs)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments`` (the process's own by default) and return its exit code."""
    options = parser().parse_args(arguments)
    code: int = options.run(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
