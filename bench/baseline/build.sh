#!/bin/sh
# Compiles the C programs of the baseline into build/, each only when a source is newer than the program.
# CC names another compiler.
set -eu
cd "$(dirname "$0")"
mkdir -p build

for program in echo-server echo-load; do
  if [ -x "build/$program" ] && [ -z "$(find "$program.c" ./*.h build.sh -newer "build/$program")" ]; then
    continue
  fi
  # Unquoted, so that CC may carry a wrapper or options: CC='ccache gcc'.
  ${CC:-cc} -std=c11 -O2 -Wall -Wextra -Werror -o "build/$program" "$program.c"
done
