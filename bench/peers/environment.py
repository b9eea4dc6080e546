"""The machine a measurement was taken on, and the versions of what took part: figures without these say nothing."""

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path


def describe() -> dict[str, str]:
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "load when it began": f"{os.getloadavg()[0]:.1f}",
        "confluent-kafka": version("confluent-kafka"),
        "kcat": _kcat(),
        "Java": _first_line("java", "-version", containing="version"),
        "Go": _first_line("go", "version", containing="go"),
    }


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _kcat() -> str:
    """Kcat's version and its library's, without the list of features."""
    line = _first_line("kcat", "-V", containing="Version")
    found = re.search(r"Version (\S+).*\b(librdkafka \S+)", line)
    return f"{found[1]}, {found[2]}" if found else line


def _first_line(*command: str, containing: str) -> str:
    if shutil.which(command[0]) is None:
        return "not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if containing in line]
    return lines[0] if lines else "installed"
