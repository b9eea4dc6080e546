"""``kstore trace``: asks a ``.ktrace`` file what happened in a cluster, and why."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Protocol

from actors.cli.arguments import InputError, UsageError, at_least, checked
from actors.cli.output import moment, print_json
from actors.cli.parsers import new_parser
from kstore.errors.config import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.cli.parsers import Verbs
    from actors.trace import Trace
    from actors.trace.recording import Recording

DESCRIPTION = """
Reads a trace that `kstore serve --trace-file FILE`, Cluster(trace_file=FILE) or cluster.trace.save(FILE) wrote, and
answers questions about it: the life of a record or a transaction, why a group rebalanced, who leads a partition and
why, what keeps records from read_committed readers, what an actor did. Without a question it says what the file
holds. A damaged or truncated file is read up to the damage, and a line on stderr says so. If the file has nothing
about a question, a line on stderr says so, and the exit code is 1.
"""

EXAMPLES = """
kstore trace run.ktrace
kstore trace run.ktrace --record orders/0/42
kstore trace run.ktrace --group order-processors --leader orders/0
kstore trace run.ktrace --transaction invoices-1 --visible invoices/0
kstore trace run.ktrace --actor broker-1#1/controller --top 5 --json
kstore trace run.ktrace --perfetto run.json
"""


class Printable(Protocol):
    """What a question was answered with: as text, and for JSON."""

    def to_dict(self) -> object:
        """For JSON."""


def add_to(verbs: Verbs) -> None:
    """Add the verb to the command's parser."""
    verb = new_parser(verbs, "trace", "say from a recorded trace what happened, and why", DESCRIPTION, EXAMPLES)
    verb.add_argument("file", metavar="FILE", help="the .ktrace file")
    verb.add_argument(
        "--record",
        type=checked(record_address),
        metavar="TOPIC/PARTITION/OFFSET",
        help="the life of one record, from the producer's call to the commit",
    )
    verb.add_argument("--group", metavar="GROUP", help="why this group last rebalanced")
    verb.add_argument(
        "--leader", type=checked(partition_address), metavar="TOPIC/PARTITION", help="who leads it, since when and why"
    )
    verb.add_argument(
        "--transaction", metavar="ID", help="the last transaction of this transactional id, and who ended it, or could"
    )
    verb.add_argument(
        "--visible",
        type=checked(partition_address),
        metavar="TOPIC/PARTITION",
        help="what keeps records of it from read_committed readers: an open transaction, and what would end it",
    )
    verb.add_argument("--actor", metavar="NAME", help="what an actor received, sent and noted (a part of its name)")
    verb.add_argument("--top", type=at_least(1), metavar="N", help="the N slowest turns and deepest queues")
    verb.add_argument("--tail", type=at_least(1), metavar="N", help="the last N rows")
    verb.add_argument("--perfetto", metavar="OUT", help="write JSON for ui.perfetto.dev to this file (-: stdout)")
    verb.add_argument(
        "--json",
        action="store_true",
        help="print one object, with a key for each question (kstore help tracing has the schema)",
    )
    verb.set_defaults(run=run)


def partition_address(text: str) -> tuple[str, int]:
    """``orders/0``."""
    topic, _, partition = text.rpartition("/")
    if not topic or not partition.isdecimal():
        raise ValueError(f"a partition is written TOPIC/PARTITION, such as orders/0; got {text!r}")
    return topic, int(partition)


def record_address(text: str) -> tuple[str, int, int]:
    """``orders/0/42``."""
    partition_text, _, offset = text.rpartition("/")
    topic, _, partition = partition_text.rpartition("/")
    if not topic or not partition.isdecimal() or not offset.isdecimal():
        raise ValueError(f"a record is written TOPIC/PARTITION/OFFSET, such as orders/0/42; got {text!r}")
    return topic, int(partition), int(offset)


def run(options: argparse.Namespace) -> int:
    """Answer what was asked. 0: done; 1: the file can't be read, or doesn't know something; 2: it is no trace, or was
    asked for wrongly.
    """
    from actors.trace import Trace, TraceFileError

    try:
        trace = Trace.load(options.file)
    except TraceFileError as error:
        raise UsageError(f"{options.file}: {error}") from None
    except OSError as error:
        raise InputError(f"{options.file}: {error.strerror}") from None
    if trace.recording.damage:
        print(f"kstore: {options.file}: {trace.recording.damage}", file=sys.stderr)
    if options.perfetto is not None:
        export(trace, options.perfetto)
    asked = ask(trace, options)
    answers = {name: answer for name, answer in asked.items() if getattr(answer, "found", True)}
    if not asked and options.perfetto is None:
        answers = {"summary": Summary(trace)}
    if options.json:
        print_json({name: answer.to_dict() for name, answer in answers.items()})
    else:
        sys.stdout.write("\n".join(f"{answer}\n" for answer in answers.values()))
    unknown = [answer for name, answer in asked.items() if name not in answers]
    for answer in unknown:
        print(f"kstore: {answer}{meant(trace, answer)}", file=sys.stderr)
    return 1 if unknown else 0


def meant(trace: Trace, answer: object) -> str:
    """Which of the topics, groups or transactional ids in the trace was meant, if it is none of them."""
    there = Summary(trace)
    for attribute, names in (
        ("group", there.groups),
        ("transactional_id", there.transactional_ids),
        ("topic", there.topics),
    ):
        name = getattr(answer, attribute, None)
        if name is not None:
            return nearest(name, names) if name not in names else ""
    return ""


