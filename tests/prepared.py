"""The ``kstore`` command without its start: each run is a fork of a process that has imported all of it already.

A start takes ten times what most commands do. Here they take the same code from ``main()`` on, in a process of their
own with its own streams, folder, environment and end. Tests of the start itself, of terminals and of signals start the
real one. ``commands.py`` starts the process that forks, this file, and asks it; so does the program that ``install``
writes, for a shell: with its own streams, passing signals on.

A request is its length and, marshalled, the words, the environment and the folder, with three descriptors; answers are
the command's pid and, once it has ended, its status as ``os.waitpid`` gives it. The command is killed when the
process that asked goes.
"""

# The head is what the program for shells imports: little, as it starts anew each time.
import _signal
import _socket
import marshal
import os
import sys

NUMBER_BYTES = 8


def ask(
    address: str, words: list[str], environment: dict[str, str], folder: str, descriptors: tuple[int, int, int]
) -> "_socket.socket":
    """Have a command begin with these descriptors as its standard streams."""
    connection = _socket.socket(_socket.AF_UNIX)
    connection.connect(address)
    request = marshal.dumps((words, environment, folder))
    rights = b"".join(each.to_bytes(4, sys.byteorder) for each in descriptors)
    head = len(request).to_bytes(NUMBER_BYTES, "big")
    connection.sendmsg([head], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    connection.sendall(request)
    return connection


def number_from(connection: "_socket.socket") -> int:
    """The next of the answers."""
    return int.from_bytes(read(connection, NUMBER_BYTES), "big", signed=True)


def read(connection: "_socket.socket", count: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError("the process that runs commands has gone")
        data += piece
    return data


def shell_program(address: str) -> None:
    """Be the command, as far as a shell can tell: its streams, its signals and its exit status."""
    connection = ask(address, sys.argv, dict(os.environ), os.getcwd(), (0, 1, 2))
    pid = number_from(connection)
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, lambda number, _frame: os.kill(pid, number))
    status = number_from(connection)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != _signal.SIGKILL:
            _signal.signal(number, _signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def install(folder: str, address: str) -> str:
    """Write the program for shells into a folder; its path."""
    program = os.path.join(folder, "kstore")
    here = os.path.dirname(os.path.abspath(__file__))
    with open(program, "w") as file:
        file.write(
            f"#!{sys.executable} -IS\n"
            f"import sys\nsys.path.insert(0, {here!r})\n"
            f"from prepared import shell_program\nshell_program({address!r})\n"
        )
    os.chmod(program, 0o755)
    return program


def serve(address: str) -> None:
    """Fork for each request; returns in the process that is to be the command, which ends as any program does."""
    import gc
    import signal
    import socket

    _import_commands()
    gc.collect()
    gc.freeze()  # else each fork copies what the collector looks at, and looks at all of it as it ends
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    os.write(1, b"ready\n")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who watches a command ends by itself
    while True:
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            continue
        listener.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        head, descriptors, _, _ = socket.recv_fds(connection, NUMBER_BYTES, 3)
        head += read(connection, NUMBER_BYTES - len(head))
        words, environment, folder = marshal.loads(read(connection, int.from_bytes(head, "big")))
        pid = os.fork()
        if pid:
            _watch(connection, pid, descriptors)
        connection.close()
        _become(words, environment, folder, descriptors)
        return


def _import_commands() -> None:
    import importlib
    import pkgutil

    import actors.cli
    import kstore

    for module in pkgutil.walk_packages(actors.cli.__path__, f"{actors.cli.__name__}."):
        importlib.import_module(module.name)
    for name in ("Admin", "Consumer", "Producer", "Trace"):
        getattr(kstore, name)
    importlib.import_module("actors.network.tcp_link")


def _watch(connection: "_socket.socket", pid: int, descriptors: list[int]) -> None:
    """See a command to its end, and bring the end about when nobody asks for it any more. Doesn't return."""
    import threading

    ended = threading.Event()

    def end_with_it() -> None:
        connection.recv(1)
        if not ended.is_set():
            os.kill(pid, _signal.SIGKILL)

    for each in descriptors:
        os.close(each)
    connection.sendall(pid.to_bytes(NUMBER_BYTES, "big"))
    threading.Thread(target=end_with_it, daemon=True).start()
    _, status = os.waitpid(pid, 0)
    ended.set()
    try:
        connection.sendall(status.to_bytes(NUMBER_BYTES, "big", signed=True))
    finally:
        os._exit(0)


def _become(words: list[str], environment: dict[str, str], folder: str, descriptors: list[int]) -> None:
    import time

    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv[:] = words
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False, buffering=1 if os.isatty(1) else -1)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)


if __name__ == "__main__":
    serve(sys.argv[1])

    from actors.cli.main import main

    sys.exit(main())
