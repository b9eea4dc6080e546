"""Servers and client programs as processes of their own, which end with the test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import Program, Server

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def run() -> Iterator[Callable[..., Program]]:
    """Start a program; whatever still runs at the end of the test is killed."""
    started: list[Program] = []

    def start(*command: str) -> Program:
        program = Program(*command)
        started.append(program)
        return program

    yield start
    for program in started:
        program.kill()


@pytest.fixture
def programs(run: Callable[..., Program]) -> Callable[..., Program]:
    """Start one of the client programs in Python."""
    return lambda name, *arguments: run(sys.executable, "-u", str(PROGRAMS / name), *map(str, arguments))


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., Server]]:
    """Start ``kstore serve`` with three brokers on free ports and a fresh folder, or as the options say."""
    started: list[Server] = []

    def start(*options: str) -> Server:
        server = Server(*(options or ("--brokers", "3", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path))))
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()
