"""``kstore`` run as a process of its own, forked from one that has it imported already (``prepared.py``)."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import prepared

PATIENCE_S = 60


class Commands:
    """What runs them; ``program`` does for a shell: put its folder first on the path."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="kstore-")  # a socket's path is short
        self.address = os.path.join(self.folder, "socket")
        self.program = Path(prepared.install(self.folder, self.address))
        self.process = subprocess.Popen(
            [sys.executable, prepared.__file__, self.address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def run(
        self, *words: str, stdin: bytes = b"", env: Mapping[str, str], cwd: Path
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``kstore`` with these words to its end."""
        reader, writer = os.pipe()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            descriptors = (reader, out.fileno(), err.fileno())
            command = [str(self.program), *words]
            connection = prepared.ask(self.address, command, dict(env), str(cwd), descriptors)
            os.close(reader)
            feeder = threading.Thread(target=_feed, args=(writer, stdin))
            feeder.start()
            with contextlib.closing(connection):
                connection.settimeout(PATIENCE_S)
                prepared.number_from(connection)
                status = prepared.number_from(connection)
            feeder.join()
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(status), out.read(), err.read())

    def close(self) -> None:
        """Run no more."""
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.folder)


def _feed(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as pipe:
        try:
            pipe.write(data)
            pipe.flush()
        except BrokenPipeError:
            return  # it reads no more, as it may
