"""Holds signals: their handlers don't run while a thread changes shared state.

Python runs the handlers that a program has set (Ctrl-C's, pytest-timeout's, a job's time limit) on the main thread,
between any two instructions of whatever that thread is at, and what they raise is raised there. While the main thread
gives turns, or holds a lock, or has begun to wait, that would end an actor's turn in the middle, or leave the lock held
for ever. Handlers of any signal may be set at any time, so wrapping them once isn't enough. Masking signals doesn't
help either: another thread may take them, and the main thread still runs their handlers.

So signals don't interrupt a call into a cluster or a client. Inside ``with signals_held`` the interpreter doesn't take
the main thread for the one that runs handlers, and keeps the signals that come. The handlers run at the end of the
outermost block; in ``take_signals``, which a long call uses where an exception does no harm; and in what
``let_signals_in`` calls: waits and the user's own functions. What they raise is raised there and nowhere else.

The interpreter decides whether a thread may run handlers by comparing its id with ``_PyRuntime.main_thread``, and that
is what a block changes. It costs some nanoseconds and doesn't concern other threads, which aren't the main one either
way. The field isn't part of Python's documented interface. So it is checked once, at import: if it doesn't hold the id
of the main thread, no signals are held.

Each greenlet has its own depth: code that switches to another one keeps ``depth()``, and sets it again when it goes on.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.pythread cimport PyThread_get_thread_ident

import os
import threading
from functools import wraps

cdef extern from *:
    """
    #ifndef Py_BUILD_CORE
    #define Py_BUILD_CORE 1
    #endif
    #undef _PyGC_FINALIZED  /* 3.12 has a macro of this name, and a function where the runtime is described */
    #include "internal/pycore_runtime.h"
    #define runs_handlers (_PyRuntime.main_thread)
    static void set_runs_handlers(unsigned long thread) { runs_handlers = thread; }
    """
    const unsigned long runs_handlers  # the thread that does, as the interpreter sees it; 0: none
    void set_runs_handlers(unsigned long thread) noexcept

cdef unsigned long main_thread = runs_handlers
cdef bint works = main_thread != 0 and main_thread in (PyThread_get_thread_ident(), threading.main_thread().ident)
cdef Py_ssize_t held = 0  # how many blocks the main thread is in


cdef void begin() noexcept:
    """Enter a block."""
    global held
    if works and PyThread_get_thread_ident() == main_thread:
        set_runs_handlers(0)
        held += 1


cdef int end() except -1:
    """Leave a block; the outermost one runs the handlers of the signals that came in it."""
    global held
    if held and PyThread_get_thread_ident() == main_thread:
        held -= 1
        if not held:
            set_runs_handlers(main_thread)
            PyErr_CheckSignals()
    return 0


cdef class SignalsHeld:
    """``with signals_held``: a block that signals don't interrupt. Blocks nest."""

    def __enter__(self):
        begin()

    def __exit__(self, kind, error, traceback):
        end()


signals_held = SignalsHeld()


def in_one_piece(function):
    """Decorate a function: its whole body is a block that signals don't interrupt."""
    @wraps(function)
    def whole(*args, **keywords):
        begin()
        try:
            return function(*args, **keywords)
        finally:
            end()
    return whole


def let_signals_in(function, *args):
    """Call a function that signals may interrupt, from inside a block; signals that have come are handled first."""
    cdef Py_ssize_t before = held
    if not before or PyThread_get_thread_ident() != main_thread:
        return function(*args)
    set_depth(0)
    try:
        PyErr_CheckSignals()
        return function(*args)
    finally:
        set_depth(before)


def take_signals():
    """Handle the signals that have come, from inside a block. What their handlers raise is raised here."""
    if held and PyThread_get_thread_ident() == main_thread:
        set_runs_handlers(main_thread)
        try:
            PyErr_CheckSignals()
        finally:
            set_runs_handlers(0)


def depth():
    """How many blocks the calling greenlet is in; 0 on threads that run no handlers anyway."""
    return held if PyThread_get_thread_ident() == main_thread else 0


def set_depth(Py_ssize_t blocks):
    """Set how many blocks the calling greenlet is in, when it goes on where it was. Runs no handlers."""
    global held
    if works and PyThread_get_thread_ident() == main_thread:
        held = blocks
        set_runs_handlers(0 if blocks else main_thread)


def is_interrupt(error):
    """Whether an exception is no error of the code it came from: a signal's handler raised it, or it ends the program.

    For code that calls the user's functions, or cleans up after a failure. A handler is recognized by the traceback,
    which goes through it.
    """
    if not isinstance(error, Exception):
        return True
    import signal
    codes = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()} - {None}
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            return True
        traceback = traceback.tb_next
    return False


def _code_of(handler):
    """The code that a handler runs; None where it isn't Python's."""
    handler = getattr(handler, "func", handler)  # a partial
    handler = getattr(handler, "__func__", handler)  # a method
    code = getattr(handler, "__code__", None)
    if code is None and callable(handler):
        code = getattr(getattr(type(handler), "__call__", None), "__code__", None)
    return code


def _was_forked():
    """The child's main thread is the one that forked."""
    global held, main_thread
    cdef bint is_the_same = main_thread == PyThread_get_thread_ident()
    if works:
        main_thread = PyThread_get_thread_ident()
        set_depth(held if is_the_same else 0)


os.register_at_fork(after_in_child=_was_forked)
