"""The order of the folders of ``actors``, and the circles of modules that are left inside a folder, each with why.

Imports for types alone count as any other: what a module must know of another one to be read isn't below it.
"""

import re
from collections.abc import Callable, Iterable

import pytest
from doors.imports import imports, modules
from tidy.sources import assert_none

# What each folder of actors may import beside itself and kstore.
STANDS_ON = {
    "config": set(),
    "runtime": set(),
    "image": {"config"},
    "node": {"config", "image", "runtime"},
    "network": {"config", "image", "node", "runtime"},
    "controller": {"config", "image", "node", "runtime"},
    "partition": {"image", "node", "runtime"},
    "coordinator": {"partition", "runtime"},
    "groups": {"config", "coordinator", "node"},
    "transactions": {"config", "coordinator", "image", "node", "runtime"},
    "broker": {
        "config",
        "controller",
        "coordinator",
        "groups",
        "image",
        "network",
        "node",
        "partition",
        "runtime",
        "transactions",
    },
    "trace": {"image", "runtime"},
    "clients": {"image", "network", "node", "runtime"},
    "cluster": {
        "broker",
        "clients",
        "config",
        "controller",
        "coordinator",
        "groups",
        "image",
        "network",
        "node",
        "partition",
        "runtime",
        "trace",
    },
    "simulation": {
        "broker",
        "clients",
        "cluster",
        "controller",
        "coordinator",
        "groups",
        "image",
        "network",
        "partition",
        "runtime",
        "transactions",
    },
    "testing": {"cluster", "config", "network", "runtime"},
    "cli": {"clients", "cluster", "config", "network", "node", "runtime", "trace"},
}

# Modules of one folder that need each other, and why they do.
CIRCLES = {
    "actors and their world: an actor has a node, a node its world and its actors, a world what runs them": (
        "actors.runtime",
        (
            "actor coroutine disk driver failures future heavy_work hub loop node protocols real ref trace_rows "
            "virtual worker world"
        ),
    ),
    "the run queue is asserted by what sees its parts": ("actors.runtime", "invariants queue"),
    "a link sends by its network, which makes links and breaks them": ("actors.network", "link network"),
    "a listener makes channels, which tell it that they are over": ("actors.network", "listener tcp_channel"),
    "an image is made by a draft, which begins with an image": ("actors.image", "draft image"),
    "a leader, a follower and a log out of use are parts of a replica, which they change": (
        "actors.partition",
        (
            "follower.follower leader.deletions leader.leader leader.preparing leader.serving replica.compacting "
            "replica.damaged_log replica.ending replica.log_owner replica.offline replica.repairing replica.replica "
            "replica.scrubbing"
        ),
    ),
    "a call answers on its connection, which makes it": (
        "actors.broker",
        "call connection",
    ),
    "the broker's parts, which act as it": ("actors.broker", "broker coordinators replicas supervision"),
    "the checks of a folder's files are told what was found so far": (
        "actors.broker",
        "folder_check unsupported unsupported.quorum",
    ),
    "what nodes do at their end or anew is about all of them": ("actors.cluster", "at_exit node_recovery nodes reset"),
    "the parts of a log, which act on it": (
        "kstore.log",
        "damage durability log manifest reading recovery retention times truncation upkeep",
    ),
}


def folder_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def imported() -> dict[str, dict[str, str]]:
    """Each module of ours, the modules of ours that it imports, and where."""
    own = modules()
    return {
        name: {each.module: str(each) for source in sources for each in imports(source) if each.module in own}
        for name, sources in own.items()
    }


def circles(nodes: Iterable[str], next_of: Callable[[str], Iterable[str]]) -> list[frozenset[str]]:
    """The largest sets of nodes of which each leads to each, without those of one."""
    reached = {node: _reached(node, next_of) for node in nodes}
    found = {frozenset({node} | {other for other in far if node in reached[other]}) for node, far in reached.items()}
    return [each for each in found if len(each) > 1]


