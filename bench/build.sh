#!/bin/sh
# Compiles the C programs of load/ and rivals/ into build/, each only when a source is newer than the program.
# One whose library is missing is left out, and removed if it is an old one. CC names another compiler; exit code 127: there is none.
set -eu
cd "$(dirname "$0")"
mkdir -p build

# What pkg-config calls the library that a program is written for; nothing: it needs none.
library_of() {
  case $1 in
    libuv-*) echo libuv ;;
    libevent-*) echo libevent_core ;;
  esac
}

compiles_for_x64() {
  printf '#if !defined(__x86_64__) || defined(__ILP32__)\n#error\n#endif\n' | ${CC:-cc} -E - > /dev/null 2>&1
}

for source in load/*.c rivals/*.c; do
  name=$(basename "$source" .c)
  program=build/$name
  library=$(library_of "$name")
  flags=
  if [ "$name" = epoll-refilled-echo ]; then
    compiles_for_x64 || continue
    # It leaves calls without a return, which a shadow stack would not forgive.
    flags=-fcf-protection=none
  fi
  if [ -n "$library" ] && ! flags=$(pkg-config --cflags --libs "$library" 2> /dev/null); then
    rm -f "$program"
    continue
  fi
  if [ -x "$program" ] && [ -z "$(find "$source" load/*.h rivals/*.h rivals/epoll-echo.c build.sh -newer "$program")" ]; then
    continue
  fi
  # Under another name first: the program may be running, or another build may be under way.
  # Unquoted, so that CC may carry a wrapper or options: CC='ccache gcc'.
  ${CC:-cc} -std=c11 -O2 -Wall -Wextra -Werror -o "$program.$$" "$source" -pthread $flags
  mv "$program.$$" "$program"
done
