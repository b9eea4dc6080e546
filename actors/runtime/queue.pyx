"""The run queue: every actor's inbox, the order in which they get their turns, and the envelope that carries a cause.

A turn is one message handled to its end by one actor. Messages from one sender to one receiver keep their order.
Two orders between actors:
* in the order of arrival (real time): an actor that has its turn handles up to ``BURST`` waiting messages;
* drawn from a seed (simulation): one message a turn, the next actor drawn from those that have any.

Each envelope knows the trace row it was sent from; when it is delivered, a row is written with that row as its cause,
and becomes the cause of whatever the handler sends. Not thread-safe by itself: a thread that runs turns holds the
driver's lock; ``Inbox.post`` from another thread is safe under the GIL, as no Python code runs inside it.

Invariants between turns (``invariants.pyx``): an inbox with messages is in the run queue once, unless it is held; its
depth is the number of its messages; an answer that is owed is listed by one inbox, and wasn't given yet.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint64_t

from actors.runtime.recorder cimport ENTERED, NOTE, Recorder

from kstore import checked
from kstore.errors import KafkaError

cdef enum:
    BURST = 32  # messages an actor may handle before the others get their turn

STOPPED = "the actor was stopped before it answered"


class Stopped(Exception):
    """The actor, or the node it lived on, was stopped before it answered."""


@cython.freelist(1024)
@cython.trashcan(True)
cdef class Envelope:
    """A message on its way, with the reply it may expect and the trace row that caused it."""


cdef class Inbox:
    """One actor's waiting messages; also its stopped flag, as Pykka's refs expect one."""

    def __init__(self, RunQueue queue, actor, dict handlers, str name):
        self.queue = queue
        self.actor = actor
        self.handlers = handlers
        self.may_refuse = getattr(actor, "may_refuse", frozenset())
        self.name = name
        self.actor_id = queue.recorder.intern(name)

    cdef void post(self, Envelope envelope):
        if self.tail is None:
            self.head = envelope
        else:
            self.tail.next = envelope
        self.tail = envelope
        self.depth += 1
        if not self.scheduled:
            self.scheduled = True
            self.queue.schedule(self)

    def put(self, envelope):
        """Queue the message of a Pykka envelope. It expects no answer: refs ask by ``Ref.ask``."""
        assert envelope.reply_to is None, "refs ask by Ref.ask"
        self.send(envelope.message, None)

    def tell(self, message):
        """Queue a message that expects no answer; a ref's ``tell`` is this method."""
        self.send(message, None)

    cpdef send(self, message, Reply reply_to=None):
        """Queue a message. If the actor has stopped, only a trace row is written, and the reply is ``Stopped``."""
        cdef Envelope envelope
        cdef RunQueue queue = self.queue
        if self.closed:
            queue.recorder.write(queue.recorder.mention(self.name), "DeadLetter", queue.current, 0, -1, -1, 0, NOTE,
                                 queue.clock.monotonic_us())
            if reply_to is not None:
                reply_to.fail(Stopped(STOPPED))
            return
        envelope = Envelope.__new__(Envelope)
        envelope.message = message
        envelope.reply_to = reply_to
        envelope.cause = queue.current
        self.post(envelope)

    def note(self, kind, partition="", int64_t offset1=-1, int64_t offset2=-1, subject="", int64_t cause=0):
        """Write a row about the domain to the flight recorder; an actor's ``note`` is this method."""
        cdef RunQueue queue = self.queue
        cdef Recorder recorder = queue.recorder
        cdef int32_t about = recorder.mention(partition) if partition else 0
        return recorder.write(self.actor_id, kind, cause if cause else queue.current, about, offset1, offset2,
                              recorder.mention(subject) if subject else 0, NOTE, queue.clock.monotonic_us())

    def request(self, message, Inbox asker, then, tuple args):
        """Queue a message whose answer goes to ``asker`` as a call ``then(outcome, *args)`` in a turn of its own."""
        cdef Reply reply = Reply.__new__(Reply)
        reply.asker = asker
        reply.then = then
        reply.args = args
        self.send(message, reply)

    def get(self):
        raise AssertionError("the run queue delivers messages; nothing takes them from an inbox")

    def empty(self):
        return self.head is None

    def is_set(self):
        return self.closed

    def set(self):
        self.close(True)

    def close(self, bint answer):
        """Stop the actor: nothing more is delivered. With ``answer``, requests still waiting end in ``Stopped``;
        without, they vanish, as they do when a node is killed."""
        cdef Envelope envelope = self.head
        cdef Reply reply
        if not self.closed:
            self.queue.recorder.release(self.actor_id)
        self.closed = True
        self.head = self.tail = None
        self.depth = 0
        while envelope is not None:
            if answer and envelope.reply_to is not None:
                envelope.reply_to.fail(Stopped(STOPPED))
            envelope = envelope.next
        while answer and self.owed is not None:
            reply = self.owed
            reply.settle()
            reply.fail(Stopped(STOPPED))
            reply.owner = self  # closed, so a later answer to the same request is ignored

    cdef int owe(self, Reply reply) except -1:
        """Note an answer that the actor will give later. If the actor stops before that, the answer is ``Stopped``."""
        assert reply.owner is None, "an answer is owed by one actor"
        reply.owner = self
        reply.next_owed = self.owed
        if self.owed is not None:
            self.owed.before_owed = reply
        self.owed = reply