def _reached(node: str, next_of: Callable[[str], Iterable[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(next_of(node))
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += next_of(each)
    return found


def named(circle: tuple[str, str]) -> frozenset[str]:
    folder, names = circle
    return frozenset(f"{folder}.{name}" for name in names.split())


@pytest.mark.parametrize("folder", sorted(STANDS_ON))
def test_a_folder_imports_only_what_it_stands_on(folder: str) -> None:
    allowed = {f"actors.{name}" for name in {folder, *STANDS_ON[folder]}}
    inside = {name: found for name, found in imported().items() if folder_of(name) == f"actors.{folder}"}
    assert_none(
        [
            where
            for found in inside.values()
            for module, where in found.items()
            if re.match(r"actors\.", module) and folder_of(module) not in allowed
        ]
    )


def test_every_folder_has_its_place_and_needs_all_that_it_stands_on() -> None:
    needs: dict[str, set[str]] = {}
    for name, found in imported().items():
        if name.startswith("actors."):
            here = needs.setdefault(name.split(".")[1], set())
            here |= {module.split(".")[1] for module in found if module.startswith("actors.")}
    assert {folder: found - {folder} for folder, found in needs.items()} == STANDS_ON


def test_the_kinds_of_clients_know_what_all_clients_have_and_none_of_each_other() -> None:
    kinds = {"admin", "consumer", "producer"}
    offences = []
    for name, found in imported().items():
        if name.startswith("actors.clients."):
            strangers = kinds - {name.split(".")[2]}
            offences += [
                where
                for module, where in found.items()
                if module.startswith("actors.clients.") and module.split(".")[2] in strangers
            ]
    assert_none(offences)


def arrows_in(folder: str) -> set[tuple[str, str]]:
    """Which file of a folder imports which, for types too; a folder in it counts as one file."""

    def part(module: str) -> str:
        return ".".join(module.split(".")[: folder.count(".") + 2])

    inside = {name: found for name, found in imported().items() if name.startswith(f"{folder}.")}
    found = {(part(name), part(other)) for name, found in inside.items() for other in found if other in inside}
    return {(here, there) for here, there in found if here != there}


@pytest.mark.parametrize(
    "folder", ["", ".admin", ".consumer", ".consumer.assignors", ".producer", ".producer.transactions"]
)
def test_the_files_of_a_folder_of_clients_know_few_of_each_other_and_none_in_a_circle(folder: str) -> None:
    arrows = arrows_in(f"actors.clients{folder}")
    assert 0 < len(arrows) < 50
    assert (
        circles(
            {end for arrow in arrows for end in arrow}, lambda part: [there for here, there in arrows if here == part]
        )
        == []
    )


def test_nobody_writes_into_a_membership_but_its_own_methods() -> None:
    writes = re.compile(r"\bmembership\.\w+(?:: [^=]+)? (?:[-+|]|//)?= ")
    files = [source for name, sources in modules().items() if name.startswith("actors.clients.") for source in sources]
    assert_none(
        [
            f"{source.name}:{number}: {line.strip()}"
            for source in files
            for number, line in enumerate(source.lines, 1)
            if writes.search(line)
        ]
    )


def test_no_folder_stands_on_itself_by_way_of_others() -> None:
    assert circles(STANDS_ON, lambda folder: STANDS_ON[folder]) == []


def test_a_circle_of_modules_inside_a_folder_is_named_with_its_reason() -> None:
    known = imported()
    found = circles(known, lambda name: [other for other in known[name] if folder_of(other) == folder_of(name)])
    reasons = {named(circle): why for why, circle in CIRCLES.items()}
    assert_none(
        [f"modules import each other in a circle: {', '.join(sorted(each))}" for each in found if each not in reasons]
    )
    assert_none([f"this circle is gone: {why}" for names, why in reasons.items() if names not in found])


def test_circles_are_found() -> None:
    arrows = {"a": "b", "b": "ca", "c": "d", "d": "", "e": "f", "f": "e"}
    assert sorted(map(sorted, circles(arrows, lambda name: arrows[name]))) == [["a", "b"], ["e", "f"]]
