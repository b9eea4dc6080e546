"""The recipes of ``docs/delivery.md``, as they stand there; and a program that follows one until it is killed.

``python delivery.py BOOTSTRAP TOPIC GROUP RECIPE FILE COUNT DIE_AT`` writes a line for each record that it handles,
kills itself right after the one numbered DIE_AT (counted over all runs; 0: none), and ends after COUNT different ones.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "delivery.md"


def functions() -> dict[str, Callable[..., None]]:
    """The recipes of the page, by name."""
    found: dict[str, Any] = {}
    for block in re.findall(
        r"^```python\n(def \w+_(?:once|record|committed)\(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    ):
        exec(compile(block, str(PAGE), "exec"), found)
    del found["__builtins__"]
    return found


def recipes() -> dict[str, Callable[[Any, Callable[[Any], object]], None]]:
    """Those that call a function for each record, by name."""
    return {name: recipe for name, recipe in functions().items() if name.startswith("at_")}


class Enough(Exception):
    """All records that there are were seen."""


def main(bootstrap: str, topic: str, group: str, recipe: str, path: str, count: str, die_at: str) -> None:
    from kstore import Consumer

    def handle(record: Any) -> None:
        handled = Path(path).read_text().split()
        with open(path, "a") as file:
            print(record.value.decode(), file=file)
        if len(handled) + 1 == int(die_at):
            os.kill(os.getpid(), signal.SIGKILL)
        if record.value.decode() == f"record-{int(count) - 1}":
            raise Enough

    consumer = Consumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=1_000,
        heartbeat_interval_ms=100,
        max_poll_records=4,
    )
    try:
        recipes()[recipe](consumer, handle)
    except Enough:
        consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
