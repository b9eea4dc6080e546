"""``kstore completion``: a script for shells that completes verbs, options, topics and groups.

The script asks ``kstore`` itself, so it knows the options of the release that is installed, and the topics and groups
of the Kafka that ``-b`` or KSTORE_BOOTSTRAP names.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from actors.cli.parsers import new_parser

if TYPE_CHECKING:
    from actors.cli.parsers import Verbs

SHELLS = ("bash", "zsh", "fish")

DESCRIPTION = """
Prints a script for a shell that completes verbs, options, and the names of topics and groups.

  In ~/.bashrc:                   eval "$(kstore completion bash)"
  In ~/.zshrc, after compinit:    eval "$(kstore completion zsh)"
  In ~/.config/fish/config.fish:  kstore completion fish | source
"""

EXAMPLES = """
eval "$(kstore completion bash)"
"""


def add_to(verbs: Verbs) -> None:
    """Add the verb to the command's parser."""
    verb = new_parser(
        verbs, "completion", "print a script that makes a shell complete kstore's words", DESCRIPTION, EXAMPLES
    )
    verb.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    verb.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    from argcomplete.shell_integration import shellcode

    sys.stdout.write(shellcode(["kstore"], shell=options.shell) + "\n")
    return 0
