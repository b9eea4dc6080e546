"""The programs of one run: which there are, which of them die, and who comes in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from actors.clients.client import node_of
from actors.simulation.committed_reader import CommittedReader
from actors.simulation.transactor import TransactionalProgram, Transactor
from actors.simulation.worker import SimulatedWorker

if TYPE_CHECKING:
    from actors.cluster import Cluster
    from actors.simulation.client import Workload
    from actors.simulation.program import Program

P = TypeVar("P", bound="Program")

TRANSACTIONAL_IDS = ("transactor-0", "transactor-1", "worker-0", "worker-1")

ZOMBIES = 0.3
"""How often one that is replaced goes on."""


class Programs:
    """Transactional producers, workers and a reader of what is committed; ``labels`` are counted, so each is new."""

    def __init__(self, cluster: Cluster, workload: Workload) -> None:
        self.cluster = cluster
        self.workload = workload
        self.random = cluster.world.random
        self.all: list[Program] = []
        self.lost: list[Program] = []
        self.made = 0

    def make(self) -> None:
        """Those of the beginning."""
        for number in range(self.random.randint(1, 2)):
            self.add(Transactor, TRANSACTIONAL_IDS[number])
        for number in range(self.random.randint(1, 2)):
            self.add(SimulatedWorker, TRANSACTIONAL_IDS[2 + number])
        self.begin(CommittedReader(self.cluster, self.workload, "committed", goes_back=True))

    def add(self, kind: type[TransactionalProgram], transactional_id: str) -> None:
        """Begin one more transactional program of a kind."""
        self.made += 1
        self.begin(kind(self.cluster, self.workload, f"{kind.__name__[0].lower()}{self.made}", transactional_id))

    def begin(self, program: Program) -> None:
        """Keep a program, and begin it."""
        self.all.append(program)
        program.start()

    def of(self, kind: type[P]) -> list[P]:
        """Those of a kind that there are now."""
        return [program for program in self.all if isinstance(program, kind)]

    def are_over(self) -> bool:
        """Whether all have ended, zombies as well."""
        return all(program.is_over for program in [*self.all, *self.lost])

    def node_ids(self) -> list[int]:
        """The nodes of their clients, as they are now."""
        return [node_of(client).node_id for program in self.all for client in program.clients]

    def lose_one(self) -> None:
        """Have another take the place of one with a transactional id, which is killed, or becomes a zombie: one that is
        in a transaction, if there is any.
        """
        programs = self.of(TransactionalProgram)
        lost = self.random.choice([each for each in programs if each.is_in_transaction] or programs)
        if self.random.random() >= ZOMBIES:
            lost.kill()
        lost.is_replaced = True
        self.all.remove(lost)
        self.lost.append(lost)
        self.add(type(lost), lost.transactional_id)
