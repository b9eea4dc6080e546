"""``docs/compatibility.md``, made of a run of the matrix: what was asked, what was answered, where and why it differs.

The parts that follow from tables alone are functions of their own, so that a test can hold the page to them without a
real Kafka.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from interop.consumer_group_clients import CONSUMER_GROUP_CLIENTS
from interop.transactional_clients import TRANSACTIONAL_CLIENTS
from matrix.all_cases import CASES
from matrix.case import Transcript, steps
from matrix.comparing import Difference, differences, error_codes
from matrix.explanations import KAFKAS_DEFECTS, MEANT, TEXTS, Explanation, explained
from matrix.not_served import NOT_SERVED
from matrix.plain import NORMALISATIONS

from actors.broker.registry import CLIENT_APIS
from kstore.errors import for_code
from kstore.named import NamedTuple
from kstore.schema.versions import APIS

MADE_BY = "<!-- made by `make compatibility` -->"
KAFKA = "Apache Kafka 4.4.0"
SHOWN = 6
INTRODUCTION = """\
kstore serves {keys} of the protocol in {versions}. {scenarios} were sent over TCP to a cluster of kstore and to one of
Apache Kafka 4.4.0, each with two nodes: valid requests, requests that are invalid in every way a client can produce,
and bytes that aren't requests. {answers} were compared field by field: {same} are the same, {differing} differ in at
least one field, for a reason given below. `make test-oracle` plays them again, and fails on a difference without a
reason, on a reason without a difference, and when this page is out of date.
"""
TRANSACTIONS = """\
One program was written on each of these clients. It writes in transactions, commits and aborts them, and sends the
offsets of a group along. Then another producer takes over its id in the middle of a transaction. Each program gets from
kstore what it gets from Apache Kafka. `make test` runs those in Python, by both transaction protocols, `make test-full`
the others as well. `make test-oracle` runs all of them on Apache Kafka, and an application on Kafka Streams with
`exactly_once_v2` on both.
"""
CONSUMER_GROUPS = """\
Members of [consumer groups](groups.md) (KIP-848) by those of these clients that speak the protocol share partitions on
kstore, hand them over without a loss or a double, commit, and have the broker match an expression. Static members come
back to their partitions; franz-go's don't, neither here nor on Apache Kafka, as it leaves out its instance id when it
leaves for now. Brokers that are configured for classic groups only answer with an error at once, as Apache Kafka does.
"""
BY_KEY = """\
A scenario is a case in one of the versions in which it was played. Answers that differ do so in at least one field.
"""


class Comparison(NamedTuple):
    """Two transcripts laid side by side."""

    ours: Transcript
    kafkas: Transcript
    by_row: Mapping[Explanation, Sequence[Difference]]
    unexplained: Sequence[Difference]


def compared(ours: Transcript, kafkas: Transcript) -> Comparison:
    by_row, unexplained = explained(differences(ours, kafkas))
    return Comparison(ours, kafkas, by_row, unexplained)


def scenarios(key: int) -> int:
    """How many talks the cases of a key come to: each case in each of its versions."""
    return sum(len(case.played_versions()) for case in CASES if case.key == key)


def name_of_error(code: int) -> str:
    return "NONE" if code == 0 else str(for_code(code).name)


def unserved() -> list[str]:
    """The section about keys that Apache Kafka has and kstore doesn't."""
    lines = [
        "## Keys that aren't served\n",
        f"{KAFKA} advertises these to clients as well; a request of one closes the connection.\n",
    ]
    for reason, keys in NOT_SERVED.items():
        lines.append(f"- {reason}")
        lines.append("    - " + ", ".join(f"{APIS[key].name} ({key})" for key in sorted(keys)))
    return lines


def clients() -> list[str]:
    """The section about other clients' transactions."""
    return [
        "## Transactions of other clients\n",
        TRANSACTIONS,
        "| client | protocol in a new cluster | the producer that lost its id gets |",
        "|---|---|---|",
        *(
            f"| {each.title} | {'the second (KIP-890)' if each.knows_second else 'the first'} |"
            f" {_fenced(each.fenced)} |"
            for each in TRANSACTIONAL_CLIENTS.values()
        ),
    ]


def consumer_groups() -> list[str]:
    """The section about other clients' members of consumer groups."""
    return [
        "## Consumer groups of other clients\n",
        CONSUMER_GROUPS,
        "| client | versions | asked for by | tried by |",
        "|---|---|---|---|",
        *(
            f"| {each.title} | {each.tried} | {each.asked_by or '-'} | {each.tried_by} |"
            for each in CONSUMER_GROUP_CLIENTS
        ),
    ]


def _fenced(said: str) -> str:
    """What a client calls its error; a number with its name in the protocol."""
    return f"`{said}`, which is {for_code(int(said)).name}" if said.isdecimal() else f"`{said}`"


def served_cells(key: int) -> str:
    """What a row of the table of keys begins with."""
    served = CLIENT_APIS[key]
    return f"| {key} | {APIS[key].name} | {served.first}-{served.last} | {scenarios(key)} |"


