"""Checked mode: the invariants of classes are asserted, even where that is expensive.

An assertion that costs next to nothing is a plain ``assert`` and always there. One that has to walk over what an object
holds stands in a method ``check`` of the class, which is called where the object has changed, in checked mode alone::

    from kstore import checked

    def truncate_to(self, offset):
        ...
        if checked.on:
            self.check()

``check`` asserts and returns nothing. It changes, draws, sends and records nothing, so that a run is the same with it
and without. Read ``checked.on`` as an attribute of the module each time: it changes. Extensions cimport ``is_on``.

It is on in the debug and the sanitized build (``make debug``, ``make asan``), and while the simulator plays a seed.
"""

cdef extern from *:
    """
    #ifndef KSTORE_CHECKED
    #define KSTORE_CHECKED 0
    #endif
    """
    bint KSTORE_CHECKED

on = bool(KSTORE_CHECKED)
is_on = on


cdef void switch(bint to):
    global on, is_on
    on = bool(to)
    is_on = to


class Checked:
    """Turns checked mode on while it is entered."""

    def __enter__(self):
        self.before = on
        switch(True)

    def __exit__(self, *failure):
        switch(self.before)


def turned_on():
    """A context manager that turns checked mode on.

    >>> from kstore import checked
    >>> with checked.turned_on():
    ...     checked.on
    True
    """
    return Checked()