@cython.freelist(256)
@cython.trashcan(True)
cdef class Reply:
    """Where the answer to a request goes. Answered at most once; a second answer is a defect.

    An actor that defers its answer owes it: ``owner`` is its inbox, which lists what is owed by ``next_owed``.
    """

    cdef void settle(self):
        """Take it off its owner's list: it is owed no more."""
        if self.before_owed is not None:
            self.before_owed.next_owed = self.next_owed
        else:
            self.owner.owed = self.next_owed
        if self.next_owed is not None:
            self.next_owed.before_owed = self.before_owed
        self.owner = self.next_owed = self.before_owed = None

    def set(self, outcome=None):
        """Answer with a value."""
        cdef Envelope envelope
        cdef Inbox asker = self.asker
        if not self.is_due():
            return
        if asker is None:
            self.then.set(outcome)
        elif not asker.closed:
            envelope = Envelope.__new__(Envelope)
            envelope.message = outcome
            envelope.then = self.then
            envelope.args = self.args
            envelope.cause = asker.queue.current
            asker.post(envelope)

    def fail(self, error):
        """Answer with an exception instance; the asker's ``then`` receives it as its outcome."""
        if self.asker is not None:
            self.set(error)
        elif self.is_due():
            self.then.fail(error)

    cdef bint is_due(self) except -1:
        if self.owner is not None:
            if self.owner.closed:  # the actor has stopped, and the answer it owed was given for it
                return False
            self.settle()
        assert not self.answered, "a request is answered once"
        self.answered = True
        return True


def reply_to_inbox(Inbox asker, then, tuple args=()):
    """A ``Reply`` that ends in a turn of ``asker``: for links, timers and disk threads that answer an actor."""
    cdef Reply reply = Reply.__new__(Reply)
    reply.asker = asker
    reply.then = then
    reply.args = args
    return reply


def reply_outside(future):
    """A ``Reply`` that sets or fails a future at once: for callers outside of the actors."""
    return reply_to_inbox(None, future)


