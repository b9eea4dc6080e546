"""What the tests of all applications share: the topics of a Kafka, and the application as a process.

``KAFKA_BOOTSTRAP_SERVERS`` is the only thing that they know of the Kafka under them: kstore's or Apache's. A test
begins without topics and groups, as with a container that a session shares: what it leaves is removed after it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from application import Application
from topics import Topics

ADDRESS = "KAFKA_BOOTSTRAP_SERVERS"


@pytest.fixture(scope="session")
def bootstrap() -> str:
    """Where Kafka listens."""
    return os.environ[ADDRESS]


@pytest.fixture
def kafka(bootstrap: str) -> Iterator[Topics]:
    """Its topics; they are gone after the test, and so are the groups."""
    topics = Topics(bootstrap)
    yield topics
    topics.remove_all()


@pytest.fixture
def start(
    kafka: Topics, request: pytest.FixtureRequest, tmp_path: Path, bootstrap: str
) -> Iterator[Callable[..., Application]]:
    """``start("faststream", "run", "invoicing:app", STATE="here")``: a program of this environment, or of the machine.

    It runs in the folder of the test's file, knows Kafka's address and a folder for what it keeps, and ends with the
    test.
    """
    started: list[Application] = []
    known = {
        **os.environ,
        ADDRESS: bootstrap,
        "STATE_DIR": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
    }

    def run(command: str, *arguments: str, **variables: str) -> Application:
        own = Path(sys.executable).with_name(command)
        path = str(own) if own.exists() else command
        application = Application(
            [path, *arguments],
            request.path.parent,
            {**known, **variables},
            tmp_path / f"output-{len(started)}",
        )
        started.append(application)
        return application

    yield run
    for application in started:
        application.end()
