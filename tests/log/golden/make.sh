#!/usr/bin/env bash
# Makes the files of kafka-4.3.1/ anew: a log directory that a real Apache Kafka has written and closed.
# Usage: make.sh BOOTSTRAP LOG_DIRECTORY PID, of one running node: it is sent what produce.py produces, then stopped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python3 "$here/produce.py" "$1"
kill "$3"
while kill -0 "$3" 2>/dev/null; do sleep 0.2; done
rm -rf "$here/kafka-4.3.1" && mkdir "$here/kafka-4.3.1"
cd "$2"
cp -R golden-0 meta.properties .kafka_cleanshutdown ./*-offset-checkpoint "$here/kafka-4.3.1/"
rm -f "$here/kafka-4.3.1/cleaner-offset-checkpoint"
