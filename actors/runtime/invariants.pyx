"""The run queue's invariants between turns, asserted in checked mode after each actor's turn.

The checks walk over the queue's own messages, answers and lists only. They run no code that could change these.
"""

from actors.runtime.queue cimport Envelope, Inbox, Reply, RunQueue

cdef enum:
    INBOXES_MAX = 1 << 24  # more can only be a queue whose end leads back into it


def check(RunQueue queue not None, Inbox inbox not None):
    """Assert what must hold after a turn of the actor that has this inbox."""
    check_messages(inbox)
    check_owed(inbox)
    check_queue(queue)


cdef int check_messages(Inbox inbox) except -1:
    cdef Envelope envelope = inbox.head
    cdef int count = 0
    while envelope is not None:
        count += 1
        assert envelope.next is not None or envelope is inbox.tail, "the last message is the tail"
        envelope = envelope.next
    assert count == inbox.depth, "the depth is the number of messages"
    assert inbox.scheduled or count == 0, "an actor with messages gets its turn"
    return 0


cdef int check_owed(Inbox inbox) except -1:
    cdef Reply reply = inbox.owed, before = None
    while reply is not None:
        assert reply.owner is inbox and reply.before_owed is before, "an answer is owed by one actor"
        assert not reply.answered, "what was answered is owed no more"
        before, reply = reply, reply.next_owed
    return 0


cdef int check_queue(RunQueue queue) except -1:
    cdef Inbox each = queue.first
    cdef list waiting = list(queue.ready)
    cdef set seen = set()
    while each is not None:
        assert each.next_ready is not None or each is queue.last, "the last in the run queue is its end"
        waiting.append(each)
        assert len(waiting) <= INBOXES_MAX, "the run queue has an end"
        each = each.next_ready
    for each in waiting:
        assert each not in seen, "an actor is in the run queue once"
        seen.add(each)
        assert each.scheduled, "an actor in the run queue knows it"
        assert each.head is not None or each.closed, "an actor without a message gets no turn"
    return 0
