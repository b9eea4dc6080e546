"""The ``kstore`` command: finds the verb and runs it. Exit code 0: done; 1: it failed; 2: asked for wrongly.

A verb's module is imported when the verb is asked for, and what the verb needs when it runs, so that ``--help`` and
completion answer at once. An error that the user can fix, or of Kafka, is one line on stderr; a traceback always means
a defect of kstore.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from actors.cli.output import complain
from actors.cli.parsers import Parser

VERBS = {
    "serve": "run brokers that any Kafka client can connect to",
    "run": "run a command with a cluster of its own beside it",
    "demo": "watch how a cluster and its clients get through failures",
    "topics": "list, create, describe, alter and delete topics",
    "produce": "send records from stdin or files",
    "consume": "print records",
    "groups": "list and describe consumer groups, see their lag, move their offsets",
    "transactions": "list and describe transactions, end them, find those that hang",
    "log": "show what the files of logs hold, and check them",
    "graduate": "move a stopped cluster's data to Apache Kafka itself",
    "adopt": "take over the data of stopped nodes of Apache Kafka",
    "trace": "say from a recorded trace what happened, and why",
    "completion": "print a script that makes a shell complete kstore's words",
    "help": "print the help of a verb, or a page of the documentation",
}

EPILOG = """\
examples:
  kstore consume --help
  kstore help command

Every verb has its own --help, with examples; kstore help lists the pages of the documentation. KSTORE_BOOTSTRAP names
the brokers for the verbs that connect to some.
"""


class Version(argparse.Action):
    """``--version``: which release this is."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it and end."""
        from importlib.metadata import version

        print(f"kstore {version('kstore')}")
        parser.exit()


def parser(verb: str | None = None) -> Parser:
    """The command's parser, with one verb's options; or, without ``verb``, with those of all."""
    top = Parser(
        prog="kstore",
        description="A real Kafka cluster inside a Python process, and a command line for any Kafka.",
        epilog=EPILOG,
    )
    top.set_defaults(run=overview)
    top.add_argument("--version", action=Version, nargs=0, help="print the version")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    for name, summary in VERBS.items():
        if verb in (None, name):
            import_module(f"actors.cli.{name}").add_to(verbs)
        else:
            verbs.add_parser(name, help=summary)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments`` (the process's own by default) and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    settle_streams()
    if "_ARGCOMPLETE" in os.environ:
        complete()
    try:
        options = parse(given)
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        return end_of_pipe()
    except KeyboardInterrupt:
        print("kstore: interrupted", file=sys.stderr)
        return 1
    except Exception as error:
        code = complain(error)
        if code == 0:
            raise
    return code


def settle_streams() -> None:
    """Replace closed standard streams by empty ones, and let streams escape characters that they can't encode."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def parse(given: Sequence[str]) -> argparse.Namespace:
    """Read the command line. Words after options belong to the verb's last, open-ended positional, as elsewhere."""
    options: argparse.Namespace
    options, rest = parser(next((word for word in given if not word.startswith("-")), "")).parse_known_args(given)
    more: str = getattr(options, "more", "")
    if rest and (not more or any(word.startswith("-") for word in rest)):
        options.deepest.refuse_rest(rest)
    elif rest:
        setattr(options, more, [*getattr(options, more), *rest])
    return options


def overview(options: argparse.Namespace) -> int:
    """Print the overview of verbs."""
    options.deepest.print_help(sys.stderr)
    return 2


def complete() -> None:
    """Print completions for the shell, and end."""
    import argcomplete

    argcomplete.autocomplete(parser(), always_complete_options=False)


def end_of_pipe() -> int:
    """Handle a closed pipe, as after ``| head``, which is no error; nothing may be flushed to it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
