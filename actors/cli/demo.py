"""``kstore demo``: a cluster and its clients, live, through failures; then the counts.

The exit code is 0 if nothing that was acknowledged was lost, doubled, out of order or left unread; 1 if something was.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any

from actors.cli.arguments import add_json
from actors.cli.parsers import new_parser

if TYPE_CHECKING:
    from actors.cli.parsers import Verbs
    from actors.cli.story.play import Play
    from actors.cli.story.stages import PlainStage

DESCRIPTION = """
Tells one of two stories, with three brokers and with clients that are processes of their own.

order-events: a group of consumers reads orders. A consumer is killed with SIGKILL, a fourth joins, the leader of a
partition dies and comes back. Then the cluster's trace says why the group rebalanced, and the acknowledged records are
counted in the log files.

exactly-once: workers make invoices from orders, in transactions. One is killed in the middle of a transaction, another
freezes and finds itself fenced when it wakes up. A read_uncommitted reader sees the aborted invoices, a read_committed
reader doesn't. Then the trace says why transactions were aborted, and orders and invoices are counted.

Each takes less than 25 seconds, and needs no other server.
"""

COLUMNS_LEAST, LINES_LEAST = 60, 20

EXAMPLES = """
kstore demo
kstore demo --story exactly-once
kstore demo --plain
"""


def add_to(verbs: Verbs) -> None:
    """Add the verb to the command's parser."""
    verb = new_parser(verbs, "demo", "watch how a cluster and its clients get through failures", DESCRIPTION, EXAMPLES)
    verb.add_argument("--story", choices=sorted(STORIES), default="order-events", help="which one (order-events)")
    verb.add_argument(
        "--plain",
        action="store_true",
        help="print lines, for a log (the default without a terminal, or in a small one)",
    )
    add_json(verb, "nothing but the counts, as one object")
    verb.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Tell the story; 0 if the counts are as they must be."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # which ends as Ctrl-C does: with nothing left behind
    play = STORIES[options.story](options)
    counts = play.tell()
    if options.json:
        print(json.dumps(counts.as_json() | {play.json_name: play.causes}))
    else:
        from actors.cli.story.wrapping import shortened, wrapped

        for number, cause in enumerate(play.causes, 1):
            title = f"{play.question} ({number} of {len(play.causes)}), from the cluster's trace:"
            print(f"\n{wrapped(title, hang=0)}\n")
            print(wrapped("\n".join(f"  {line}" for line in shortened(cause).splitlines()), hang=4))
        title = "what was counted, from the clients' words and the brokers' log files:"
        print(f"\n{wrapped(title, hang=0)}\n")
        print(counts.text())
    return 0 if counts.good else 1


def order_events(options: argparse.Namespace) -> Play[Any]:
    """The first story, on its stage."""
    from actors.cli.story.telling import Story

    if is_lines(options):
        return Story(lines_of(options))
    from actors.cli.story.drawing import LiveStage
    from actors.cli.story.screen import picture

    return Story(LiveStage(picture))


def exactly_once(options: argparse.Namespace) -> Play[Any]:
    """The second story, on its stage."""
    from actors.cli.story.exactly_once.telling import ExactlyOnce

    if is_lines(options):
        return ExactlyOnce(lines_of(options))
    from actors.cli.story.drawing import LiveStage
    from actors.cli.story.exactly_once.screen import picture

    return ExactlyOnce(LiveStage(picture))


STORIES = {"order-events": order_events, "exactly-once": exactly_once}


def is_small() -> bool:
    """Whether the terminal has no room for the picture."""
    columns, lines = shutil.get_terminal_size()
    return columns < COLUMNS_LEAST or lines < LINES_LEAST


def is_plain() -> bool:
    """Whether the terminal can't move its cursor, or can't show the picture's characters."""
    encoding = (sys.stdout.encoding or "").lower()
    return os.environ.get("TERM", "dumb") in ("", "dumb", "unknown") or not encoding.startswith("utf")


def is_lines(options: argparse.Namespace) -> bool:
    """Whether the story is told in lines, or not at all if only counts are wanted: a picture needs a terminal."""
    return options.json or options.plain or not sys.stdout.isatty() or is_plain() or is_small()


def lines_of(options: argparse.Namespace) -> PlainStage:
    """The stage of a story without a picture."""
    from actors.cli.story.stages import PlainStage, SilentStage

    return SilentStage() if options.json else PlainStage()
