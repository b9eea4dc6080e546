"""The exactly-once story, step by step: what happens in it, and what it waits for in between.

A shop sends orders. The workers A and B make invoices of them, in transactions with the group's offsets. A is killed in
the middle of a transaction: its invoices are in the log, and only a read_uncommitted reader sees them, until a worker
with A's transactional id aborts them and does the orders again. B freezes in the middle of a transaction; when it wakes
up, another worker has its place, and its commit is refused. At the end orders and invoices are counted.
"""

from __future__ import annotations

import signal

from actors.cli.story.exactly_once.clients import INVOICES, ORDERS
from actors.cli.story.exactly_once.counts import Counts, count
from actors.cli.story.exactly_once.state import LEVELS, InvoicingState
from actors.cli.story.play import BROKERS, Play
from actors.cli.story.processes import Cast
from actors.cli.story.stages import Stage
from actors.cli.story.state import PRODUCER, Seen
from actors.cli.story.telling import CLIENTS as SHOP
from actors.cli.story.telling import users
from actors.trace.printing import some

CLIENTS = "actors.cli.story.exactly_once.clients"
PARTITIONS = 3
SCENE_ORDERS = 400  # how many orders flow before the next thing happens, so that a viewer sees them flow


class ExactlyOnce(Play[InvoicingState]):
    """One telling of the story, on its own cluster in its own folder."""

    question = "why invoices were held back or aborted"
    json_name = "why_aborted"

    def __init__(self, stage: Stage[InvoicingState]) -> None:
        super().__init__(stage, InvoicingState)

    @property
    def cast(self) -> Cast:
        """The state, for its clients."""
        return self.state

    def play(self) -> None:
        """All that happens, while it is watched."""
        self._open()
        self._kill_a_worker()
        self._freeze_a_worker()
        self._close()

    def count(self) -> Counts:
        """What is counted when the brokers have stopped."""
        return count(self.folder, INVOICES, PARTITIONS, self.state)

    def look_at_cluster(self) -> None:
        """Who leads, who is in sync."""
        topic = self.cluster.image().topics.get(INVOICES)
        partitions: dict[int, Seen] = {} if topic is None else dict(topic.partitions)
        self.state.see(self.doing(), self.cluster.image().controller_id, partitions)

    def _open(self) -> None:
        self.cluster.start()
        self.say(f"three brokers are ready on {self.cluster.bootstrap_servers}, their logs in {self.folder}")
        for topic in (ORDERS, INVOICES):
            self.cluster.create_topic(topic, PARTITIONS, BROKERS)
        self.say(f"topics {ORDERS} and {INVOICES} have {PARTITIONS} partitions of {BROKERS} replicas each")
        for name in "AB":
            self._work(name, name)
        for level in LEVELS:
            self.clients.start(level, CLIENTS, "read", self.cluster.bootstrap_servers, level)
        with self.look():
            pass
        self.wait(self.state.shared_out, "partitions for both workers")
        self.say(f"two workers make invoices from orders, each in transactions: {self.state.assignment_text()}")
        bootstrap = self.cluster.bootstrap_servers
        self.clients.start(PRODUCER, SHOP, "produce", bootstrap, ORDERS, ",".join(users()))
        self._scene()
        self.say(f"{self._committed()} invoices in {self.state.transactions} transactions are committed so far")

    def _kill_a_worker(self) -> None:
        written = self._stop_in_the_middle("A")
        self.clients.kill("A")
        self.say(
            f"worker A was killed with SIGKILL in the middle of a transaction, with {some(written, 'invoice')} written"
        )
        self._tell_what_is_held()
        self._work("A2", "A")
        self.wait(lambda: self.state.workers["A2"].state != "starting", "A's successor")
        self._remember("A")
        self.say("A2 starts with A's transactional id: A's transaction is aborted, its orders are as if never read")
        self.wait(self.state.shared_out, "partitions for A2")
        self.say(f"A2 makes A's invoices anew: {self.state.assignment_text()}")
        self._scene()

    def _freeze_a_worker(self) -> None:
        written = self._stop_in_the_middle("B")
        self.clients.signal("B", signal.SIGSTOP)
        with self.clients.changed:
            self.state.frozen("B")
        self.say(f"worker B freezes in the middle of a transaction, with {some(written, 'invoice')} written (SIGSTOP)")
        self._work("B2", "B")
        self.wait(lambda: self.state.workers["B2"].state != "starting", "B's successor")
        self._remember("B")
        self.say("B2 starts with B's transactional id: B's transaction is aborted, and B is fenced")
        self.wait(self.state.shared_out, "partitions for B2")
        self.clients.signal("B", signal.SIGCONT)
        self.wait(lambda: bool(self.state.fenced), "B to find out")
        self.clients.await_end("B")
        self.say(f"B wakes up, a zombie, and wants to commit: {self.state.fenced[0]}. {self.state.assignment_text()}")
        self._scene()

    def _close(self) -> None:
        self.clients.finish(PRODUCER, lambda: self.state.produced, "the last order")
        self.wait(self.state.all_invoiced, "an invoice of each order")
        more = self.state.seen_by("read_uncommitted") - self._committed()
        self.say(
            f"each of the {len(self.state.acks)} orders has its invoice; the read_uncommitted reader saw {more} more, "
            "which were aborted; the clients stop"
        )
        self.clients.stop_all()

    def _work(self, name: str, slot: str) -> None:
        """Start a worker; two workers of one slot have the same transactional id."""
        self.clients.start(name, CLIENTS, "work", self.cluster.bootstrap_servers, name, _id_of(slot))

    def _stop_in_the_middle(self, name: str) -> int:
        """Have a worker stop in its next transaction, with its invoices in the log: how many."""
        worker = self.state.workers[name]
        self.clients.signal(name, signal.SIGUSR1)
        self.wait(lambda: worker.state == "uncommitted", f"an open transaction of {name}")
        return worker.uncommitted

    def _tell_what_is_held(self) -> None:
        """The readers differ now: say by how much, and have the trace say why."""

        def held() -> dict[int, int]:
            uncommitted, committed = (self.state.readers[level].next for level in LEVELS)
            return {number: each - committed.get(number, 0) for number, each in uncommitted.items()}

        self.wait(lambda: sum(held().values()) > 0, "a reader that is held back")
        number = max(held(), key=lambda each: held()[each])
        self.say(f"the read_uncommitted reader sees them, the read_committed reader waits at partition {number}")
        found = self.cluster.trace.why_not_visible(INVOICES, number)
        found.steps = []  # the transaction's are told when it is aborted
        self.causes.append(str(found))

    def _remember(self, slot: str) -> None:
        self.causes.append(str(self.cluster.trace.transaction(_id_of(slot))))

    def _committed(self) -> int:
        return self.state.seen_by("read_committed")

    def _scene(self) -> None:
        wanted = self._committed() + SCENE_ORDERS
        self.wait(lambda: self._committed() >= wanted, "invoices that flow")


def _id_of(slot: str) -> str:
    return f"invoicing-{slot}"
