"""The ``kstore`` command: finds the verb and runs it. Exit code 0: done; 1: it failed; 2: asked for wrongly.

A verb's module is imported when the verb is asked for, and what the verb needs when it runs, so that ``--help`` and
completion answer at once. What goes wrong for a reason that is the user's to mend, or Kafka's, is one line on stderr;
a traceback is always a defect of ours.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from actors.cli.arguments import InputError, Parser, UsageError

VERBS = {
    "serve": "run brokers that any Kafka client can connect to",
    "demo": "watch a cluster and its clients live through failures",
    "topics": "list, create, describe, alter and delete topics",
    "produce": "send records from stdin or files",
    "consume": "print records",
    "groups": "list and describe consumer groups, see their lag, move their offsets",
    "trace": "ask a recorded trace what happened, and why",
    "completion": "print what makes a shell complete kstore's words",
}

PLAIN = ("consume", "produce")  # the verbs whose topic is no option, as kcat's is

EPILOG = """\
examples:
  kstore --version
  kstore consume --help

Every verb has its own --help, with examples. KSTORE_BOOTSTRAP names the brokers for the verbs that connect to some.
"""


class Version(argparse.Action):
    """``--version``: which release this is."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it and end."""
        from importlib.metadata import version

        print(f"kstore {version('kstore')}")
        parser.exit()


def parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The command's parser, with one verb's options; or, without ``verb``, with those of all."""
    top = Parser(
        prog="kstore",
        description="A real Kafka cluster inside a Python process, and a command line for any Kafka.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=Version, nargs=0, help="print the version")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    for name, summary in VERBS.items():
        if verb in (None, name):
            import_module(f"actors.cli.{name}").add_to(verbs)
        else:
            verbs.add_parser(name, help=summary)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments`` (the process's own by default) and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
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
        code = told(error)
        if code == 0:
            raise
    return code


def parse(given: Sequence[str]) -> argparse.Namespace:
    """Read the command line. Words after options belong to the verb's last, open-ended positional, as elsewhere."""
    verb = next((word for word in given if not word.startswith("-")), "")
    top = parser(verb)
    options, rest = top.parse_known_args(given)
    more: str = getattr(options, "more", "")
    if rest and (not more or any(word.startswith("-") for word in rest)):
        hint = f"; the topic is given without -t: kstore {verb} TOPIC" if verb in PLAIN and "-t" in rest else ""
        top.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
    elif rest:
        setattr(options, more, [*getattr(options, more), *rest])
    return options


def complete() -> None:
    """Answer the shell that asks what could come next, and end."""
    import argcomplete

    argcomplete.autocomplete(parser(), always_complete_options=False)


def end_of_pipe() -> int:
    """Nobody reads any more, as after ``| head``: that is no error. Nothing may be flushed to there at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def told(error: Exception) -> int:
    """Say in one line what went wrong, and how it counts; 0 if it isn't for a user to know, but a defect."""
    from kstore.errors import KafkaError
    from kstore.errors.config import ConfigError
    from kstore.errors.uncompiled import UncompiledError

    if isinstance(error, UsageError | ConfigError):
        code = 2
    elif isinstance(error, KafkaError | OSError | InputError | UncompiledError):
        code = 1
    else:
        return 0
    print(f"kstore: {' '.join(one_line(error).split())}", file=sys.stderr)
    return code


def one_line(error: Exception) -> str:
    """What an error says; a Kafka error by its name first."""
    name = getattr(error, "name", None)
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return f"{name}: {text}" if isinstance(name, str) and name.isupper() else text


if __name__ == "__main__":
    sys.exit(main())
