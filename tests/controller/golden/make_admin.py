"""Writes what a real Apache Kafka answers to the admin scripts: ``python tests/controller/golden/make_admin.py``."""

import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1]), str(HERE.parent)]

from controller.admin_scripts import CONFIG, transcript  # noqa: E402

from bench.peers import kafka  # noqa: E402

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, kafka.running(Path(folder), 1, CONFIG) as cluster:
        found = transcript("127.0.0.1", cluster.ports[0])
    (HERE / f"kafka-{kafka.VERSION}-admin.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