def ask(trace: Trace, options: argparse.Namespace) -> dict[str, Printable]:
    """The answers, by the questions' names; ``found`` is false of one that the trace knows nothing of."""
    from actors.trace.actor_load import UnknownActor

    answers: dict[str, Printable] = {}
    if options.record is not None:
        answers["record"] = trace.record(*options.record)
    if options.group is not None:
        answers["group"] = trace.why_rebalance(options.group)
    if options.leader is not None:
        answers["leader"] = trace.why_leader(*options.leader)
    if options.transaction is not None:
        answers["transaction"] = trace.transaction(options.transaction)
    if options.visible is not None:
        answers["visible"] = trace.why_not_visible(*options.visible)
    if options.actor is not None:
        try:
            answers["actor"] = trace.actor(options.actor)
        except UnknownActor as error:
            raise InputError(str(error)) from None
    if options.top is not None:
        answers["slowest"] = Turns("slowest turns", trace.slowest(options.top))
        answers["deepest"] = Turns("deepest queues", trace.deepest(options.top))
    if options.tail is not None:
        answers["tail"] = Rows(trace.recording, options.tail)
    return answers


def export(trace: Trace, path: str) -> None:
    """Write the trace-event JSON."""
    from actors.trace.perfetto import write

    if path == "-":
        write(trace.recording, sys.stdout)
        return
    with open(path, "w", encoding="utf-8") as out:
        count = write(trace.recording, out)
    print(f"{path}: {count:,} events; open it at https://ui.perfetto.dev", file=sys.stderr)


class Turns:
    """Some turns under a title."""

    def __init__(self, title: str, turns: Sequence[Printable]) -> None:
        self.title = title
        self.turns = turns

    def to_dict(self) -> list[object]:
        """For JSON."""
        return [turn.to_dict() for turn in self.turns]

    def __str__(self) -> str:
        lines = [f"  {turn}" for turn in self.turns] or ["  none that took any time"]
        return "\n".join([f"{self.title}:", *lines])


class Rows:
    """The last rows."""

    def __init__(self, recording: Recording, count: int) -> None:
        self.rows = recording.last(count)

    def to_dict(self) -> list[dict[str, object]]:
        """For JSON."""
        from actors.trace.printing import row_dict

        return [row_dict(row) for row in self.rows]

    def __str__(self) -> str:
        from actors.runtime.trace_rows import row_line

        return "\n".join(map(row_line, self.rows))


class Summary:
    """What a file holds: how many rows, from when to when, which actors, and which rows are many."""

    SHOWN = 12

    def __init__(self, trace: Trace) -> None:
        from actors.trace.printing import overwritten
        from actors.trace.transactions import transactional_ids

        self.recording = trace.recording
        self.actors = trace.actors()
        self.missing = overwritten(self.recording)
        self.kinds: dict[str, int] = {}
        topics, groups = set(), set()
        for row in self.recording.rows():
            self.kinds[row.kind] = self.kinds.get(row.kind, 0) + 1
            if row.kind == "BecameLeader":
                topics.add(row.partition.rpartition("-")[0])
            elif row.kind in ("RebalanceBegun", "EpochBegun"):
                groups.add(row.partition)
        self.topics, self.groups = sorted(topics), sorted(groups)
        self.transactional_ids = transactional_ids(self.recording)

    def _moment(self, sequence: int) -> str | None:
        row = self.recording.row(sequence)
        return None if row is None else moment((self.recording.base_us + row.time_us) // 1000)

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        recording = self.recording
        return {
            "rows": len(recording),
            "first_row": recording.first,
            "begin": self._moment(recording.first),
            "end": self._moment(recording.end - 1),
            "virtual_time": recording.virtual,
            "actors": self.actors,
            "topics": self.topics,
            "groups": self.groups,
            "transactional_ids": self.transactional_ids,
            "kinds": self.kinds,
            "damage": recording.damage,
            "overwritten": self.missing,
        }

    def _asked(self, what: str, names: list[str]) -> str:
        """Some names to ask about."""
        more = f" and {len(names) - self.SHOWN} more" if len(names) > self.SHOWN else ""
        return f"{what}: {', '.join(names[: self.SHOWN]) or 'none'}{more}"

    def __str__(self) -> str:
        from actors.trace.root_causes import node_of

        recording = self.recording
        begin, end = self._moment(recording.first), self._moment(recording.end - 1)
        time = "virtual time" if recording.virtual else "real time"
        nodes = sorted(set(map(node_of, self.actors)))
        lines = [
            f"{len(recording):,} rows from {begin} to {end} ({time})",
            f"  {len(self.actors)} actors on {', '.join(nodes) or 'no node'}",
        ]
        lines += [f"  {self._asked(what, names)}" for what, names in (("topics", self.topics), ("groups", self.groups))]
        if self.transactional_ids:
            lines.append(f"  {self._asked('transactional ids', self.transactional_ids)}")
        many = sorted(self.kinds.items(), key=lambda each: (-each[1], each[0]))[: self.SHOWN]
        lines += [f"  {count:>8,}  {kind}" for kind, count in many]
        return "\n".join([*lines, *([self.missing] if self.missing else [])])
