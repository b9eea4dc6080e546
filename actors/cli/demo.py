"""``kstore demo``: a cluster and its clients, live, through the loss of a consumer and a leader; then the counts.

The exit code is 0 if nothing that was acknowledged was lost, doubled, out of order or left unread; 1 if something was.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING

from actors.cli.arguments import add_json
from actors.cli.parsers import new_parser

if TYPE_CHECKING:
    from actors.cli.parsers import Verbs
    from actors.cli.story.telling import Stage

DESCRIPTION = """
Runs three brokers, a producer and a group of consumers, each a process of its own. A consumer is killed with SIGKILL,
a fourth joins, the leader of a partition dies and comes back. Then the cluster's trace says why the group rebalanced,
and the acknowledged records are counted in the log files. It takes less than 25 seconds, and needs no other server.
"""

COLUMNS_LEAST, LINES_LEAST = 60, 20

EXAMPLES = """
kstore demo
kstore demo --plain
"""


def add_to(verbs: Verbs) -> None:
    """Add the verb to the command's parser."""
    verb = new_parser(verbs, "demo", "watch how a cluster and its clients get through failures", DESCRIPTION, EXAMPLES)
    verb.add_argument(
        "--plain",
        action="store_true",
        help="print lines, for a log (the default without a terminal, or in a small one)",
    )
    add_json(verb, "nothing but the counts, as one object")
    verb.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Tell the story; 0 if the counts are as they must be."""
    from actors.cli.story.telling import Story

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # which ends as Ctrl-C does: with nothing left behind
    story = Story(stage(options))
    counts = story.tell()
    if options.json:
        print(json.dumps(counts.as_json() | {"why_rebalance": story.causes}))
    else:
        from actors.cli.story.wrapping import shortened, wrapped

        for number, cause in enumerate(story.causes, 1):
            title = f"why the group rebalanced ({number} of {len(story.causes)}), from the cluster's trace:"
            print(f"\n{wrapped(title, hang=0)}\n")
            print(wrapped("\n".join(f"  {line}" for line in shortened(cause).splitlines()), hang=4))
        title = "what was counted, from the clients' words and the brokers' log files:"
        print(f"\n{wrapped(title, hang=0)}\n")
        print(counts.text())
    return 0 if counts.good else 1


def is_small() -> bool:
    """Whether the terminal has no room for the picture."""
    columns, lines = shutil.get_terminal_size()
    return columns < COLUMNS_LEAST or lines < LINES_LEAST


def is_plain() -> bool:
    """Whether the terminal can't move its cursor, or can't show the picture's characters."""
    encoding = (sys.stdout.encoding or "").lower()
    return os.environ.get("TERM", "dumb") in ("", "dumb", "unknown") or not encoding.startswith("utf")


def stage(options: argparse.Namespace) -> Stage:
    """How to show it: on a terminal as a picture, elsewhere as lines, and not at all if only counts are wanted."""
    from actors.cli.story.telling import PlainStage, SilentStage

    if options.json:
        return SilentStage()
    if options.plain or not sys.stdout.isatty() or is_plain() or is_small():
        return PlainStage()
    from actors.cli.story.screen import LiveStage

    return LiveStage()
