"""``docs/frameworks.md``, made of the results, the catalogue and the applications' own files."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

from frameworks.catalogue import FRAMEWORKS, Framework
from frameworks.outcomes import Outcome
from frameworks.results import Results

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "frameworks.md"
EXAMPLE = ROOT / "docs" / "examples" / "frameworks" / "test_invoicing.py"
EXAMPLE_OF = FRAMEWORKS[0]
MADE_BY = "<!-- made by `make test-frameworks` -->"
LANGUAGES = {".py": "python", ".java": "java"}
INTRODUCTION = """\
For each of {count} frameworks there is an application, written as the framework's documentation recommends. Its tests
start it, send it records, stop it, start it again and kill it, on kstore and on a real Apache Kafka {kafka}.
`make test-frameworks` installs what the package index has that day, each framework in an environment of its own, runs
the tests, and writes this page.

Of {tests} tests {kafka_passed} pass on Apache Kafka and {kstore_passed} on kstore.
"""
HOW = """\
## How to test yours

An application takes Kafka's address from somewhere, most often from its environment. A test gives it the address of
kstore; nothing else changes. For the first application below, with kstore installed beside FastStream:

```python title="{file}"
{test}
```

`kstore_session_bootstrap` is the address of one cluster for the whole session, so the application has to be started
only once. [Testing](testing.md) has the other fixtures, with a cluster that is empty for each test. To look at an
application, or to test one in another language, run it with a cluster of its own beside it:

```text
kstore run --env KAFKA_BOOTSTRAP_SERVERS -- faststream run invoicing:app
```
"""
TIMES = """\
The seconds are those of all tests of a framework, with the starts of the application; most of that is the framework's
own waiting. The start of Kafka isn't included: {kstore:.1f} s for kstore, {real:.1f} s for Apache Kafka (median). Each
was run once, on two cores shared with other work, so single times vary. Both have one node, with default settings.
"""


def page(results: Results) -> str:
    """The whole page."""
    parts = [MADE_BY, "\n# Frameworks\n", _introduction(results), _table(results), _times(results)]
    parts.append(HOW.format(file=EXAMPLE.relative_to(ROOT).as_posix(), test=EXAMPLE.read_text().rstrip()))
    parts += [_section(framework, results) for framework in FRAMEWORKS]
    return "\n".join(parts)


def problems(results: Results) -> list[str]:
    """What a run fails for: tests that fail, on either Kafka."""
    return [
        f"{framework.name}: {test} fails on {title}: {outcome.said}"
        for framework in FRAMEWORKS
        for kafka, title in (("kafka", "Apache Kafka"), ("kstore", "kstore"))
        for test, outcome in results.outcomes(framework.name, kafka).items()
        if not outcome.passed
    ]


def names_of_tests(framework: Framework) -> list[str]:
    """The tests that the framework's file has, those that it takes over from the stories too, by name."""
    trees = [ast.parse(path.read_text()) for path in (framework.folder.parent / "stories.py", framework.tests_path)]
    classes = {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}

    def of(name: str) -> set[str]:
        node = classes[name]
        own = {each.name for each in node.body if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")}
        return own.union(*(of(base.id) for base in node.bases if isinstance(base, ast.Name)))

    return sorted(set().union(*(of(name) for name in classes if name.startswith("Test"))))


def _introduction(results: Results) -> str:
    passed = {
        kafka: sum(each.passed for one in FRAMEWORKS for each in results.outcomes(one.name, kafka).values())
        for kafka in ("kafka", "kstore")
    }
    total = sum(len(results.outcomes(one.name, "kafka")) for one in FRAMEWORKS)
    return INTRODUCTION.format(
        count=len(FRAMEWORKS),
        kafka=" and ".join(results.releases("kafka")),
        tests=total,
        kafka_passed=passed["kafka"],
        kstore_passed=passed["kstore"],
    )


def _table(results: Results) -> str:
    lines = [
        "| framework | version | client | tests | pass on Kafka | on kstore | seconds on Kafka | on kstore |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in FRAMEWORKS:
        real, ours = (results.outcomes(one.name, kafka) for kafka in ("kafka", "kstore"))
        versions = results.versions(one.name)
        version = next(iter(versions.values()), "")
        client = f"{one.client} {versions[one.client]}" if one.client in versions else one.client
        link = f"[{one.title}](#{_anchor(one.title)})"
        passed = [sum(each.passed for each in outcomes.values()) for outcomes in (real, ours)]
        lines.append(
            f"| {link} | {version} | {client} | {len(real)} | {passed[0]} | {passed[1]} "
            f"| {_seconds(real):.0f} | {_seconds(ours):.0f} |"
        )
    return "\n".join(lines) + "\n"


def _seconds(outcomes: dict[str, Outcome]) -> float:
    return sum(each.seconds for each in outcomes.values())


def _times(results: Results) -> str:
    starts = (results.starts(kafka) for kafka in ("kstore", "kafka"))
    kstore, real = (statistics.median(each) if each else 0.0 for each in starts)
    return TIMES.format(kstore=kstore, real=real)


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _section(framework: Framework, results: Results) -> str:
    file = framework.path.relative_to(ROOT).as_posix()
    lines = [f"## {framework.title}\n", f"{framework.about}\n"]
    if framework.install:
        lines += ["```text", f"pip install {' '.join(map(_quoted, framework.install))}", "```\n"]
    lines += [f"Run it: `{framework.command}`\n"]
    lines += [f'```{LANGUAGES[framework.path.suffix]} title="{file}"', framework.path.read_text().rstrip(), "```\n"]
    real, ours = (results.outcomes(framework.name, kafka) for kafka in ("kafka", "kstore"))
    lines += ["| test | Apache Kafka | kstore |", "|---|---|---|"]
    for test in real:
        sentence = test.removeprefix("test_").replace("_", " ")
        lines.append(f"| {sentence} | {_cell(real[test])} | {_cell(ours.get(test))} |")
    return "\n".join(lines) + "\n"


def _quoted(requirement: str) -> str:
    return f"'{requirement}'" if "[" in requirement else requirement


def _cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return ""
    return f"{outcome.seconds:.1f} s" if outcome.passed else "fails"
