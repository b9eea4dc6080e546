"""What follows from the table of keywords and is kept: ``python tests/clients/keyword_documents.py`` writes it.

The fields of ``typed_dicts.py``, as type checkers run no table, and the tables of ``docs/reference/keywords.md``. What
else stands in these files is written by hand. A test holds both to what this module makes of the table.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from actors.clients.keywords.config import Keyword
from actors.clients.keywords.table import AdminConfig, ClientConfig, ConsumerConfig, ProducerConfig
from kstore.errors.config import ConfigError

ROOT = Path(__file__).parents[2]
HEAD = "| keyword | default | takes | meaning |\n|---|---|---|---|\n"
CLASSES: Mapping[str, type[ClientConfig]] = {
    "producer": ProducerConfig,
    "consumer": ConsumerConfig,
    "admin": AdminConfig,
}
SECTIONS: Mapping[str, type[ClientConfig]] = {
    "All three": ClientConfig,
    **{kind.capitalize(): config for kind, config in CLASSES.items()},
}


def own_rows(config: type[ClientConfig]) -> dict[str, Keyword]:
    """The rows in the body of a class, by name."""
    return {name: row for name, row in sorted(config.rows().items()) if name in vars(config)}


def meanings(config: type[ClientConfig]) -> dict[str, str]:
    """The texts that follow the rows of a class, by keyword: as the page has it, without a capital and a full stop."""
    (body,) = (each.body for each in ast.parse(inspect.getsource(config)).body if isinstance(each, ast.ClassDef))
    found = {}
    for row, text in pairwise(body):
        match row, text:
            case ast.Assign([ast.Name(name)]), ast.Expr(ast.Constant(str(said))):
                found[name] = in_a_cell(said)
    return found


def in_a_cell(said: str) -> str:
    """The first line of a docstring, as a part of a sentence in Markdown."""
    words = said.partition("\n")[0].removesuffix(".").replace("``", "`")
    return words[0].lower() + words[1:]


def taken(name: str, row: Keyword) -> str:
    """What a keyword takes, in the words of its error."""
    for wrong in (object(), ()):
        try:
            row.rule(name, wrong)
        except ConfigError as error:
            return str(error).partition(" takes ")[2].partition("; got ")[0].removeprefix("a whole number of ")
    raise AssertionError(f"{name} takes anything")


def lines(config: type[ClientConfig]) -> Iterator[str]:
    """The rows of the page's table for a class."""
    said = meanings(config)
    for name, row in own_rows(config).items():
        asks = f"; {in_a_cell(inspect.getdoc(row.together) or '')}" if row.together else ""
        yield f"| `{name}` | `{row.default!r}` | {taken(name, row)} | {said[name]}{asks} |\n"


def refusals() -> Iterator[str]:
    """The keywords that aren't taken, with the reasons that errors give."""
    yield f"- not implemented yet: {', '.join(f'`{name}`' for name in ClientConfig.later.split())}\n"
    for name in [*ClientConfig.meaningless, *ClientConfig.refused]:
        yield f"- `{name}` {ClientConfig.why_refused(name)}\n"
    for config in CLASSES.values():
        renamed = [row.java.replace(".", "_") for row in own_rows(config).values() if row.java]
        for name in [*(config.refused.keys() - ClientConfig.refused.keys()), *renamed]:
            yield f"- `{name}` of {config.client} {config.why_refused(name)}\n"


def page(text: str) -> str:
    """The reference page, with its tables made anew."""
    parts = {title: HEAD + "".join(lines(config)) for title, config in SECTIONS.items()} | {
        "Not taken": "".join(refusals())
    }
    for title, made in parts.items():
        text, found = re.subn(rf"(\n## {title}\n\n(?:[^-|\n#].*\n|\n)*)[-|](?:.+\n)*", rf"\1{made}", text)
        assert found == 1, title
    return text


def types(text: str) -> str:
    """The module of typed dictionaries, with its fields made anew."""
    for config in SECTIONS.values():
        base = {} if config is ClientConfig else ClientConfig.rows()
        rows = {name: row for name, row in own_rows(config).items() if name not in base}
        fields = "".join(f"    {name}: {row.takes or returned(row)}\n" for name, row in rows.items())
        name = config.__name__.replace("Config", "Keywords")
        text, found = re.subn(rf'(\nclass {name}\(.*\n    """.*"""\n\n)(?:    .*\n)*', rf"\1{fields}", text)
        assert found == 1, name
    return text


def returned(row: Keyword) -> str:
    """The type of a rule's values, as it is written."""
    return str(row.rule.__annotations__["return"])


KEPT = {
    ROOT / "docs" / "reference" / "keywords.md": page,
    ROOT / "actors" / "clients" / "keywords" / "typed_dicts.py": types,
}


def main() -> None:
    """Write what follows from the table."""
    for path, made in KEPT.items():
        path.write_text(made(path.read_text()))


if __name__ == "__main__":
    main()
