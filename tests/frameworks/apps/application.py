"""An application as a process of its own, whose end is part of what a test may ask for."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_TIMEOUT_S = 30.0
SHOWN_LINES = 40


class Application:
    """What was started, with what it printed."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        output: Path,
    ) -> None:
        self._output = output
        with output.open("wb") as file:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def printed(self) -> str:
        """All that it has printed so far."""
        return self._output.read_text(errors="replace")

    def check(self) -> None:
        """Fail when it has ended, with what it printed last."""
        assert not self.ended, (
            f"the application ended with {self._process.returncode}:\n{self._last_lines()}"
        )

    def stop(self) -> None:
        """As an operator stops it: by SIGTERM; it has to end in order."""
        self.check()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_TIMEOUT_S)

    def kill(self) -> None:
        """SIGKILL: it can do nothing more."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Whatever state it is in."""
        if not self.ended:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def _last_lines(self) -> str:
        return "\n".join(self.printed().splitlines()[-SHOWN_LINES:])
