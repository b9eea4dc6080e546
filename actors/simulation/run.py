"""One run: a seed's cluster, its clients, its faults; then healing, coming to rest, and the judgement of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from actors.clients.admin.descriptions import ConfigResource
from actors.clients.structs import TopicPartition
from actors.cluster import Cluster
from actors.image.topic_names import OFFSETS_TOPIC, TRANSACTIONS_TOPIC
from actors.runtime import Node
from actors.runtime.driver import NodeCrashed, SimulationStalled
from actors.simulation import ownership
from actors.simulation.client import SimulatedClient, Workload
from actors.simulation.committed_reader import CommittedReader
from actors.simulation.disks import Disks
from actors.simulation.faults import FaultSchedule
from actors.simulation.hasty_producer import HastyProducer
from actors.simulation.history import History
from actors.simulation.invariants import Judge
from actors.simulation.ledger import Violation
from actors.simulation.members import Members
from actors.simulation.power_losses import PowerLosses
from actors.simulation.producer import SimulatedProducer
from actors.simulation.programs import TRANSACTIONAL_IDS, Programs
from actors.simulation.reader import SimulatedReader
from actors.simulation.records_deleter import RecordsDeleter
from actors.simulation.seed_outcome import SeedOutcome
from actors.simulation.topic_maker import TopicMaker
from actors.simulation.transaction_history import TransactionOutcome, missing_outputs
from actors.simulation.transactor import COORDINATORS, Transactor
from actors.simulation.worker import GROUP
from actors.transactions.metadata import EPOCH_MAX
from kstore import checked
from kstore.errors import KafkaError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

C = TypeVar("C", bound=SimulatedClient)

TOPIC = "orders"
OUTPUTS = "invoices"
LATER_TOPIC = "orders-abroad"
TRACE_ROWS = 1 << 13
ROWS_SHOWN = 40
REST_SECONDS_MAX = 60
LOOK_SECONDS = 0.05
CLASSIC = 0.25
WORN = 0.3
DELETING = 0.4
COMPACTING = 0.4
HASTY_MAX = 4

CONFIG = {
    "broker.heartbeat.interval.ms": "250",
    "broker.session.timeout.ms": "1000",
    "group.consumer.assignment.interval.ms": "300",
    "group.consumer.heartbeat.interval.ms": "400",
    "group.consumer.min.heartbeat.interval.ms": "400",
    "group.consumer.min.session.timeout.ms": "3000",
    "group.consumer.session.timeout.ms": "3000",
    "group.initial.rebalance.delay.ms": "100",
    "leader.imbalance.check.interval.seconds": "1",
    "log.cleaner.backoff.ms": "700",
    "log.flush.offset.checkpoint.interval.ms": "2000",
    "log.flush.start.offset.checkpoint.interval.ms": "2000",
    "log.initial.task.delay.ms": "500",
    "log.retention.check.interval.ms": "900",
    "offsets.retention.check.interval.ms": "3000",
    "offsets.topic.num.partitions": str(ownership.COORDINATORS),
    "offsets.topic.replication.factor": "3",
    "replica.fetch.wait.max.ms": "300",
    "replica.high.watermark.checkpoint.interval.ms": "1000",
    "replica.lag.time.max.ms": "1500",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "transaction.state.log.num.partitions": str(COORDINATORS),
    "transaction.state.log.replication.factor": "3",
}

COMPACTED = {"internal.segment.bytes": "8000", "min.cleanable.dirty.ratio": "0.1"}
"""Of internal topics, in some runs: segments that are full soon, and compacted."""

SYNCED = {"log.flush.interval.messages": "1"}
"""Of brokers, in some runs: each record is synced before it counts as replicated."""

POWER = ("synced", "budget", "")
"""By turns: brokers lose their power although, and as each record is synced; never."""

KEYS = (3, 30, 1_000)

IDS = ((0, 1, 2, 3, 4), (1, 2, 3, 4, 5), (1001, 0, 7, 5, 6), (1, 2, 3, 4, 5))
"""The ids of the nodes, by turns; the first is the controller's."""

COUNTED = {
    "logs offline": "ReplicaOffline",
    "controllers resigned": "MetadataHalted",
    "checkpoints not written": "CheckpointNotWritten",
    "truncations": "Truncated",
    "duplicates answered": "DuplicateAnswered",
    "epochs fenced": "EpochFenced",
    "epochs of consumer groups": "EpochBegun",
    "revocations": "RevocationBegun",
    "groups upgraded": "GroupUpgraded",
    "groups downgraded": "GroupDowngraded",
    "coordinators of groups loaded": "GroupsLoaded",
    "coordinators of transactions loaded": "TransactionsLoaded",
    "transactions completed": "TransactionCompleted",
    "segments expired": "SegmentsExpired",
    "records deleted": "RecordsDeleted",
    "logs compacted": "LogCleaned",
}


