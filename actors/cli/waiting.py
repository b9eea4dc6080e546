"""What ``kstore consume`` says when it has come to the end of what there is and waits: why, and what else can be done.

It is said once, on stderr, and only if that is a terminal: a log or a pipe has nothing from it.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from actors.cli.positions import Place, Span

if TYPE_CHECKING:
    from actors.clients.consumer import Consumer


class Waiting:
    """Looks, in a pause of the records, whether there is something to say. ``joined``: the group has shared out."""

    def __init__(self, consumer: Consumer, options: argparse.Namespace, wanted: Span) -> None:
        self.consumer = consumer
        self.options = options
        self.wanted = wanted
        self.joined = options.group is None
        self.said = not sys.stderr.isatty()

    def look(self, printed: int) -> None:
        """Nothing came: say why, if that is known and wasn't said before; ``printed`` records were there until now."""
        if not self.said and self.joined and (why := self._why(printed)):
            self.said = True
            print(f"kstore: {why}", file=sys.stderr)

    def _why(self, printed: int) -> str:
        """Why nothing comes; nothing if records are still to come."""
        places = self.consumer.assignment()
        topics = " ".join(self.options.topics)
        if not places:
            return f"waiting: the other members of group {self.options.group} read all partitions of {topics}"
        ends = self.consumer.end_offsets(places)
        if any(self.consumer.position(place) < end for place, end in ends.items()):
            return ""
        stop = "Ctrl-C ends" if self.options.group is not None else "Ctrl-C ends, and with -e it ends here by itself"
        begins = self.consumer.beginning_offsets(places)
        if begins == ends:
            return f"{topics} has no records; waiting for some ({stop})"
        more = f"at the end of {topics}, waiting for new records ({stop})"
        return more if self.options.group is None or printed else f"group {self.options.group} is {more}{self._hint()}"

    def _hint(self) -> str:
        """How the group reads what it has passed, or has never read."""
        group, topics = shlex.quote(self.options.group), [shlex.quote(name) for name in self.options.topics]
        committed = self.consumer.committed(self.consumer.assignment())
        if self.wanted.place is not Place.BEGINNING and not any(committed.values()):
            return f". To read from the beginning: kstore consume -G {group} -o beginning {' '.join(topics)}"
        which = (
            "--all-topics" if any("^" in name for name in topics) else " ".join(f"--topic {name}" for name in topics)
        )
        return (
            f". To read from the beginning again: kstore groups reset-offsets {group} {which} --to-earliest --execute"
        )
