"""The application on Celery, whose broker is a Kafka by way of Kombu."""

import importlib
import sys

import pytest


class TestTasks:
    command = (
        "celery",
        "-A",
        "tasks",
        "worker",
        "--pool",
        "solo",
        "--without-mingle",
        "--without-gossip",
    )

    @pytest.fixture
    def tasks(self, kafka, bootstrap, tmp_path, monkeypatch, request):
        kafka.make("invoicing", partitions=1)
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", bootstrap)
        monkeypatch.setenv("STATE_DIR", str(tmp_path))
        monkeypatch.syspath_prepend(request.path.parent)
        sys.modules.pop("tasks", None)
        return importlib.import_module("tasks")

    def test_a_task_is_done_by_a_worker(self, tasks, start):
        start(*self.command)
        assert tasks.invoice.delay(1, 2, 3).get(timeout=60) == {"order": 1, "total": 6}

    def test_what_was_asked_before_a_worker_is_there_is_done_later(self, tasks, start):
        asked = [tasks.invoice.delay(number, number, 2) for number in range(20)]
        start(*self.command)
        assert [each.get(timeout=60)["total"] for each in asked] == [
            2 * number for number in range(20)
        ]

    def test_a_worker_that_starts_again_does_the_rest(self, tasks, start, kafka):
        first = start(*self.command)
        assert tasks.invoice.delay(1, 2, 3).get(timeout=60)
        kafka.wait_for_no_lag("invoicing-consumer-group", "invoicing")
        first.stop()
        later = tasks.invoice.delay(2, 2, 2)
        start(*self.command)
        assert later.get(timeout=60)["total"] == 4

    def test_tasks_follow_each_other_in_a_chain(self, tasks, start):
        start(*self.command)
        chained = tasks.invoice.s(1, 2, 3) | tasks.total.s()
        assert tasks.total.delay([{"total": 1}, {"total": 2}]).get(timeout=60) == 3
        assert chained.tasks[0].delay().get(timeout=60)["total"] == 6
