"""``python -m kstore.schema.generator JARS_DIR [--check]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from kstore.schema.generator.definitions import read_jars
from kstore.schema.generator.emit import module, versions
from kstore.schema.generator.modules import by_module

_SCHEMA = Path(__file__).parent.parent


def generated(jars: Path) -> dict[Path, str]:
    """Path of every generated file -> its text."""
    messages = read_jars(jars)
    found = {
        _SCHEMA / "messages" / f"{name}.py": module(name, members) for name, members in by_module(messages).items()
    }
    found[_SCHEMA / "versions.py"] = versions(messages)
    return found


def differences(jars: Path) -> list[str]:
    """What is checked in and isn't what the jars say, or the other way round."""
    wanted = generated(jars)
    wrong = [f"{path.name} differs" for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    known = {*wanted, _SCHEMA / "messages" / "__init__.py"}
    return wrong + [f"{path.name} is left over" for path in (_SCHEMA / "messages").glob("*.py") if path not in known]


def main() -> None:
    """Write or compare the generated modules."""
    parser = argparse.ArgumentParser(prog="python -m kstore.schema.generator", description=__doc__)
    parser.add_argument("jars", type=Path, help="the folder with Apache Kafka's jars")
    parser.add_argument("--check", action="store_true", help="compare only; exit code 1 when something differs")
    arguments = parser.parse_args()
    if arguments.check:
        if wrong := differences(arguments.jars):
            raise SystemExit("\n".join(wrong))
        return
    for path, text in generated(arguments.jars).items():
        path.write_text(text)


if __name__ == "__main__":
    main()
