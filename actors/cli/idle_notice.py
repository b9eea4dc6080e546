"""What ``kstore consume`` says when it has come to the end of what there is and waits: why, and what else can be done.

It is said once, on stderr, and only if that is a terminal: a log or a pipe has nothing from it.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
from typing import TYPE_CHECKING

from actors.cli.positions import Span, Start
from kstore.errors import KafkaError

if TYPE_CHECKING:
    from actors.clients.consumer.consumer import Consumer


ASK_MS = 1000  # how long an answer may take, as Ctrl-C waits for it


class IdleNotice:
    """Looks, in a pause of the records, whether there is something to say. ``joined``: the group has shared out."""

    def __init__(self, consumer: Consumer, options: argparse.Namespace, wanted: Span) -> None:
        self.consumer = consumer
        self.options = options
        self.wanted = wanted
        self.joined = options.group is None
        self.missing: set[str] = set()  # topics that weren't there, and of which nothing was assigned since
        self.said = not sys.stderr.isatty()

    def look(self, printed: int) -> None:
        """Nothing came: say why, if that is known and wasn't said before; ``printed`` records were there until now."""
        if self.said or not self.joined:
            return
        with contextlib.suppress(KafkaError):  # nobody answers just now: there will be another pause
            for line in self._why(printed):
                self.said = True
                print(f"kstore: {line}", file=sys.stderr)

    def _why(self, printed: int) -> list[str]:
        """Why nothing comes, as lines; none if records are still to come."""
        partitions, group = self.consumer.assignment(), self.options.group
        topics = " ".join(name for name in self.options.topics if name not in self.missing)
        if not partitions:
            if self.consumer.subscription() <= self.missing:  # nor is there anything for others to read
                return []
            return [f"waiting: the other members of group {group} read all partitions of {topics}"]
        ends = self.consumer.end_offsets(partitions, timeout_ms=ASK_MS)
        if any(self.consumer.position(partition, timeout_ms=ASK_MS) < end for partition, end in ends.items()):
            return []
        stop = "Ctrl-C ends" if group is not None else "Ctrl-C ends; with -e it ends here by itself"
        if self.consumer.beginning_offsets(partitions, timeout_ms=ASK_MS) == ends:
            return [f"{topics} has no records; waiting for some ({stop})"]
        if group is None or printed:
            return [f"waiting at the end of {topics} for new records ({stop})"]
        return [f"group {group} waits at the end of {topics} for new records ({stop})", self._hint()]

    def _hint(self) -> str:
        """How the group reads what it has passed, or has never read."""
        group, topics = shlex.quote(self.options.group), [shlex.quote(name) for name in self.options.topics]
        committed = self.consumer.committed(self.consumer.assignment(), timeout_ms=ASK_MS)
        if self.wanted.start is not Start.BEGINNING and not any(committed.values()):
            return f"to read from the beginning: kstore consume -G {group} -o beginning {' '.join(topics)}"
        which = (
            "--all-topics" if any("^" in name for name in topics) else " ".join(f"--topic {name}" for name in topics)
        )
        return f"to read from the beginning again: kstore groups reset-offsets {group} {which} --to-earliest --execute"