cdef class RunQueue:
    """The actors that have messages waiting, and whose turn it is."""

    def __init__(self, Recorder recorder, seed=None):
        self.recorder = recorder
        self.clock = recorder.clock
        self.answered = recorder.kind_number("Answered")
        self.ready = []
        self.seeded = seed is not None
        self.random_state = (seed or 0) & 0xFFFFFFFFFFFFFFFF

    cdef uint64_t draw(self) noexcept:
        # splitmix64: a full-period generator with one word of state
        self.random_state += 0x9E3779B97F4A7C15ULL
        cdef uint64_t z = self.random_state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL
        return z ^ (z >> 31)

    cdef void schedule(self, Inbox inbox):
        cdef bint was_empty
        if self.seeded:
            was_empty = not self.ready
            self.ready.append(inbox)
        else:
            was_empty = self.first is None
            if was_empty:
                self.first = inbox
            else:
                self.last.next_ready = inbox
            self.last = inbox
        if was_empty and self.running is None and self.on_ready is not None:
            self.on_ready()

    cdef Inbox take(self):
        cdef Inbox inbox
        cdef Py_ssize_t count, index
        if self.seeded:
            count = len(self.ready)
            if count == 0:
                return None
            index = <Py_ssize_t> (self.draw() % <uint64_t> count)
            inbox = self.ready[index]
            self.ready[index] = self.ready[count - 1]
            self.ready.pop()
            return inbox
        inbox = self.first
        if inbox is not None:
            self.first = inbox.next_ready
            inbox.next_ready = None
            if self.first is None:
                self.last = None
        return inbox

    cdef int turn(self, Inbox inbox) except -1:
        cdef Envelope envelope = inbox.head
        cdef object handler, outcome, message = envelope.message
        cdef Recorder recorder = self.recorder
        cdef int64_t row, began_us = self.now_us
        cdef int32_t kind
        inbox.head = envelope.next
        if inbox.head is None:
            inbox.tail = None
        envelope.next = None
        inbox.depth -= 1
        self.turns += 1
        if envelope.then is not None:
            kind = self.answered
        elif type(message) is inbox.last_kind:
            kind = inbox.last_number
        else:
            inbox.last_kind = type(message)
            kind = inbox.last_number = recorder.kind_number(inbox.last_kind)
        row = recorder.put(inbox.actor_id, kind, envelope.cause, 0, -1, -1, 0, inbox.depth, began_us)
        self.current = recorder.turn_row = row
        try:
            if envelope.then is not None:
                envelope.then(message, *envelope.args)
                return 0
            self.reply_to = envelope.reply_to
            handler = inbox.handlers.get(type(message))
            if handler is not None:
                outcome = handler(inbox.actor, message)
            else:
                outcome = inbox.actor._handle_receive(message)
            if self.reply_to is not None:
                self.reply_to.set(outcome)
        except Exception as error:
            if self.reply_to is not None and isinstance(error, KafkaError) and type(message) in inbox.may_refuse:
                self.reply_to.fail(error)
            else:
                recorder.write(inbox.actor_id, "Crashed", self.current, 0, -1, -1, 0, NOTE, self.clock.monotonic_us())
                if self.on_crash is None:
                    raise
                reply_to, self.reply_to = self.reply_to, None
                self.on_crash(inbox.actor, error, reply_to, (message,) if envelope.then is None else envelope.args)
        finally:
            self.reply_to = None
            self.now_us = self.clock.monotonic_us()  # the end of this turn and the beginning of the next
            recorder.end_turn(row, self.now_us - began_us)
        return 0

    def take_reply(self):
        """The reply of the running handler, which answers by itself from now on. ``None`` if no answer is expected."""
        cdef Reply reply = self.reply_to
        self.reply_to = None
        if reply is not None and self.running is not None:
            self.running.owe(reply)
        return reply

    def run(self, int64_t limit=1 << 62, int64_t budget_us=1 << 62):
        """Give turns until nobody has a message, ``limit`` messages were handled, or turns took ``budget_us`` (a turn
        that is under way ends first); returns how many messages were handled."""
        cdef int64_t handled = 0, began_us
        cdef int burst
        cdef Inbox inbox
        assert self.running is None, "turns don't nest: an actor never blocks"
        self.now_us = began_us = self.clock.monotonic_us()
        while handled < limit and self.now_us - began_us < budget_us:
            inbox = self.take()
            if inbox is None:
                break
            self.running = self.ran = inbox
            burst = 1 if self.seeded else BURST
            try:
                while burst > 0 and inbox.head is not None and self.now_us - began_us < budget_us:
                    self.turn(inbox)
                    handled += 1
                    burst -= 1
            finally:
                inbox.scheduled = inbox.head is not None
                if inbox.scheduled:
                    self.schedule(inbox)
                self.running = None
                self.current = 0
            if checked.on:
                from actors.runtime.invariants import check
                check(self, inbox)
        return handled

    def hold(self, Inbox inbox):
        """Give an actor no turns until ``release``: its messages wait, in order. Not from inside its own turn."""
        cdef Inbox before = None, each = self.first
        assert self.running is not inbox, "an actor is held between its turns"
        if not inbox.scheduled:
            inbox.scheduled = True  # so that no message schedules it
            return
        if self.seeded:
            self.ready.remove(inbox)
            return
        while each is not None and each is not inbox:
            before, each = each, each.next_ready
        assert each is not None, "an actor is held once"
        if before is None:
            self.first = inbox.next_ready
        else:
            before.next_ready = inbox.next_ready
        if self.last is inbox:
            self.last = before
        inbox.next_ready = None

    def release(self, Inbox inbox):
        """Give a held actor turns again; the messages that waited come first."""
        assert inbox.scheduled, "an actor that wasn't held is released"
        inbox.scheduled = inbox.head is not None
        if inbox.scheduled:
            self.schedule(inbox)

    def has_ready(self):
        return len(self.ready) > 0 if self.seeded else self.first is not None

    def enter(self, int32_t actor_id, kind, int64_t cause=0, partition="", subject=""):
        """Begin something that comes from outside (a user's call, a timer, a socket, a fault): what is sent until the
        next ``leave`` has this row as its cause. ``partition`` is what it is about, ``subject`` a word on it."""
        cdef Recorder recorder = self.recorder
        cdef int32_t about = recorder.mention(partition) if partition else 0
        self.entered_us = self.clock.monotonic_us()
        self.current = recorder.write(actor_id, kind, cause, about, -1, -1, recorder.mention(subject) if subject else 0,
                                      ENTERED, self.entered_us)
        return self.current

    def leave(self):
        """End what ``enter`` began."""
        if self.current:
            self.recorder.end_turn(self.current, self.clock.monotonic_us() - self.entered_us)
        self.current = 0

    def draw_below(self, int64_t bound):
        """A number from 0 to ``bound`` - 1 from the queue's own seed."""
        return <int64_t> (self.draw() % <uint64_t> bound)
