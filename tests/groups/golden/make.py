"""Write down what a real Apache Kafka answers to the group scripts: ``python tests/groups/golden/make.py``.

Needs a JDK and Maven. The file it writes is checked in, so that ``make test`` needs neither.
"""

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from groups.group_scripts import CONFIG, POLICY, SCRIPTS, transcript, transcript_under  # noqa: E402
from groups.migration_scripts import POLICIES  # noqa: E402

from bench.peers.kafka import running  # noqa: E402

GOLDEN = Path(__file__).with_name("kafka-4.4.0.json")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), 1, CONFIG) as kafka:
        found = {
            script.__name__: transcript(kafka.bootstrap, script, script.__name__.replace("_", "-"))
            for script in SCRIPTS
        }
    for policy in POLICIES:
        config = {**CONFIG, POLICY: policy}
        with tempfile.TemporaryDirectory() as folder, running(Path(folder), 1, config) as kafka:
            found[f"{POLICY}={policy}"] = transcript_under(policy, kafka.bootstrap)
    lines = [f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]" for name, rows in found.items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
