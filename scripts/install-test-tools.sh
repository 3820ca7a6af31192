#!/usr/bin/env bash
# Installs the programs that tests and benchmarks call, as Debian packages: what is missing, and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
for tool in curl wrk openssl; do
  command -v "$tool" > /dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi
bench/install-rivals.sh
