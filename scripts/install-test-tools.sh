#!/usr/bin/env bash
# Installs the programs that tests and benchmarks call, as Debian packages: what is missing, and nothing else.
set -euo pipefail

missing=()
for tool in curl wrk openssl; do
  command -v "$tool" > /dev/null || missing+=("$tool")
done
/usr/bin/python3 -c 'import uvloop' 2> /dev/null || missing+=(python3-uvloop)
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing ${missing[*]}"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
