"""The repair of an offline replica whose log is damaged, once other replicas lead without it and have all of it.

All files of the log are read and compared, off the turn, a piece at a time (``kstore/log/verify.py``). Damaged ones are
set aside (``kstore/log/quarantine.py``). The segments before the first damaged one stay: the replica then follows from
their end on, and gets the rest again. Those behind it are kept beside the log until it is in sync again: if its leader
is damaged elsewhere, they may be the only ones of their kind.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.partition.replica.disk_queue import Defect
from actors.runtime.logs import logger
from kstore.log.quarantine import make_room, quarantine
from kstore.log.verify import LogCheck

if TYPE_CHECKING:
    from actors.partition.replica.offline import Offline

STEPS_A_TIME = 16
"""Half a megabyte is read before other work of the disk has its turn."""


class Repair:
    """``is_done`` once only what is sound is left; it ends at ``end_offset`` then, -1 if nothing is left."""

    __slots__ = ("_check", "_offline", "is_done")

    def __init__(self, offline: Offline) -> None:
        replica = offline.replica
        config = replica.log_config
        self._offline = offline
        self._check = LogCheck(
            replica.node.fs,
            replica.label,
            epochs=replica.log.epochs.entries if replica.has_log else (),
            is_dense=not config.compacted,
            index_interval_bytes=config.index_interval_bytes,
        )
        self.is_done = False

    @property
    def end_offset(self) -> int:
        """Where the sound segments end."""
        return self._check.end_offset

    def go_on(self) -> None:
        """Have some more checked."""
        self._offline.replica.on_disk(partial(_some_steps, self._check), self._checked)

    def _is_wanted(self) -> bool:
        replica = self._offline.replica
        return replica.offline is self._offline and replica.ending is None

    def _checked(self, outcome: object) -> None:
        if not self._is_wanted():
            return
        if isinstance(outcome, OSError | Defect):
            self._failed(outcome)
        elif outcome:
            self.go_on()
        else:
            self._set_aside()

    def _set_aside(self) -> None:
        replica, check = self._offline.replica, self._check
        fs = replica.node.fs
        for wrong in check.wrong:
            replica.note("DamageFound", replica.label, wrong.offset, -1, str(wrong))
        try:
            kept, rest = quarantine(
                fs, replica.label, {each.path: None for each in check.wrong}.keys(), check.first_unsound
            )
        except OSError as error:
            self._failed(error)
            return
        for path in kept:
            what = "node %d: %s is damaged, and kept as %s"
            logger("storage").warning(what, replica.node.node_id, replica.label, path)
        replica.note("LogQuarantined", replica.label, check.end_offset, -1, ", ".join(kept))
        replica.on_disk(partial(make_room, fs, rest), self._done)

    def _done(self, outcome: object) -> None:
        """If the disk failed, the next try to open the log tells."""
        if self._is_wanted():
            self.is_done = True
            self._offline.try_now()

    def _failed(self, outcome: OSError | Defect) -> None:
        self._offline.repair = None
        self._offline.try_later()
        if isinstance(outcome, Defect):
            raise outcome.error


def _some_steps(check: LogCheck) -> object:
    """Whether there is more to check."""
    try:
        return all(check.step() for _ in range(STEPS_A_TIME))
    except OSError as error:
        return error
    except Exception as error:  # noqa: BLE001 - raised in the turn
        return Defect(error)
