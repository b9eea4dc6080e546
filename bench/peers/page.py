"""``docs/benchmarks.md``: a page of parts, each measured by a run of its own, at its own time and revision.

A run writes its parts and leaves the others as they are. A part begins with its heading of the second level; what is
before the first one is the head, the part without a name.
"""

import re
from collections.abc import Mapping
from pathlib import Path

HEAD = ""
ORDER = (
    HEAD,
    "Beside Apache Kafka and kfake",
    "Goals",
    "What falls short, and why",
    "What failed in this run",
    "Transactions",
    "Consumer groups",
    "Storage",
    "In the process",
)


def write(path: Path, parts: Mapping[str, str]) -> None:
    """Put parts into a page, by their headings; an empty one takes its part out."""
    known = {**(read(path.read_text()) if path.exists() else {}), **parts}
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [f"## {name}\n\n{known[name]}" if name else known[name] for name in ORDER if known.get(name)]
    path.write_text("\n\n".join(texts) + "\n")


def read(page: str) -> dict[str, str]:
    """A page's parts by their headings."""
    head, *rest = re.split(r"^## (.+)\n", page, flags=re.MULTILINE)
    names, texts = rest[::2], rest[1::2]
    return {HEAD: head.strip(), **{name: text.strip() for name, text in zip(names, texts, strict=True)}}
