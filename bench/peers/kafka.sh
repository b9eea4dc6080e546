#!/usr/bin/env bash
# A real Apache Kafka on loopback, for a look by hand; `kafka.sh --help` lists what it can do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec "${PYTHON:-python3}" -m bench.peers.kafka "$@"
