"""What the order-events story counts when all is over: from its clients' words, and from the brokers' log files."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass

from actors.cli.story.state import State
from actors.cli.story.wrapping import wrapped
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig

NODES = 3
FIGURES_COLUMNS = 42  # what comes after the figures begins here, two columns in


@dataclass(frozen=True)
class Counts:
    """The figures at the end of the story."""

    acknowledged: int
    found: int
    lost: int
    doubled: int
    disordered: int
    replicas_differ: int
    redelivered: int
    redelivered_after_kill: int
    failed: int
    unread: int

    @property
    def good(self) -> bool:
        """Whether every figure that must be zero is."""
        wrong = (self.lost, self.doubled, self.disordered, self.replicas_differ, self.failed, self.unread)
        return not any(wrong)

    def as_json(self) -> dict[str, object]:
        """The figures under their names, and whether they are as they must be."""
        return {"good": self.good, **asdict(self)}

    def text(self, width: int | None = None) -> str:
        """The figures, a line each, wrapped to the terminal's width, or to this one."""
        before_kill, before_rebalance = self.redelivered_after_kill, self.redelivered - self.redelivered_after_kill
        reasons = [f"{before_kill} received by C, which was killed before it committed them"] if before_kill else []
        reasons += [f"{before_rebalance} received, but not committed before a rebalance"] if before_rebalance else []
        why = f"  ({'; '.join(reasons)})" if reasons else ""
        lines = "\n".join(
            (
                f"  acknowledged to the producer     {self.acknowledged:6}",
                f"  refused to the producer          {self.failed:6}  (must be 0)",
                f"  found in the log                 {self.found:6}",
                f"  acknowledged but lost            {self.lost:6}  (must be 0)",
                f"  twice in the log                 {self.doubled:6}  (must be 0)",
                f"  out of order for their user      {self.disordered:6}  (must be 0)",
                f"  partitions whose copies differ   {self.replicas_differ:6}  (must be 0)",
                f"  acknowledged but never read      {self.unread:6}  (must be 0)",
                f"  redelivered to the group         {self.redelivered:6}{why}",
            )
        )
        return wrapped(lines, FIGURES_COLUMNS, width)


def count(folder: str, topic: str, partitions: int, state: State) -> Counts:
    """Read the logs of the stopped brokers and hold them against what the clients said."""
    in_log: Counter[int] = Counter()
    disordered = replicas_differ = 0
    for partition in range(partitions):
        copies = [orders_in(folder, node, f"{topic}-{partition}") for node in range(1, NODES + 1)]
        replicas_differ += any(copy != copies[0] for copy in copies)
        latest: dict[str, int] = {}
        for order, user, _ in copies[0]:
            in_log[order] += 1
            disordered += order <= latest.get(user, -1)
            latest[user] = order
    killed = {name for name, member in state.members.items() if member.state == "killed"}
    again = {order: members for order, members in state.receivers.items() if len(members) > 1}
    return Counts(
        acknowledged=len(state.acks),
        found=sum(in_log.values()),
        lost=sum(1 for order in state.acks if order not in in_log),
        doubled=sum(1 for times in in_log.values() if times > 1),
        disordered=disordered,
        replicas_differ=replicas_differ,
        redelivered=sum(len(members) - 1 for members in again.values()),
        redelivered_after_kill=sum(len(members) - 1 for members in again.values() if members[0] in killed),
        failed=len(state.failures),
        unread=sum(1 for order in state.acks if order not in state.receivers),
    )


def orders_in(folder: str, node: int, partition: str) -> list[tuple[int, str, bytes]]:
    """Every record of one broker's copy of a partition: order, user, and the bytes of the batch it is in."""
    fs = PosixFileSystem(f"{folder}/node-{node}")
    log = Log.open(fs, partition, LogConfig(), now_ms=0, clean=True)
    orders = []
    for batch in log.batches(log.start_offset):
        whole = bytes(batch.header) + bytes(batch.payload)
        for record in batch.records():
            assert record.value is not None, "every order has a value"
            orders.append((json.loads(record.value)["order"], json.loads(record.value)["user"], whole))
    fs.close()
    return orders