def served(found: Comparison) -> list[str]:
    """The section with a row for each key; all cells are short, so that the table fits on a small screen."""
    answers: Counter[str] = Counter(api for api, _, _ in steps(found.kafkas))
    differing: Counter[str] = Counter(
        api for api, _, _ in steps(dict.fromkeys(each.answer for rows in found.by_row.values() for each in rows))
    )
    lines = [
        "## By key\n",
        BY_KEY,
        "| key | name | versions | scenarios | answers | differ |",
        "|---|---|---|---|---|---|",
    ]
    for key in sorted(CLIENT_APIS):
        api = APIS[key].name
        lines.append(f"{served_cells(key)} {answers[api]} | {differing[api]} |")
    return lines


def errors(found: Comparison) -> list[str]:
    """The section with the error codes that were reached, by key."""
    codes: dict[str, set[int]] = {}
    for answer, told in found.ours.items():
        codes.setdefault(answer.partition("/")[0], set()).update(code for code in error_codes(told) if code)
    reached = set().union(*codes.values())
    lines = [
        "## Error codes\n",
        f"{counted(len(reached), 'error code')} of kstore's answers were compared with Apache Kafka's.\n",
    ]
    names = [APIS[key].name for key in sorted(CLIENT_APIS) if codes.get(APIS[key].name)]
    return lines + [f"- {name}: {', '.join(map(name_of_error, sorted(codes[name])))}" for name in names]


def reasons(title: str, rows: Iterable[Explanation], found: Comparison) -> list[str]:
    """The section about some of the differences: each reason with the answers it goes for."""
    lines = [f"## {title}\n"]
    for row in rows:
        matched = found.by_row[row]
        places: dict[str, set[int]] = {}
        for api, what, version in steps(dict.fromkeys(each.answer for each in matched)):
            places.setdefault(f"{api}: {what.replace('/', ', ')}", set()).add(version)
        lines.append(f"- {row.reason} ({counted(len(matched), 'field')})")
        shown = list(places.items())[:SHOWN]
        lines += [f"    - {place} (v{ranges(versions)})" for place, versions in shown]
        if len(places) > SHOWN:
            lines.append(f"    - and {len(places) - SHOWN} more")
    return lines


def texts(found: Comparison) -> list[str]:
    """The section about messages that differ in their words, each pair of them once."""
    pairs = dict.fromkeys((shown(each.ours), shown(each.kafkas)) for row in TEXTS for each in found.by_row[row])
    return [
        *reasons("Messages", TEXTS, found),
        "",
        "| kstore | Apache Kafka |",
        "|---|---|",
        *(f"| {ours} | {kafkas} |" for ours, kafkas in pairs),
    ]


def shown(text: Any) -> str:
    """A message as a cell of a table; times are left out."""
    return re.sub(r"-?\d{13,}", "…", str(text)).replace("|", "\\|") or "(empty)"


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def ranges(numbers: Iterable[int]) -> str:
    """Numbers with dashes where they follow each other.

    >>> ranges({1, 2, 3, 7})
    '1-3, 7'
    """
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in spans)


def page(ours: Transcript, kafkas: Transcript) -> str:
    """The whole page."""
    found = compared(ours, kafkas)
    differing = {each.answer for rows in found.by_row.values() for each in rows}
    total = sum(scenarios(key) for key in CLIENT_APIS)
    versions = sum(each.last - each.first + 1 for each in CLIENT_APIS.values())
    intro = [
        MADE_BY,
        f"\n# Compatibility with {KAFKA}\n",
        INTRODUCTION.format(
            keys=counted(len(CLIENT_APIS), "key"),
            versions=counted(versions, "version"),
            scenarios=counted(total, "scenario"),
            answers=counted(len(kafkas), "answer"),
            same=f"{len(kafkas) - len(differing):,}",
            differing=f"{len(differing):,}",
        ),
        "What must differ from one cluster to the next is made alike first:\n",
        *(f"- {' '.join(each.split())}" for each in NORMALISATIONS),
        "",
    ]
    sections = (
        intro,
        [*served(found), ""],
        [*reasons("What kstore means to do otherwise", MEANT, found), ""],
        [*reasons("What is Apache Kafka's own", KAFKAS_DEFECTS, found), ""],
        [*texts(found), ""],
        [*unserved(), ""],
        [*clients(), ""],
        [*consumer_groups(), ""],
        errors(found),
    )
    return "\n".join(line for section in sections for line in section) + "\n"


def problems(found: Comparison) -> list[str]:
    """What the comparison fails for."""
    told: dict[Any, list[str]] = {}
    for each in found.unexplained:
        what, _, version = each.answer.rpartition("/v")
        told.setdefault((what, each.path, repr(each.ours)[:200], repr(each.kafkas)[:200]), []).append(version)
    lines = [
        f"unexplained: {what} v{','.join(versions)}: {path}: ours {ours}, Kafka's {kafkas}"
        for (what, path, ours, kafkas), versions in told.items()
    ]
    for row, matched in found.by_row.items():
        lines += [
            f"explains nothing any more: {fields} of {row.reason!r}"
            for fields in row.fields
            if not any(fields.matches(each) for each in matched)
        ]
    return lines