class Run:
    """One seed, set up and played. What is drawn is drawn from the world's own randomness."""

    def __init__(self, seed: int) -> None:
        wire = seed % 3 == 0
        brokers = 5 if seed % 7 == 0 else 3
        node_ids = IDS[seed % len(IDS)][:brokers]
        self.power = POWER[seed // 2 % len(POWER)]
        config = CONFIG | SYNCED if self.power == "synced" else CONFIG
        self.cluster = Cluster.unstarted(node_ids=node_ids, seed=seed, config=config, trace_rows=TRACE_ROWS, wire=wire)
        self.world = self.cluster.world
        self.disks = Disks(self.cluster)
        self.random = self.world.random
        self.history = History()
        self.judge = Judge(self.cluster, self.history)
        partitions = self.random.randint(1, 3)
        self.workload = Workload(self.history, node_ids, TOPIC, OUTPUTS, partitions, wire=wire)
        self.workload.is_synced = self.power == "synced"
        self.workload.keys = tuple(b"key-%d" % number for number in range(self.random.choice(KEYS)))
        self.workload.deletes = self.allow_deletion
        self.workload.is_gone = lambda partition, value: self.judge.book(f"{TOPIC}-{partition}").records.is_gone(value)
        self.history.log_start = lambda partition: self.judge.book(f"{TOPIC}-{partition}").records.start
        self.history.newest_epoch = lambda partition: max(self.judge.book(f"{TOPIC}-{partition}").leaders, default=0)
        self.workload.transactions.stable_end = lambda each: self.judge.book(f"{each[0]}-{each[1]}").records.stable_end
        self.history.committed_end = lambda partition: self.judge.book(f"{TOPIC}-{partition}").committed_end
        self.history.ownership.outdated_us = self.judge.coordinators.outdated_us
        self.judge.coordinators.ended = self.history.group_ended
        self.workload.transactions.fenced = self.judge.producers.fenced
        self.workload.transactions.outdated_us = self.judge.coordinators.outdated_us
        self.programs = Programs(self.cluster, self.workload)
        self.clients: list[SimulatedClient] = []
        self.client_ids: list[int] = []
        self.members = Members(self.cluster, self.workload, self.begin)
        self.workload.worker_protocol = self.random.choice(("classic", "consumer"))
        self.power_losses: PowerLosses | None = None
        self.made = 0
        self.seed = seed

    def allow_deletion(self, partition: int, offset: float) -> None:
        """Records of the topic may be deleted up to an offset from now on."""
        book = self.judge.book(f"{TOPIC}-{partition}")
        book.deleted_to = max(book.deleted_to, offset)

    def look(self) -> None:
        """Judge a turn; the judge sees through every trouble of the disks."""
        with self.disks.seen_through():
            self.judge.look()

    def client_node(self) -> Node:
        """A node of its own for a client."""
        self.made += 1
        node = Node(self.world, -self.made, kind="client")
        self.cluster.net.join(node)
        self.client_ids.append(node.node_id)
        return node

    def begin(self, client_class: type[C], name: str, *args: object, **kwargs: object) -> C:
        """Begin a client on a node of its own."""
        ref = client_class.start(self.client_node(), name, self.workload, *args, **kwargs)
        return ref.actor_as(client_class)

    def make_clients(self) -> None:
        """Begin the producers, the reader and the groups' members, drawn in number and kind."""
        random = self.random
        for number in range(random.randint(1, 2)):
            label = f"p{number}"
            pace_ms = random.choice((20, 60, 200))
            self.clients.append(self.begin(SimulatedProducer, label, label=label, acks=-1, pace_ms=pace_ms))
        pace_ms = random.choice((20, 100, 300))
        self.clients.append(self.begin(SimulatedProducer, "careless", label="careless", acks=1, pace_ms=pace_ms))
        self.clients.append(self.begin(SimulatedReader, "reader", label="reader"))
        if random.random() < DELETING:
            self.begin(RecordsDeleter, "deleter")
        for number in range(random.randint(1, HASTY_MAX)):
            label = f"hasty-{number}"
            self.clients.append(self.begin(HastyProducer, label, label=label))
        self.members.make()

    def play(self) -> None:
        """The whole run; raises what went wrong."""
        self.world.driver.after_event = self.look  # type: ignore[attr-defined]
        self.cluster.start()
        maker = self.begin(TopicMaker, "maker", (TOPIC, OUTPUTS))
        self.until(lambda: maker.resting, "the topics are made")
        self.agree_on_a_protocol()
        if self.random.random() < COMPACTING:
            self.compact_internal_topics()
        self.make_clients()
        if self.random.random() < WORN:
            self.use_up_epochs()
        self.programs.make()
        later = self.begin(TopicMaker, "later maker", (LATER_TOPIC,), delay_ms=self.random.randint(0, 15_000))
        self.storm(self.random.uniform(8, 20))
        self.until(lambda: later.resting, "the later topic is made")
        self.workload.closing = True
        self.until(self.is_at_rest, "everything is at rest again")
        self.read_all()
        self.read_all_committed()
        self.until(self.judge.is_all_replicated, "every replica has everything, and knows that it is committed")
        self.until(
            lambda: not self.judge.owed() and self.judge.coordinators.are_loaded(),
            "every append has been answered, and every coordinator has read its log",
        )
        self.judge.judge_everything()
        self.world.driver.after_event = None  # type: ignore[attr-defined]

    def agree_on_a_protocol(self) -> None:
        """Have transactions go by the classic protocol in some runs."""
        if self.random.random() < CLASSIC:
            self.judge.producers.bumps_epochs = False
            with self.cluster.admin() as admin:
                admin.update_features({"transaction.version": ("SAFE_DOWNGRADE", 1)})

    def compact_internal_topics(self) -> None:
        """Have the logs of coordinators compacted while they are in use."""
        self.init_transactions()
        with self.cluster.admin() as admin:
            admin.alter_group_offsets("nobody", {TopicPartition(TOPIC, 0): 0})
            admin.alter_configs(
                [ConfigResource("topic", name, COMPACTED) for name in (OFFSETS_TOPIC, TRANSACTIONS_TOPIC)]
            )

    def use_up_epochs(self) -> None:
        """Have the epochs of the programs' producer ids end soon, as if they had been in use for years."""
        self.workload.transactions.is_worn = True
        self.init_transactions()
        for _, shard, _ in self.judge.coordinators.loaded_transactions():
            for transaction in shard.transactions.values():
                epoch = EPOCH_MAX - self.random.randint(3, 10)
                transaction.metadata = transaction.metadata._replace(epoch=epoch)
        self.init_transactions()  # with that the log has them

    def init_transactions(self) -> None:
        """Have a producer begin with each of the programs' transactional ids."""
        for transactional_id in TRANSACTIONAL_IDS:
            with self.cluster.producer(transactional_id=transactional_id) as producer:
                producer.init_transactions()

    def storm(self, seconds: float) -> None:
        """Let faults happen for so long, then heal them."""
        faults = FaultSchedule(
            self.cluster,
            lambda: [*self.client_ids, *self.programs.node_ids()],
            PowerLosses(self.cluster, self.disks, self.judge, is_synced=self.workload.is_synced)
            if self.power
            else None,
            self.disks.slow,
        )
        self.power_losses = faults.power
        end_us = self.world.clock.now_us() + round(seconds * 1e6)
        while self.world.clock.now_us() < end_us:
            self.world.driver.drive(lambda: False, faults.step())
            if self.members.is_one_lost():
                self.client_ids.remove(self.members.lose_one())
            if self.random.random() < 0.08:
                self.programs.lose_one()
        faults.stop()

    def until(self, condition: Callable[[], object], what: str, every_s: float = LOOK_SECONDS) -> None:
        """Let time pass until it is so, and look every so many seconds; looking may cost more than a turn does."""
        end_us = self.world.clock.now_us() + REST_SECONDS_MAX * 1_000_000
        while not condition():
            if self.world.clock.now_us() >= end_us:
                raise Violation("within a minute of healing", f"not so: {what}; {self.what_is_not()}")
            self.world.driver.drive(lambda: False, every_s)

    def read_all(self) -> None:
        """A fresh reader reads everything; the history is judged by it."""
        reader = self.begin(SimulatedReader, "last reader", label="last reader", to_end=True)
        self.until(lambda: reader.resting, "all that is there can be read")
        idempotent = {
            client.label for client in self.clients if isinstance(client, SimulatedProducer) and client.is_idempotent
        }
        log = self.judge.contents(TOPIC, aborted=True)
        for partition, values in reader.values.items():
            self.history.judge_last_reading("the last reader", partition, values, log[TOPIC, partition])
        self.history.judge_the_whole({partition: each.ever for (_, partition), each in log.items()}, idempotent)
        if self.history.findings:
            raise Violation(*self.history.findings[0])

    def read_all_committed(self) -> None:
        """Let the workers finish, and end all programs; the history of transactions is judged by a fresh reader."""
        self.until(lambda: self.judge.is_all_stable(TOPIC), "the last stable offsets have reached the high watermarks")
        reader = CommittedReader(self.cluster, self.workload, "last committed", goes_back=False)
        self.programs.begin(reader)
        self.until(lambda: reader.is_at(self.judge.end_offsets(TOPIC)), "all that is committed can be read")
        worked = "workers have worked on all that there is"
        self.until(lambda: not missing_outputs(self.judge.contents(TOPIC, OUTPUTS), TOPIC, OUTPUTS), worked, every_s=1)
        self.until(self.judge.is_all_stable, "the last stable offsets have reached the high watermarks")
        self.until(lambda: reader.is_at(self.judge.end_offsets(TOPIC, OUTPUTS)), "all that is committed can be read")
        self.workload.done = True
        self.until(self.programs.are_over, "all programs have ended")
        committed = self.judge.contents(TOPIC, OUTPUTS)
        self.workload.transactions.judge_the_whole(committed, TOPIC, OUTPUTS, GROUP)
        if self.history.findings:
            raise Violation(*self.history.findings[0])

    def is_at_rest(self) -> bool:
        """Whether all is as it has to be after the faults."""
        return not self.what_is_not()

    def what_is_not(self) -> str:
        """What is not at rest, in words; empty when everything is."""
        for node_id in self.cluster.node_ids:
            image = self.cluster.image(node_id)
            for topic in image.topics.values():
                for number, partition in topic.partitions.items():
                    if partition.leader < 0 or len(partition.isr) < len(partition.replicas):
                        return f"node {node_id} knows {topic.name}-{number} as {partition}"
        busy = [
            client.actor_urn
            for client in self.clients
            if isinstance(client, SimulatedProducer | HastyProducer) and not client.resting
        ]
        if busy:
            return f"{busy} wait for acknowledgements"
        busy = [program.label for program in self.programs.of(Transactor) if not program.is_over]
        if busy:
            return f"{busy} are in transactions"
        return self.members.what_is_not()

    def counts(self) -> dict[str, int]:
        """How often each thing happened in the run."""
        recorder = self.world.recorder
        transactions = self.workload.transactions
        counts = {
            "failovers": self.judge.failovers,
            "power losses": self.power_losses.count if self.power_losses is not None else 0,
            "isr shrinks": self.judge.isr_shrinks,
            "isr growths": self.judge.isr_growths,
            "acknowledged": len(self.history.acked_values),
            "read": self.history.reads,
            "read committed": transactions.reads,
            "late commits refused": self.history.ownership.refusals,
            "transactions committed": transactions.count(TransactionOutcome.COMMITTED),
            "transactions aborted": transactions.count(TransactionOutcome.ABORTED),
            "transactions uncertain": transactions.count(TransactionOutcome.ASKED),
        }
        return counts | {name: recorder.count(kind) for name, kind in COUNTED.items()}


def play(seed: int) -> SeedOutcome:
    """Play one seed to its end, or to the first thing that must not be."""
    outcome = SeedOutcome(seed)
    run = Run(seed)
    try:
        with checked.turned_on():
            run.play()
        outcome.ok = True
    except Violation as violation:
        outcome.invariant, outcome.detail = violation.invariant, violation.detail
    except KafkaError as error:  # the judge looks at a log in use
        outcome.invariant, outcome.detail = "a log in use can be read", error.message
    except (NodeCrashed, SimulationStalled, TimeoutError) as failure:
        outcome.invariant, outcome.detail = type(failure).__name__, str(failure)
        cause = failure.__cause__
        if cause is not None and cause.__traceback__ is not None:
            outcome.detail += _where(cause.__traceback__)
    outcome.trace_hash = run.world.recorder.trace_hash()
    outcome.events = run.judge.turns
    outcome.virtual_seconds = run.world.clock.now_us() / 1e6
    outcome.counts = run.counts()
    if not outcome.ok:
        outcome.trace = [
            f"{row.sequence} {row.time_us / 1e6:.6f} <-{row.cause} {row.actor} {row.kind} {row.partition} "
            f"{row.offset1} {row.offset2}"
            for row in run.world.recorder.recent(ROWS_SHOWN)
        ]
    run.cluster._abandon()
    return outcome


def _where(traceback: TracebackType | None) -> str:
    lines = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        lines.append(f"{code.co_filename.rsplit('/actors/', 1)[-1]}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return " at " + " < ".join(reversed(lines[-4:]))
