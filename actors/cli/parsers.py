"""The command-line parsers: help that fits the terminal, and errors of one line with a suggestion.

An error for an unknown word has the nearest known one, or kstore's word for one of another tool
(``actors.cli.hints``), and with the help of what was probably meant. The exit code is 2.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from actors.cli.hints import action_hint, option_hint

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction["Parser"]

NEGATIVE_NUMBER = re.compile(r"-\d+\Z")


class HelpFormatter(argparse.HelpFormatter):
    """Wraps paragraphs to the terminal and leaves indented lines, such as examples, as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = (self._paragraph(part, width) for part in re.split(r"\n\n", text.strip("\n")))
        return textwrap.indent("\n\n".join(paragraphs), indent)

    @staticmethod
    def _paragraph(text: str, width: int) -> str:
        lines = text.splitlines()
        if any(line.startswith("  ") for line in lines):
            return text
        return textwrap.fill(" ".join(lines), width, break_long_words=False, break_on_hyphens=False)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """``-b, --bootstrap HOST:PORT,...``: the value once, after all names."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, action.dest.upper())
        return f"{', '.join(action.option_strings)} {value}"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line. ``deepest`` of what it parsed is the parser of the last verb or action."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**{"formatter_class": HelpFormatter, **keywords})
        self.given: list[str] = []
        self.set_defaults(deepest=self)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it; what was given is kept, for its errors."""
        self.given = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print an error and where to find help, and exit with code 2.

        An option that isn't there goes first, unless it is about the value of one that is: the words after it may have
        been taken for something else.
        """
        unknown = next(self.unknown_options(self.given), None)
        if unknown is not None and not message.startswith("argument -"):
            self.refuse_option(unknown)
        self.refuse(message)

    def refuse(self, message: str, prog: str = "") -> NoReturn:
        """Print ``message`` and end with 2; ``prog``: whose help is named, if it isn't this parser's."""
        sys.stderr.write(f"{self.prog}: {message}; see {prog or self.prog} --help\n")
        sys.exit(2)

    def refuse_option(self, name: str) -> NoReturn:
        """Print that there is no such option, with a suggestion."""
        hint = option_hint(name, self.prog, self.options(), self.actions())
        self.refuse(f"there is no option {name}{hint}")

    def refuse_rest(self, rest: Sequence[str]) -> NoReturn:
        """Print an error for words that no argument has taken."""
        for name in self.unknown_options(rest):
            self.refuse_option(name)
        self.refuse(f"unexpected argument{'s' if len(rest) > 1 else ''}: {' '.join(rest)}")

    def unknown_options(self, words: Sequence[str]) -> Iterator[str]:
        """The options among ``words`` that neither this parser has nor those of its actions."""
        known = self.options()
        for word in words:
            if word == "--":
                return
            name = word.partition("=")[0]
            if name.startswith("--"):
                if not any(option.startswith(name) for option in known):
                    yield name
            elif len(word) > 1 and word.startswith("-") and not NEGATIVE_NUMBER.match(word) and word[:2] not in known:
                yield word

    def options(self) -> list[str]:
        """The options of this parser and of its actions."""
        inner = [option for each in self.actions().values() for option in each.options()]
        return [*self._option_string_actions, *inner]

    def actions(self) -> dict[str, Parser]:
        """The parsers of its verbs or actions, by their names."""
        found = [action.choices for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        return dict(found[0]) if found else {}

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is None or value in action.choices:
            return
        names = list(map(str, action.choices))
        if isinstance(action, argparse._SubParsersAction):
            if unknown := next(self.unknown_options(self.given), None):
                self.refuse_option(unknown)
            what = str(action.metavar).lower()
            meant = action_hint(str(value), names)
            if meant is not None:
                self.refuse(f"there is no {what} {value} (did you mean {meant}?)", f"{self.prog} {meant}")
            self.refuse(f"there is no {what} {value}; there are {', '.join(names)}")
        raise argparse.ArgumentError(action, f"{value!r} is not one of {', '.join(names)}")


def new_parser(parsers: Verbs, name: str, summary: str, description: str, examples: str) -> Parser:
    """Add a verb, or a verb's verb; ``examples`` are the lines of its help that a reader copies."""
    plural = "s" if sum(not line.startswith("    ") for line in examples.strip().splitlines()) > 1 else ""
    lines = "\n".join(f"  {line}" for line in examples.strip().splitlines())
    parser: Parser = parsers.add_parser(
        name, help=summary, description=description.strip().replace("``", ""), epilog=f"example{plural}:\n{lines}"
    )
    return parser


def add_actions(verb: Parser) -> Verbs:
    """Where the actions of a verb are added; without one, the verb says which there are."""

    def run(options: argparse.Namespace) -> int:
        verb.refuse(f"say what to do: {', '.join(verb.actions())}")

    verb.set_defaults(run=run)
    return verb.add_subparsers(dest="action", metavar="ACTION", parser_class=Parser)
