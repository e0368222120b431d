#!/usr/bin/env bash
# Puts the jars of Apache Kafka into build/kafka (or $KAFKA_JARS) and prints that directory.  Once; 46 MB.  Fails, and says why, where Java or
# Maven is not installed.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
jars=${KAFKA_JARS:-$top/build/kafka}
if [ ! -e "$jars/complete" ]; then
  for program in java mvn; do command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 1; }; done
  mkdir -p "$jars"
  (flock 9; [ -e "$jars/complete" ] || { mvn -q -B -f "$top/test/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars" >&2 && touch "$jars/complete"; }) 9>"$jars/lock"
fi
echo "$jars"
