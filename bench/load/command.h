// What the C programs share as commands: how they fail, read a number and obtain descriptors.
#ifndef IOMUX_BENCH_COMMAND_H
#define IOMUX_BENCH_COMMAND_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

// A benchmark that goes on after an error measures something else than it claims, so every error ends it.
__attribute__((noreturn, format(printf, 1, 2))) static inline void fail(const char* format, ...) {
  va_list values;
  va_start(values, format);
  fprintf(stderr, "%s: ", program_invocation_short_name);
  vfprintf(stderr, format, values);
  fputc('\n', stderr);
  va_end(values);
  exit(1);
}

__attribute__((noreturn)) static inline void fail_call(const char* call) {
  fail("%s: %s", call, strerror(errno));
}

// Returns the result of a system call, which must not be negative.
static inline int check(int result, const char* call) {
  if (result < 0) fail_call(call);
  return result;
}

static inline void* check_memory(void* memory) {
  if (memory == NULL) fail("out of memory");
  return memory;
}

static inline double parse_number(const char* option, const char* text, double minimum, double maximum) {
  char* end;
  const double value = strtod(text, &end);
  // Written so that NaN is refused too.
  if (end == text || *end != '\0' || !(value >= minimum && value <= maximum)) {
    fail("--%s must be a number from %.15g to %.15g, not '%s'", option, minimum, maximum, text);
  }
  return value;
}

static inline unsigned long parse_integer(const char* option, const char* text, double minimum,
                                          double maximum) {
  const double value = parse_number(option, text, minimum, maximum);
  if (value != (double)(unsigned long)value) fail("--%s must be an integer, not '%s'", option, text);
  return (unsigned long)value;
}

// The soft limit is commonly 1,024 for the sake of select(2), which is not used here. Node.js raises it too.
static inline void raise_descriptor_limit(void) {
  struct rlimit limit;
  check(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  check(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

#endif
