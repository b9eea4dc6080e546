"""The frameworks: where each one's application is, and what it needs."""

from __future__ import annotations

from pathlib import Path

from kstore.named import NamedTuple

APPS = Path(__file__).parent / "apps"


class Framework(NamedTuple):
    """One framework and our application on it."""

    name: str
    title: str
    client: str
    install: tuple[str, ...]
    """What a user installs, from the package index."""
    application: str
    """The file that is shown, in the framework's folder."""
    command: str
    about: str
    maven: bool = False
    """Whether it is Java, with a pom.xml that names its jars."""

    @property
    def folder(self) -> Path:
        return APPS / f"on_{self.name.replace('-', '_')}"

    @property
    def path(self) -> Path:
        return self.folder / self.application

    @property
    def tests_path(self) -> Path:
        return next(self.folder.glob("test_*.py"))


FRAMEWORKS = (
    Framework(
        "faststream-aiokafka",
        "FastStream",
        "aiokafka",
        ("faststream[kafka,cli]",),
        "invoicing.py",
        "faststream run invoicing:app",
        "A subscriber that is a publisher too; Pydantic checks what comes in.",
    ),
    Framework(
        "faststream-confluent",
        "FastStream with confluent-kafka",
        "confluent-kafka",
        ("faststream[confluent,cli]",),
        "invoicing.py",
        "faststream run invoicing:app",
        "The same application on librdkafka.",
    ),
    Framework(
        "quixstreams",
        "Quix Streams",
        "confluent-kafka",
        ("quixstreams",),
        "orders.py",
        "python orders.py",
        "A stateless and a stateful branch; the state lies in RocksDB and in a changelog topic.",
    ),
    Framework(
        "faust",
        "Faust",
        "aiokafka",
        ("faust-streaming",),
        "orders.py",
        "faust -A orders worker",
        "An agent with a table, which is a changelog topic. (`faust-streaming` is the maintained fork.)",
    ),
    Framework(
        "kafka-streams",
        "Kafka Streams",
        "Apache Kafka's Java client",
        (),
        "Orders.java",
        "java -cp 'libs/*' Orders.java",
        "Java. A stateless and a stateful part; the state lies in RocksDB and in a changelog topic.",
        maven=True,
    ),
    Framework(
        "arroyo",
        "Arroyo",
        "confluent-kafka",
        ("sentry-arroyo",),
        "invoicing.py",
        "python invoicing.py",
        "Sentry's library of processing strategies: run a task, produce, commit.",
    ),
    Framework(
        "bytewax",
        "Bytewax",
        "confluent-kafka",
        ("bytewax[kafka]",),
        "orders.py",
        "python -m bytewax.run orders:flow",
        "A dataflow with a stateful map. Bytewax reads without a group; state and positions are in a recovery folder.",
    ),
    Framework(
        "pathway",
        "Pathway",
        "rust-rdkafka",
        ("pathway",),
        "orders.py",
        "python orders.py",
        "Tables that are kept up to date while records come in.",
    ),
    Framework(
        "kstreams",
        "Kstreams",
        "aiokafka",
        ("kstreams", "aiorun"),
        "invoicing.py",
        "python invoicing.py",
        "A stream is a coroutine.",
    ),
    Framework(
        "kombu",
        "Kombu",
        "confluent-kafka",
        ("kombu[confluentkafka]",),
        "invoicing.py",
        "python invoicing.py",
        "The `confluentkafka` transport: queues are topics.",
    ),
    Framework(
        "celery",
        "Celery",
        "confluent-kafka",
        ("celery", "kombu[confluentkafka]"),
        "tasks.py",
        "celery -A tasks worker --pool solo",
        "Tasks by way of Kombu's transport; results are files.",
    ),
)
