"""What each module of ``compiled.txt`` earns: the processor's instructions that it saves by being compiled.

``python -m bench.compiled`` (or ``make bench-compiled``) counts, under valgrind's callgrind, what a record takes with
all modules compiled, then with each of them alone run as the Python it is, and writes what came out into
``compiled.txt``. Instructions are counted and not time, so that they hardly differ from run to run, whatever else the
machine does.
"""
