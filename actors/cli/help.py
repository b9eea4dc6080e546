"""``kstore help``: the help of a verb, or a page of the documentation, which is installed with the command."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from actors.cli.parsers import Parser, new_parser
from kstore.errors.config import nearest

if TYPE_CHECKING:
    from actors.cli.parsers import Verbs

DESCRIPTION = """
Prints the help of a verb and of its actions, or a page of the documentation of this release. On a terminal a page is
formatted and shown by the pager, elsewhere it is Markdown. Without an argument it lists all verbs and pages.
"""

EXAMPLES = """
kstore help topics create
kstore help configs | grep retention
"""

INSTALLED = Path(__file__).with_name("pages")  # where a build puts them (setup.py)
COMMENT = re.compile(
    r"^ *<!--.*?-->\n+", re.MULTILINE | re.DOTALL
)  # comments are for the programs that make and check a page
CHECKOUT = Path(__file__).parents[2] / "docs"


def add_to(verbs: Verbs) -> None:
    """Add the verb to the command's parser."""
    verb = new_parser(verbs, "help", "print the help of a verb, or a page of the documentation", DESCRIPTION, EXAMPLES)
    words = verb.add_argument(
        "words", nargs="*", default=[], metavar="VERB | PAGE", help="a verb and its action; a page"
    )
    words.completer = complete  # type: ignore[attr-defined]
    verb.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what was asked for."""
    from actors.cli.main import parser

    words: list[str] = options.words
    if not words:
        parser().print_help()
        print(f"\npages of the documentation, for kstore help PAGE:\n{listing()}")
        return 0
    if len(words) == 1 and words[0] in pages():
        show(pages()[words[0]].read_text(encoding="utf-8"))
        return 0
    of = parser(words[0])
    for number, word in enumerate(words):
        inner = of.actions()
        if word not in inner:
            _refuse(options.deepest, word, words[:number], [*inner, *(pages() if number == 0 else ())])
        of = inner[word]
    of.print_help()
    return 0


def _refuse(own: Parser, word: str, before: list[str], names: list[str]) -> NoReturn:
    what = f"kstore {' '.join(before)} has no action {word}" if before else f"there is no verb and no page {word}"
    own.refuse(what + nearest(word, names))


def pages() -> dict[str, Path]:
    """The pages by their names; with ``.md`` where a verb has the name."""
    from actors.cli.main import VERBS

    folder = INSTALLED if INSTALLED.is_dir() else CHECKOUT
    found = sorted(folder.glob("*.md"), key=lambda page: page.stem)
    return {page.name if page.stem in VERBS else page.stem: page for page in found}


def listing() -> str:
    """A line a page: its name and its title."""
    lines = []
    for name, page in pages().items():
        with page.open(encoding="utf-8") as text:
            title = next((line[2:].strip() for line in text if line.startswith("# ")), "")
        lines.append(f"  {name:<18}  {title}")
    return "\n".join(lines)


def complete(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Verbs and pages for the shell; after a verb, its actions."""
    from actors.cli.main import parser

    words: list[str] = parsed_args.words or []
    of = parser(words[0] if words else "")
    for word in words:
        of = of.actions().get(word, Parser())
    return [name for name in [*of.actions(), *(() if words else pages())] if name.startswith(prefix)]


def show(text: str) -> None:
    """A page: laid out, by the pager, on a terminal; as it is elsewhere."""
    text = COMMENT.sub("", text)
    if not sys.stdout.isatty():
        sys.stdout.write(text)
        return
    from rich.console import Console

    from actors.cli.page_layout import Page

    console = Console()
    with console.pager():
        console.print(Page(text))
