"""Output of verbs: tables or JSON on stdout, errors on stderr, and checks whether stdout still has a reader."""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from actors.cli.arguments import InputError, UsageError


def columns(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose columns are as wide as they must be, numbers to the right; ends with a newline.

    >>> print(columns(["topic", "partitions"], [("orders", 3), ("x", 12)]), end="")
    TOPIC   PARTITIONS
    orders           3
    x               12
    """
    table = [tuple(name.upper() for name in names), *(tuple(row) for row in rows)]
    shown = [[_cell(cell) for cell in row] for row in table]
    widths = [max(len(row[number]) for row in shown) for number in range(len(names))]
    numeric = [
        len(table) > 1 and all(isinstance(row[number], int) or row[number] is None for row in table[1:])
        for number in range(len(names))
    ]
    lines = (
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in shown
    )
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ",".join(map(_cell, value)) or "-"
    return str(value)


def counted(number: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "replica"), counted(3, "replica")
    ('1 replica', '3 replicas')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def moment(time_ms: int | None) -> str | None:
    """A time that is told in ms since 1970, for people; ms where a producer's time is in no year that has a date.

    >>> moment(1700000000123), moment(2**62), moment(None)
    ('2023-11-14T22:13:20.123+00:00', '4611686018427387904', None)
    """
    if time_ms is None or time_ms < 0:
        return None
    try:
        return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds")
    except OverflowError:
        return str(time_ms)


def print_columns(names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; None is a dash, a list has commas."""
    sys.stdout.write(columns(names, rows))


def print_json(value: object) -> None:
    """One object, on one line."""
    is_utf = (sys.stdout.encoding or "").lower().startswith("utf")
    sys.stdout.write(json.dumps(value, ensure_ascii=not is_utf) + "\n")


def complain(error: Exception) -> int:
    """Print an error in one line; returns the exit code, or 0 if it is a defect, not an error for users."""
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
    """An error's message in one line; a Kafka error begins with its name."""
    name = getattr(error, "name", None)
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror is not None and name is None:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return f"{name}: {text}" if isinstance(name, str) and name.isupper() else text


class RecordOutput:
    """Bytes of records to stdout, written as soon as there is a break, or each by itself if ``unbuffered``.

    Raises ``BrokenPipeError`` when nobody reads any more.
    """

    def __init__(self, unbuffered: bool) -> None:
        self.unbuffered = unbuffered
        self.stream = sys.stdout.buffer
        self._hangup = select.poll() if hasattr(select, "poll") else None
        if self._hangup is not None:
            self._hangup.register(self.stream.fileno(), 0)

    def write(self, pieces: Iterable[bytes]) -> None:
        """Write these, one after the other."""
        if self.unbuffered:
            for piece in pieces:
                self.stream.write(piece)
                self.stream.flush()
        else:
            self.stream.write(b"".join(pieces))
            self.stream.flush()

    def check_reader(self) -> None:
        """Check whether the reader is still there, while there is nothing to write."""
        if self._hangup is not None and any(
            seen & (select.POLLERR | select.POLLHUP) for _, seen in self._hangup.poll(0)
        ):
            raise BrokenPipeError
