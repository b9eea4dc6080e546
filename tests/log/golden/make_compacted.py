"""Has a real Apache Kafka write and compact two logs, and asks its consumer about them:
``python tests/log/golden/make_compacted.py``.

The logs are those of ``oracle/test_folders_of_kafka.py``; what was asked is in ``answers.txt``.
"""

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1])]

from oracle.test_folders_of_kafka import write_and_ask  # noqa: E402

from bench.peers import kafka  # noqa: E402

LOGS = ("compacted", "compacted-later")


def main() -> None:
    made = HERE / f"kafka-{kafka.VERSION}-compacted"
    shutil.rmtree(made, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        written, said = write_and_ask(Path(folder))
        for name in LOGS:
            shutil.copytree(written / f"{name}-0", made / f"{name}-0")
        shutil.copy(written / "cleaner-offset-checkpoint", made / "cleaner-offset-checkpoint")
    (made / "answers.txt").write_text("".join(f"{line}\n" for line in said if line.split()[0] in LOGS))


if __name__ == "__main__":
    main()
