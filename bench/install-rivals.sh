#!/usr/bin/env bash
# Installs what iomux is measured against, as Debian packages: what is missing, and nothing else.
set -euo pipefail

packages=(
  gcc libc6-dev pkg-config libuv1-dev libevent-dev
  python3 python3-uvloop python3-gevent python3-twisted python3-tornado
)
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "all rivals are installed"
  exit 0
fi

echo "installing ${missing[*]}"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
