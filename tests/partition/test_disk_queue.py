"""The disk work of a log in order, and who waits for it, by itself."""

from typing import Any

from actors.partition.replica.disk_queue import DiskQueue
from kstore.log import DiskWork


class Disk:
    """Does the work of an actor when it is told to, in order."""

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        self.delayed: list[tuple[int, str]] = []

    def after(self, delay_ms, message) -> None:
        self.delayed.append((delay_ms, message.work.name))

    def on_disk(self, work, then, *args) -> None:
        self.waiting.append((work, then, args))

    def do_one(self) -> None:
        work, then, args = self.waiting.pop(0)
        try:
            outcome = work()
        except OSError as error:
            outcome = error
        then(outcome, *args)


class Log:
    """As much of a log as a queue knows."""

    def __init__(self) -> None:
        self.end_offset = 0
        self.recovery_point = 0
        self.failure: str | None = None
        self.disk, self.is_settled = self, True  # whether what was cut is durably gone
        self.handed_out: list[Any] = []
        self.done: list[str] = []

    def work(self, name, *, fails=False):
        end_offset = self.end_offset

        def run() -> None:
            if fails:
                raise OSError(5, "no")

        def done(error) -> None:
            self.done.append(name)
            if error is None:
                self.recovery_point = max(self.recovery_point, end_offset)
            else:
                self.failure = str(error)

        return DiskWork(name, run, done)

    def take_work(self):
        handed_out, self.handed_out = self.handed_out, []
        return handed_out

    def flush_work(self):
        if self.recovery_point < self.end_offset or not self.is_settled:
            return self.work(f"sync {self.end_offset}")
        return None


def queue_of():
    disk, log = Disk(), Log()
    asked: Any = (disk, log)
    return DiskQueue(*asked), disk, log


def test_work_is_done_in_order_one_at_a_time():
    queue, disk, log = queue_of()
    log.handed_out = [log.work("a"), log.work("b")]
    queue.start()
    log.handed_out = [log.work("c")]
    queue.start()
    assert len(disk.waiting) == 1
    for _ in range(3):
        disk.do_one()
    assert log.done == ["a", "b", "c"]
    assert not queue.busy


def test_those_who_wait_while_a_sync_is_under_way_share_the_next():
    queue, disk, log = queue_of()
    told = []
    for end_offset in (1, 2, 3):
        log.end_offset = end_offset
        queue.sync(lambda end_offset=end_offset: told.append(end_offset))
    disk.do_one()
    assert told == [1]
    disk.do_one()
    assert told == [1, 2, 3]
    assert log.done == ["sync 1", "sync 3"]


def test_a_cut_is_waited_for_though_all_that_is_left_is_durable():
    queue, disk, log = queue_of()
    told = []
    log.end_offset = 3
    queue.sync(lambda: told.append("before"))
    log.end_offset = log.recovery_point = 2
    log.is_settled = False
    queue.sync(lambda: told.append("after the cut"))
    disk.do_one()
    assert told == []
    log.is_settled = True
    disk.do_one()
    assert told == ["before", "after the cut"]


def test_what_is_durable_already_is_not_waited_for():
    queue, disk, _ = queue_of()
    told = []
    queue.sync(lambda: told.append(1))
    assert told == [1]
    assert disk.waiting == []


def test_a_sync_that_other_work_has_made_needless_leaves_the_queue_ready():
    queue, disk, log = queue_of()
    told = []
    log.end_offset = 1
    queue.add([log.work("roll")])
    queue.sync(lambda: told.append(1))
    disk.do_one()
    disk.do_one()
    assert told == [1]
    log.end_offset = 2
    queue.sync(lambda: told.append(2))
    disk.do_one()
    assert told == [1, 2]


def test_a_failed_sync_tells_those_who_wait():
    queue, disk, log = queue_of()
    told = []
    log.end_offset = 1
    queue.add([log.work("roll", fails=True)])
    queue.sync(lambda: told.append(log.failure))
    disk.do_one()
    assert told == ["[Errno 5] no"]


def test_the_last_thing_comes_after_all_work():
    queue, disk, log = queue_of()
    log.handed_out = [log.work("a"), log.work("b")]
    queue.start()
    queue.end_with(lambda: log.done.append("last"))
    disk.do_one()
    disk.do_one()
    assert log.done == ["a", "b", "last"]
    assert disk.waiting == []


def test_the_last_thing_to_a_log_that_goes_waits_for_the_work_under_way_and_no_other():
    queue, disk, log = queue_of()
    log.handed_out = [log.work("a"), log.work("b")]
    queue.start()
    queue.drop_and(lambda: log.done.append("last"))
    disk.do_one()
    assert log.done == ["a", "last"]
    assert disk.waiting == []


def test_work_with_a_delay_waits_for_it_whether_it_was_taken_or_handed_over() -> None:
    for takes in (True, False):
        disk, log = Disk(), Log()
        queue = DiskQueue(disk, log)  # type: ignore[arg-type]
        works = [log.work("unlink")._replace(delay_ms=5), log.work("roll")]
        if takes:
            log.handed_out = works
            queue.start()
        else:
            queue.begin(works)
        disk.do_one()
        assert (log.done, disk.waiting, disk.delayed) == (["roll"], [], [(5, "unlink")])
