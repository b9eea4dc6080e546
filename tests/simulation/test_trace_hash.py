"""The same seed is the same run, whatever Python's string hashes are: nothing depends on the order of a set."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.simulation

ROOT = Path(__file__).parents[2]


def trace_hashes(hash_seed: str) -> dict[int, str]:
    command = [sys.executable, "-m", "actors.simulation.campaign", "--seeds", "2", "--first", "3", "--keep-going"]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 2, done.stdout + done.stderr
    return {line["seed"]: line["trace_hash"] for line in lines}


def test_three_values_of_the_hash_seed_give_the_same_traces() -> None:
    first = trace_hashes("0")
    assert len(set(first.values())) == 2
    assert trace_hashes("1") == first
    assert trace_hashes("4242") == first
